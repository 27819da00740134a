"""The settings: their schema, their file, and the screen that changes them."""
