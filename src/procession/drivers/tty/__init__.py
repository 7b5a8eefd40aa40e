"""Terminals, as in Linux's drivers/tty/."""
