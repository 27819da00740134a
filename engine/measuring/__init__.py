"""Figures: of play, of the machine, of graphs, and of other cards by calculation."""
