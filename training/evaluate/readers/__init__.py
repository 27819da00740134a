"""Readers of pictures, one a world. They see what a player sees and nothing of the simulator."""
