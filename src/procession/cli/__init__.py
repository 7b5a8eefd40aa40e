"""The procession command."""
