"""fs/notify of Linux: who is told what happens to files."""
