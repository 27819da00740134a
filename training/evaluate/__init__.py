"""What a checkpoint is worth, measured through the graphs that ship. Ground truth is the simulated world."""
