"""The recordings: what can be done to them, and the gallery that shows them."""
