"""fs/notify/inotify of Linux."""
