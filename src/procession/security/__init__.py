"""What protects beyond permissions (security/)."""
