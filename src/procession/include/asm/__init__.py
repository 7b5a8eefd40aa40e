"""What an architecture provides."""
