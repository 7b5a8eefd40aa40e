"""Consoles that a hypervisor provides, as in Linux's drivers/tty/hvc/."""
