"""Sessions on disk: written while they are played, read, played again, passed on."""
