"""fs/notify/dnotify of Linux."""
