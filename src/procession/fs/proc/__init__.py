"""fs/proc/ of Linux."""
