"""Terminals: struct tty_struct, its driver, its settings (include/linux/tty.h, tty_driver.h, termios.h).

One end of a pseudo-terminal is a TtyStruct whose link is the other end. The functions are in drivers/tty/.
"""

from __future__ import annotations

from collections import deque
import struct
from typing import TYPE_CHECKING, Any, Final, Protocol

from procession.include.asm.termbits import (
    B38400,
    CREAD,
    CS8,
    ECHO,
    ECHOCTL,
    ECHOE,
    ECHOK,
    ECHOKE,
    HUPCL,
    ICANON,
    ICRNL,
    IEXTEN,
    INIT_C_CC,
    ISIG,
    IXON,
    ONLCR,
    OPOST,
)

if TYPE_CHECKING:
    from procession.drivers.tty.tty_io import TtyFile
    from procession.fs.devpts.inode import DevptsInode, DevptsSuperBlock
    from procession.fs.fasync import FasyncList
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.rwsem import Mutex
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock
    from procession.include.linux.wait import WaitQueueHead


N_TTY_BUF_SIZE: Final = 4096

TERMIOS: Final = struct.Struct("<IIIIB19s")  # as TCGETS has it
TERMIOS2: Final = struct.Struct("<IIIIB19sII")  # and the speeds in numbers
TERMIO: Final = struct.Struct("<HHHHB8sx")  # System V's


class Ktermios:
    """struct ktermios."""

    __slots__ = ("c_iflag", "c_oflag", "c_cflag", "c_lflag", "c_line", "c_cc", "c_ispeed", "c_ospeed")  # derived

    def __init__(
        self,
        c_iflag: int = 0,
        c_oflag: int = 0,
        c_cflag: int = 0,
        c_lflag: int = 0,
        c_line: int = 0,
        c_cc: bytes = INIT_C_CC,
        c_ispeed: int = 0,
        c_ospeed: int = 0,
    ) -> None:
        self.c_iflag: int = c_iflag
        self.c_oflag: int = c_oflag
        self.c_cflag: int = c_cflag
        self.c_lflag: int = c_lflag
        self.c_line: int = c_line
        self.c_cc: bytes = c_cc
        self.c_ispeed: int = c_ispeed
        self.c_ospeed: int = c_ospeed

    def copy(self) -> Ktermios:
        """Return another one like it."""
        return Ktermios(
            self.c_iflag, self.c_oflag, self.c_cflag, self.c_lflag, self.c_line, self.c_cc, self.c_ispeed, self.c_ospeed
        )


def tty_std_termios() -> Ktermios:
    """Return what a terminal starts with."""
    return Ktermios(
        ICRNL | IXON,
        OPOST | ONLCR,
        B38400 | CS8 | CREAD | HUPCL,
        ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        c_ispeed=38400,
        c_ospeed=38400,
    )


class TtyOperations(Protocol):
    """What a driver can do (struct tty_operations). None of it sleeps."""

    def open(self, tty: TtyStruct) -> None:
        """Called at every open; raises EIO."""
        ...

    def close(self, tty: TtyStruct) -> None:
        """Called at every close, before the count falls."""
        ...

    def write(self, tty: TtyStruct, data: bytes) -> int:
        """Output data; returns how much was taken. Raises EIO."""
        ...

    def write_room(self, tty: TtyStruct) -> int:
        """Return how many bytes post-processed output may have now."""
        ...

    def set_termios(self, tty: TtyStruct) -> None:
        """Correct settings that the device does not have."""
        ...

    def unthrottle(self, tty: TtyStruct) -> None:
        """There is room for input again."""
        ...

    def flush_buffer(self, tty: TtyStruct) -> None:
        """Throw output away that has not left yet."""
        ...

    def resize(self, tty: TtyStruct, winsize: bytes) -> None:
        """Change the window size and tell those whom it concerns."""
        ...

    def shutdown(self, tty: TtyStruct) -> None:
        """Called after the last close of the last end."""
        ...

    def ioctl(self, current: Task, tty: TtyStruct, cmd: int, arg: Any) -> int:
        """Answer what only this driver knows; raises ENOIOCTLCMD."""
        ...


class TtyDriver:
    """struct tty_driver: a kind of terminal. ttys: those in use, by index."""

    __slots__ = (
        "name",
        "major",
        "minor_start",
        "ops",
        "init_termios",
        "is_pty",
        "is_master",
        "real_raw",
        "reset_termios",
        "ttys",
    )  # derived

    def __init__(
        self,
        name: str,
        major: int,
        minor_start: int,
        ops: TtyOperations,
        init_termios: Ktermios,
        is_pty: bool = False,
        is_master: bool = False,
        real_raw: bool = False,
        reset_termios: bool = False,
    ) -> None:
        self.name: str = name
        self.major: int = major
        self.minor_start: int = minor_start
        self.ops: TtyOperations = ops
        self.init_termios: Ktermios = init_termios
        self.is_pty: bool = is_pty
        self.is_master: bool = is_master
        self.real_raw: bool = real_raw
        self.reset_termios: bool = reset_termios
        self.ttys: dict[int, TtyStruct] = {}


class TtyBufhead:
    """Input that has come but that the line discipline had no room for (struct tty_bufhead).

    segments: [data, bytes taken, size], oldest first, the last one kept.  memory_used: the sizes together.  flushing:
    somebody moves them already, or a hangup keeps them.
    """

    __slots__ = ("flushing", "lock", "memory_used", "pages", "segments")

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock
        self.segments: deque[list[Any]] = deque()
        self.memory_used = 0
        self.pages = 0  # charged to Kernel.mm.kmem_pages
        self.flushing = False


class NTty:
    """What N_TTY keeps for a terminal; 3.2 has these fields in struct tty_struct itself.

    Positions count all bytes ever received: the buffer holds those from read_tail on, a line's end is a position in
    read_flags, and what is from canon_head on is still being edited. Reading bytes leaves canon_head behind read_tail.
    """

    __slots__ = (
        "canon_column",
        "canon_head",
        "column",
        "echo_buf",
        "erasing",
        "icanon",
        "lnext",
        "minimum_to_wake",
        "process_char_map",
        "push",
        "raw",
        "read_buf",
        "read_flags",
        "read_lock",
        "read_tail",
        "real_raw",
    )

    def __init__(self, read_lock: SpinLock) -> None:
        self.read_lock = read_lock
        self.read_buf = bytearray()
        self.read_tail = 0
        self.canon_head = 0
        self.read_flags: deque[int] = deque()
        self.echo_buf = bytearray()
        self.column = self.canon_column = 0
        self.minimum_to_wake = 1
        self.process_char_map: frozenset[int] = frozenset()
        self.icanon = self.raw = self.real_raw = False
        self.lnext = self.erasing = self.push = False

    @property
    def read_head(self) -> int:
        """Where the next byte goes."""
        return self.read_tail + len(self.read_buf)


class TtyStruct:
    """A terminal, or one end of a pseudo-terminal (struct tty_struct)."""

    __slots__ = (
        # Fixed at birth.
        "kernel",
        "driver",
        "index",
        "link",
        "read_wait",
        "write_wait",
        "atomic_read_lock",
        "atomic_write_lock",
        "ctrl_lock",
        "buf",
        # tty_mutex, which is no more than not sleeping: whoever opens or closes does it in one go.
        "kref",
        "count",
        "files",
        "exclusive",
        "closing",
        "other_closed",
        "pty_lock",
        "devpts_inode",
        # ctrl_lock.
        "pgrp",
        "session",
        "ctrl_status",
        "packet",
        # termios_mutex, likewise.
        "termios",
        "termios_locked",
        "winsize",
        # Flow control and line discipline.
        "stopped",
        "flow_stopped",
        "throttled",
        "receive_room",
        "do_write_wakeup",
        "disc_data",
        # Files with O_ASYNC, None without any.
        "fasync",
    )

    kernel: Kernel
    driver: TtyDriver
    index: int
    link: TtyStruct | None
    read_wait: WaitQueueHead
    write_wait: WaitQueueHead
    atomic_read_lock: Mutex
    atomic_write_lock: Mutex
    ctrl_lock: SpinLock
    buf: TtyBufhead
    kref: int
    count: int
    files: dict[TtyFile, None]  # while open
    exclusive: bool
    closing: bool
    other_closed: bool
    pty_lock: bool
    devpts_inode: DevptsInode | DevptsSuperBlock | None  # a slave's file in devpts; a master's file system
    pgrp: Pid | None
    session: Pid | None
    ctrl_status: int
    packet: bool
    termios: Ktermios
    termios_locked: Ktermios
    winsize: bytes
    stopped: bool
    flow_stopped: bool
    throttled: bool
    receive_room: int
    do_write_wakeup: bool  # TTY_DO_WRITE_WAKEUP: a write was not done in full, and its file's owner wants to know
    disc_data: NTty
    fasync: FasyncList | None
