"""User code of two kinds."""
