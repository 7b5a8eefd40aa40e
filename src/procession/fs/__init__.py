"""fs/ of Linux."""
