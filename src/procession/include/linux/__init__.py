"""include/linux."""
