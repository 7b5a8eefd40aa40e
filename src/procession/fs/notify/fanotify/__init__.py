"""fs/notify/fanotify of Linux."""
