"""mm/ of Linux."""
