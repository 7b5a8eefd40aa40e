"""The machine's console as a terminal, /dev/hvc0 (drivers/tty/hvc/hvc_console.c).

Only with Kernel(tty=True). /dev/console is then this terminal as well. As in 3.2 nothing announces input: the driver
looks for it, every ten milliseconds while something runs, and whenever nothing does. The host's own
(Kernel.tty.hvc_live) is watched besides by arch/x86/interrupt.py, which cuts in on programs that make no calls; a
scripted one keeps to the clock, so that everything is repeatable.

Differs: output leaves at once; a worker of its own, khvcd, does the looking in 3.2, here a deferrable timer does.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from procession.drivers.tty import n_tty, tty_buffer, tty_io, tty_jobctrl
from procession.fs import devices
from procession.hw.clock import NEVER
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NOCTTY
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.signal import SIGWINCH
from procession.include.linux.timer import TimerList
from procession.include.linux.tty import TtyDriver, tty_std_termios
from procession.kernel import hrtimer

if TYPE_CHECKING:
    from procession.include.linux.fs import File, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import TtyStruct

__all__ = ("HVC_MAJOR", "hvc_console_init", "hvc_idle_input", "hvc_poll")

HVC_MAJOR: Final = 229
_ROOM: Final = 4096
_INTERVAL_NS: Final = 10_000_000
_WINSIZE: Final = struct.Struct("<4H")


class HvcOperations:
    """What the console can do."""

    __slots__ = ()

    def open(self, tty: TtyStruct) -> None:
        """Begin to look for input."""
        k = tty.kernel
        hrtimer.mod_timer(k, k.tty.hvc_timer, k.clock.now_ns)

    def close(self, tty: TtyStruct) -> None:
        """Nothing has to be done."""

    def write(self, tty: TtyStruct, data: bytes) -> int:
        """Pass data to the machine; if nobody is there any more, the line is hung up and this raises EIO."""
        k = tty.kernel
        if tty.stopped:
            return 0
        try:
            k.console.write(1, data)
        except OSError as error:
            k.printk(f"console: {error}")
            tty_io.tty_hangup(tty)
            raise LinuxError(Errno.EIO, f"host: {error}") from error
        return len(data)

    def write_room(self, tty: TtyStruct) -> int:
        """There is always room, unless the output is stopped."""
        return 0 if tty.stopped else _ROOM

    def set_termios(self, tty: TtyStruct) -> None:
        """A console has no speed."""

    def unthrottle(self, tty: TtyStruct) -> None:
        """Look for what had to wait."""
        hvc_poll(tty.kernel)

    def flush_buffer(self, tty: TtyStruct) -> None:
        """Everything has left already."""

    def resize(self, tty: TtyStruct, winsize: bytes) -> None:
        """Change the size and tell the foreground (tty_do_resize)."""
        if winsize == tty.winsize:
            return
        tty_jobctrl.kill_tty_pgrp(tty.pgrp, SIGWINCH)
        tty.winsize = winsize

    def shutdown(self, tty: TtyStruct) -> None:
        """The console can be opened again."""

    def ioctl(self, current: Task, tty: TtyStruct, cmd: int, arg: Any) -> int:
        """Know nothing special."""
        raise LinuxError(Errno.ENOIOCTLCMD, "hvc")


def hvc_console_init(k: Kernel) -> None:
    """Register the driver, and make it the console."""
    if not k.tty.is_console:
        return
    k.tty.hvc_timer = TimerList(hvc_poll)
    k.pm_idle = hvc_idle_input
    k.tty.hvc_driver = TtyDriver(
        "hvc", HVC_MAJOR, 0, HvcOperations(), tty_std_termios(), real_raw=True, reset_termios=True
    )
    devices.register_chrdev(k, HVC_MAJOR, 0, _hvc_open)
    devices.register_chrdev(k, 5, 1, _console_open)
    k.printk("console [hvc0] enabled", KERN_INFO)


def _install(current: Task) -> TtyStruct | None:
    """Return the terminal if it is open."""
    driver = current.kernel.tty.hvc_driver
    tty: TtyStruct | None = driver.ttys.get(0)
    return tty


def _open(current: Task, file: tty_io.TtyFile, *, noctty: bool) -> File:
    k = current.kernel
    tty = _install(current)
    if tty is not None:
        return tty_io.tty_open(current, file, tty, noctty=noctty)
    tty = tty_io.tty_init_dev(k, k.tty.hvc_driver, 0)
    tty.winsize = _WINSIZE.pack(*k.tty.winsize, 0, 0)
    return tty_io.tty_finish_open(current, file, tty, noctty=noctty)


def _hvc_open(current: Task, path: PathRef, flags: int, mode: int) -> File:
    return _open(current, tty_io.TtyFile(path, flags, mode), noctty=bool(flags & O_NOCTTY))


def _console_open(current: Task, path: PathRef, flags: int, mode: int) -> File:
    return _open(current, tty_io.ConsoleTtyFile(path, flags, mode), noctty=True)


def hvc_poll(k: Kernel) -> bool:
    """Take in what has come, if there is room, and a new window size; returns whether there was any of it.

    Once the input has ended there is nothing to look for any more; hvc_idle_input() hangs the line up.
    """
    tty = k.tty.hvc_driver.ttys.get(0)
    if tty is None:
        hrtimer.del_timer(k, k.tty.hvc_timer)
        return False
    k.tty.hvc_timer.slack_ns = NEVER if k.tty.hvc_live else 0
    hrtimer.mod_timer(k, k.tty.hvc_timer, k.clock.now_ns + _INTERVAL_NS)
    size = k.console.winsize()
    if size is not None:
        k.tty.winsize = size
        tty.driver.ops.resize(tty, _WINSIZE.pack(*size, 0, 0))
    n_tty.n_tty_set_room(tty)
    k.tty.hvc_wants = False
    if tty_buffer.waits(tty):
        tty_buffer.tty_flip_buffer_push(tty)  # a hangup leaves them
    if tty.buf.flushing or tty_buffer.waits(tty) or not tty.receive_room:
        tty.throttled = True
        return size is not None
    data = k.console.read(tty.receive_room)
    if not data:
        k.tty.hvc_wants = data is None
        if data is not None:
            hrtimer.del_timer(k, k.tty.hvc_timer)
        return size is not None
    # There may be more, and whoever watches tells only those who found nothing.
    k.tty.hvc_wants = True
    tty_buffer.tty_insert_flip_string(tty, data)
    tty_buffer.tty_flip_buffer_push(tty)
    return True


def hvc_idle_input(k: Kernel, timeout_ns: int | None) -> bool:
    """Nothing runs: wait for input; returns whether anything has happened (Kernel.pm_idle).

    timeout_ns None: nothing is due either. If the input has ended then, the line is gone, and is hung up.
    """
    tty = k.tty.hvc_driver.ttys.get(0)
    if tty is None or not k.console.wait(timeout_ns):
        return False
    k.clock.sync()
    if hvc_poll(k):
        return True
    alive = any(not file.hung_up and not file.is_console for file in tty.files)
    if timeout_ns is not None or hrtimer.timer_pending(k, k.tty.hvc_timer) or not alive:
        return False
    tty_io.tty_hangup(tty)
    return True
