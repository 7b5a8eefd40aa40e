"""/proc/devices and /proc/tty/drivers (fs/proc/devices.c, proc_tty.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("devinfo_show", "tty_drivers_show")


def devinfo_show(current: Task) -> bytes:
    """Return the registered major numbers."""
    return (
        b"Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n"
        b"\nBlock devices:\n"
    )


def tty_drivers_show(current: Task) -> bytes:
    """Return the terminal drivers, from which ps makes a terminal's name."""
    hvc = (("hvc", "/dev/hvc", 229, "0-7", "system"),) if current.kernel.tty.is_console else ()
    rows = (
        *hvc,
        ("/dev/tty", "/dev/tty", 5, "0", "system:/dev/tty"),
        ("/dev/console", "/dev/console", 5, "1", "system:console"),
        ("/dev/ptmx", "/dev/ptmx", 5, "2", "system"),
        ("pty_slave", "/dev/pts", 136, "0-1048575", "pty:slave"),
        ("unknown", "/dev/tty", 4, "1-63", "console"),
    )
    return "".join(f"{a:<20} {b:<13} {c:3d} {d:>7} {e}\n" for a, b, c, d, e in rows).encode()
