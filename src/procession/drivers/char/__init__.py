"""Character devices (drivers/char)."""
