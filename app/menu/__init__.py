"""Choosing what to play: the worlds at hand, each with a demo."""
