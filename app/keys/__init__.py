"""From keyboards and gamepads to actions and commands."""
