"""The window, and what every screen draws with."""
