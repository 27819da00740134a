"""Painting a picture to play in."""
