"""What executes a world's graphs. Siblings have one shape, that of `base.Backend`."""
