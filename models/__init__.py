"""Models: what a neural world is made of. This package's light files (actions, manifest) import no torch."""
