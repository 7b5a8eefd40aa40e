"""Who may do what, beyond owners and permissions (security/)."""
