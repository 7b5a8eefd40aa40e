"""N_TTY, the one line discipline: reading and writing a terminal (drivers/tty/n_tty.c).

What comes in is in n_tty_receive.py, what goes out in n_tty_output.py.

Differs: no auditing; only flip buffers wait for room, so output_lock and echo_lock would never be waited for;
lines that are read as bytes once EXTPROC is set are forgotten, where 3.2 goes on counting them, and a read turns in the
kernel for ever once it is not; nothing is erased or shown again that was read as bytes, by canon_head having been left
behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.drivers.tty import n_tty_output, n_tty_receive, tty_buffer, tty_io, tty_jobctrl
from procession.include.asm.termbits import (
    DISABLED_CHAR,
    EXTPROC,
    ICANON,
    OPOST,
    TIOCPKT_DATA,
    TIOCPKT_FLUSHREAD,
    TOSTOP,
    VEOF,
    VMIN,
    VTIME,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NONBLOCK
from procession.include.linux.fs import POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, set_task_state, signal_pending
from procession.include.linux.tty import N_TTY_BUF_SIZE
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import hrtimer, mutex, sched, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.drivers.tty.tty_io import TtyFile
    from procession.include.linux.fs import PollTable
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import Ktermios, NTty, TtyStruct
    from procession.include.linux.types import UserPtr

__all__ = (
    "n_tty_chars_in_buffer",
    "n_tty_flush_buffer",
    "n_tty_inq",
    "n_tty_open",
    "n_tty_poll",
    "n_tty_read",
    "n_tty_set_room",
    "n_tty_set_termios",
    "n_tty_write",
)

TTY_THRESHOLD_UNTHROTTLE: Final = 128
_TENTH_NS: Final = 100_000_000
_IN: Final = POLLIN | POLLRDNORM


# Buffers.


def n_tty_set_room(tty: TtyStruct) -> None:
    """Say how much input the driver may hand over, and have it do so if it had to wait.

    A line being edited without end lets one character through after the other, so that erasing stays possible.
    """
    n = tty.disc_data
    left = N_TTY_BUF_SIZE - len(n.read_buf) - 1
    if left <= 0:
        left = int(n.icanon and not n.read_flags)
    old_left = tty.receive_room
    tty.receive_room = left
    if left and not old_left:
        tty_buffer.tty_flip_buffer_push(tty)


def reset_buffer_flags(tty: TtyStruct) -> None:
    n = tty.disc_data
    with n.read_lock.irq():
        n.read_tail = n.read_head
        n.read_buf.clear()
        n.canon_head = n.read_tail
        n.read_flags.clear()
    n.echo_buf.clear()
    n.erasing = False
    n_tty_set_room(tty)
    _check_unthrottle(tty)


def _check_unthrottle(tty: TtyStruct) -> None:
    """There is room for input: let those go on who wait for it at the other side."""
    if tty.count:
        tty_io.tty_unthrottle(tty)


def n_tty_flush_buffer(tty: TtyStruct) -> None:
    """Throw the input away; the other side hears of it in packet mode."""
    reset_buffer_flags(tty)
    if tty.link is not None:
        tty_io.set_ctrl_status(tty, TIOCPKT_FLUSHREAD)


def n_tty_chars_in_buffer(tty: TtyStruct) -> int:
    """Return how many bytes may be read, line ends included."""
    n = tty.disc_data
    if not n.icanon:
        return len(n.read_buf)
    return n.canon_head - n.read_tail if n.read_flags else 0


def n_tty_inq(tty: TtyStruct) -> int:
    """Return how many bytes reads would give, without ends of file (inq_canon).

    A line that fills the buffer counts as none: the places of its two ends are equal there.
    """
    n = tty.disc_data
    if not tty.termios.c_lflag & ICANON:
        return len(n.read_buf)
    if not n.read_flags or (n.canon_head - n.read_tail) % N_TTY_BUF_SIZE == 0:
        return 0
    eofs = sum(n.read_buf[at - n.read_tail] == DISABLED_CHAR for at in n.read_flags)
    return n.canon_head - n.read_tail - eofs


def n_tty_set_termios(tty: TtyStruct, old: Ktermios | None) -> None:
    """Adapt to new settings; when ICANON changes, pending input is neither lines nor being edited any more."""
    n = tty.disc_data
    canon = tty.termios.c_lflag & ICANON
    canon_change = old is None or (old.c_lflag ^ tty.termios.c_lflag) & ICANON
    if canon_change:
        n.read_flags.clear()
        n.canon_head = n.read_tail
        n.erasing = False
    n.icanon = bool(canon)
    n_tty_receive.n_tty_set_process_char_map(tty)
    n_tty_set_room(tty)
    wait.wake_up_interruptible(tty.write_wait)
    wait.wake_up_interruptible(tty.read_wait)


def n_tty_open(tty: TtyStruct) -> None:
    """Attach the line discipline to a new terminal, or again to one that was hung up."""
    n = tty.disc_data
    reset_buffer_flags(tty)
    tty_io.tty_unthrottle(tty)
    n.column = 0
    n_tty_set_termios(tty, None)
    n.minimum_to_wake = 1


# Reading.


def input_available_p(tty: TtyStruct, amount: int) -> bool:
    n = tty.disc_data
    if n.icanon and not tty.termios.c_lflag & EXTPROC:
        return bool(n.read_flags)
    return len(n.read_buf) >= (amount or 1)


class _Reader:
    """A read that is under way: where it is, what is still to come, and how long to wait for it.

    timeout_ns: None for ever.  time_ns: the time between two bytes.
    """

    __slots__ = ("buf", "done", "minimum", "nr", "time_ns", "timeout_ns")

    def __init__(self, tty: TtyStruct, buf: UserPtr, nr: int) -> None:
        self.buf = buf
        self.nr = nr
        self.done = 0
        self.minimum = self.time_ns = 0
        self.timeout_ns: int | None = None
        n = tty.disc_data
        if n.icanon:
            return
        cc = tty.termios.c_cc
        time_ns = cc[VTIME] * _TENTH_NS
        self.minimum = cc[VMIN]
        if self.minimum:
            self.time_ns = time_ns
            if time_ns:
                n.minimum_to_wake = 1
            elif not tty.read_wait.task_list or n.minimum_to_wake > self.minimum:
                n.minimum_to_wake = self.minimum
        else:
            self.timeout_ns = time_ns
            n.minimum_to_wake = self.minimum = 1

    def put(self, current: Task, data: bytes) -> int:
        """Store bytes; returns how many, fewer than given at a bad address."""
        try:
            stored = uaccess.copy_to_user_partial(current, self.buf, data, self.done)
        except LinuxError:
            stored = 0
        self.done += stored
        self.nr -= stored
        return stored

    def status_byte(self, current: Task, value: int) -> None:
        """Store packet mode's first byte; raises EFAULT."""
        if not self.put(current, bytes((value,))):
            raise LinuxError(Errno.EFAULT, "packet mode's byte")


async def n_tty_read(current: Task, tty: TtyStruct, file: TtyFile, buf: UserPtr, nr: int) -> int:
    """Read a line, or bytes as VMIN and VTIME say.

    Returns 0 at the end of file, after a hangup, and when the time is over; raises EIO, EAGAIN, ERESTARTSYS, EFAULT.
    """
    while True:
        tty_jobctrl.job_control(current, tty, file)
        reader = _Reader(tty, buf, nr)
        if file.f_flags & O_NONBLOCK:
            if not mutex.mutex_trylock(current, tty.atomic_read_lock):
                raise LinuxError(Errno.EAGAIN, "somebody else is reading")
        else:
            await tty_io.lock_interruptible(current, tty.atomic_read_lock)
        error: LinuxError | None = None
        try:
            await _read_loop(current, tty, file, reader)
        except LinuxError as failed:
            error = failed
        finally:
            mutex.mutex_unlock(current, tty.atomic_read_lock)
        n = tty.disc_data
        if not tty.read_wait.task_list:
            n.minimum_to_wake = reader.minimum
        if reader.done:
            if reader.nr:
                n.push = False
        elif n.push:
            n.push = False
            continue  # the end of file was no more than the end of the last read's line
        n_tty_set_room(tty)
        if error is not None and not reader.done:
            raise error
        return reader.done


async def _read_loop(current: Task, tty: TtyStruct, file: TtyFile, reader: _Reader) -> None:
    """Read until the reader has what it needs; raises EIO, EAGAIN, ERESTARTSYS, EFAULT."""
    n = tty.disc_data
    packet = tty.packet
    entry = WaitQueueEntry(current)
    wait.add_wait_queue(tty.read_wait, entry)
    try:
        while reader.nr:
            link = tty.link
            if packet and link is not None and link.ctrl_status:
                if not reader.done:
                    reader.status_byte(current, tty_io.take_ctrl_status(link))
                return
            set_task_state(current, TASK_INTERRUPTIBLE)
            rest = reader.minimum - reader.done
            if 1 <= rest < n.minimum_to_wake:
                n.minimum_to_wake = rest
            if not input_available_p(tty, 0):
                if not _may_wait(current, tty, file, reader):
                    return
                n_tty_set_room(tty)
                left_ns = await hrtimer.schedule_timeout(current, reader.timeout_ns, "n_tty_read", tty.read_wait)
                if reader.timeout_ns is not None:
                    reader.timeout_ns = left_ns
                continue
            set_task_state(current, TASK_RUNNING)

            if packet and not reader.done:
                reader.status_byte(current, TIOCPKT_DATA)
            _copy_input(current, tty, n, reader)
            if reader.done >= reader.minimum:
                return
            if reader.time_ns:
                reader.timeout_ns = reader.time_ns
    finally:
        wait.finish_wait(tty.read_wait, entry)


def _copy_input(current: Task, tty: TtyStruct, n: NTty, reader: _Reader) -> None:
    """Hand over what is there, a line or as much as fits, and let the other side go on if there is room again."""
    if n.icanon and not tty.termios.c_lflag & EXTPROC:
        _copy_line(current, n, reader)
    else:
        copy_from_read_buf(current, tty, n, reader)
    if n_tty_chars_in_buffer(tty) <= TTY_THRESHOLD_UNTHROTTLE:
        n_tty_set_room(tty)
        _check_unthrottle(tty)


def _may_wait(current: Task, tty: TtyStruct, file: TtyFile, reader: _Reader) -> bool:
    """Whether a reader without input should sleep; false: it is the end. Raises EIO, EAGAIN, ERESTARTSYS."""
    if tty.other_closed:
        raise LinuxError(Errno.EIO, "the other side is closed")
    if file.hung_up or reader.timeout_ns == 0:
        return False
    if file.f_flags & O_NONBLOCK:
        raise LinuxError(Errno.EAGAIN, "no input")
    if signal_pending(current):
        raise LinuxError(Errno.ERESTARTSYS, "n_tty_read")
    return True


def _copy_line(current: Task, n: NTty, reader: _Reader) -> None:
    """Give the reader a line or what of it there is space for; raises EFAULT, the byte that did not fit being lost."""
    end = n.read_flags[0] - n.read_tail if n.read_flags else len(n.read_buf)
    size = min(end, reader.nr)
    at_end = size == end and bool(n.read_flags) and reader.nr > size
    # An end of file is taken together with the line even if there is no space left, but it needs space to be seen.
    eof = at_end and n.read_buf[end] == DISABLED_CHAR
    data = bytes(n.read_buf[: size + (at_end and not eof)])
    stored = reader.put(current, data) if data else 0
    taken = min(stored + 1, len(data)) + (eof and stored == len(data))
    with n.read_lock.irq():
        if n.read_flags and n.read_flags[0] < n.read_tail + taken:
            n.read_flags.popleft()
        del n.read_buf[:taken]
        n.read_tail += taken
        n.canon_head = max(n.canon_head, n.read_tail)
    if stored < len(data):
        raise LinuxError(Errno.EFAULT, "bad address")


def copy_from_read_buf(current: Task, tty: TtyStruct, n: NTty, reader: _Reader) -> None:
    """Give the reader what there is; raises EFAULT."""
    data = bytes(n.read_buf[: reader.nr])
    stored = reader.put(current, data)
    with n.read_lock.irq():
        del n.read_buf[:stored]
        n.read_tail += stored
        # Lines from before EXTPROC was set.
        while n.read_flags and n.read_flags[0] < n.read_tail:
            n.read_flags.popleft()
    if (
        tty.termios.c_lflag & EXTPROC
        and n.icanon
        and stored == 1
        and not n.read_buf
        and (data[0] == tty.termios.c_cc[VEOF])
    ):
        reader.done -= 1
        reader.nr += 1
    if stored < len(data):
        raise LinuxError(Errno.EFAULT, "bad address")


# Writing.


async def n_tty_write(current: Task, tty: TtyStruct, file: TtyFile, data: bytes) -> int:
    """Write data, waiting for room; returns how much. Raises EIO after a hangup, EAGAIN, ERESTARTSYS."""
    if tty.termios.c_lflag & TOSTOP and not file.is_console:
        tty_jobctrl.tty_check_change(current, tty)
    n_tty_output.process_echoes(tty)
    done = 0
    entry = WaitQueueEntry(current)
    wait.add_wait_queue(tty.write_wait, entry)
    try:
        while True:
            set_task_state(current, TASK_INTERRUPTIBLE)
            _may_write(current, tty, file)
            done += _output(tty, data[done:] if done else data)
            if done == len(data):
                return done
            if file.f_flags & O_NONBLOCK:
                break
            await sched.schedule(current, "n_tty_write", tty.write_wait)
    except LinuxError:
        if not done:
            raise
    finally:
        wait.finish_wait(tty.write_wait, entry)
        # 3.2 compares with what is left to do, not with what there was: a whole write sets it, too.
        if tty.fasync is not None and done != len(data) - done:
            tty.do_write_wakeup = True
    if not done:
        raise LinuxError(Errno.EAGAIN, "no room")
    return done


def _may_write(current: Task, tty: TtyStruct, file: TtyFile) -> None:
    """Raise ERESTARTSYS for a signal, EIO after a hangup."""
    if signal_pending(current):
        raise LinuxError(Errno.ERESTARTSYS, "n_tty_write")
    if file.hung_up or (tty.link is not None and not tty.link.count):
        raise LinuxError(Errno.EIO, "hung up")


def _output(tty: TtyStruct, data: bytes) -> int:
    """Output what there is room for; returns how much."""
    done = 0
    if not tty.termios.c_oflag & OPOST:
        write = tty.driver.ops.write
        while done < len(data):
            part = write(tty, data[done:] if done else data)
            if not part:
                break
            done += part
        return done
    while done < len(data):
        done += n_tty_output.process_output_block(tty, data[done:] if done else data)
        if done == len(data) or not n_tty_output.process_output(tty, data[done]):
            break
        done += 1
    return done


def n_tty_poll(current: Task, tty: TtyStruct, file: TtyFile, table: PollTable | None) -> int:
    """Return what is ready."""
    n = tty.disc_data
    if table is not None:
        table.wait(tty.read_wait)
        table.wait(tty.write_wait)
    mask = 0
    cc = tty.termios.c_cc
    if input_available_p(tty, 0 if cc[VTIME] else cc[VMIN]):
        mask |= _IN
    if tty.packet and tty.link is not None and tty.link.ctrl_status:
        mask |= POLLPRI | _IN
    if tty.other_closed or file.hung_up:
        mask |= POLLHUP
    if not mask & (POLLHUP | _IN):
        n.minimum_to_wake = cc[VMIN] if cc[VMIN] and not cc[VTIME] else 1
    if not mutex.mutex_is_locked(tty.atomic_write_lock) and tty.driver.ops.write_room(tty) > 0:
        mask |= POLLOUT | POLLWRNORM
    return mask
