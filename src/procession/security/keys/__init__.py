"""Keys that the kernel keeps for programs (security/keys/)."""
