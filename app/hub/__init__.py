"""Worlds from a hub and to one. `pulled` knows those on this machine; the rest is imported by the commands alone."""
