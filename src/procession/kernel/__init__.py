"""kernel/ of Linux."""
