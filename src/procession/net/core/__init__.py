"""What all protocol families share (net/core)."""
