"""What a step touches of the kernel: from the call that it makes, and from the trace events of what came of it.

Objects are what a person would name: the pending signals of a process, a pipe, a file, a name in a directory. What a
call does that no entry of the table describes touches everything, so that a gap costs schedules and never an outcome.
What everybody shares and nobody sees (tasklist_lock, run queues, free memory, counters) is no object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.calls import CALLS, OPENS, file_of, inode_object
from procession.explorer.steps import ADDS, EVERYTHING, READS, WRITES, Object, Step
from procession.hw.chooser import TIME_PASSES, TIMER
from procession.include.linux.fcntl import O_CREAT, O_TRUNC
from procession.include.linux.fs import FMODE_WRITE, S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK
from procession.include.linux.sched import TASK_STOPPED_BIT, TASK_TRACED_BIT
from procession.include.linux.signal import (
    SA_SIGINFO,
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_STOP_MASK,
    SIGCONT,
    SIGRTMIN,
)
from procession.tools.peek import peek

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("KINDS", "Footprints")

# The kinds of objects: each can be left out, to see which outcomes are then lost.
KINDS: Final = (
    "anonymous",  # eventfd, epoll, signalfd, timerfd: all files that have no inode of their own
    "blocked",  # signals that are pending and blocked, by process, and the mask
    "children",  # whose children there are, by parent
    "ends",  # of pipes and sockets, and by how many processes each is kept open
    "everything",
    "groups",  # who is in which process group
    "ids",  # what of System V IPC there is
    "inode",  # contents of a file or pipe, by device and number
    "ipc",  # contents of one object of System V IPC
    "locks",  # record locks and flock, by inode
    "memory",  # an address space that several threads share
    "name",  # what a name in any directory leads to
    "order",  # of events, if a query asks for it
    "pending",  # signals that are pending and not blocked, by process
    "position",  # of a file that several descriptors share
    "random",  # what is left of the random bytes
    "shared",  # memory that several address spaces share
    "sigactions",  # how a process handles signals
    "sizes",  # what stat tells of a file, by its name
    "sockets",
    "stops",  # who is stopped
    "task",  # whether a process lives, is a zombie or stopped, and who its parent is
    "terminal",
    "timers",  # which are armed, if they may expire while somebody could go on
)


class Footprints:
    """Fills in what the steps of one run touch.

    without: kinds that are left out.  shared: processes that have memory in common with another one.
    """

    __slots__ = ("k", "serial", "shared", "step", "timers", "watch", "without")

    def __init__(self, k: Kernel, without: frozenset[str]) -> None:
        self.k = k
        self.without = without
        self.shared: set[int] = set()
        self.timers = TIMER in k.chooser.provider.optional
        self.serial = 0  # of the last timer that was started when the step began
        self.step: Step | None = None
        self.watch: Callable[[Object], None] | None = None  # told of each object that is touched

    def touch(self, thing: Object, how: int) -> None:
        """Note that the current step touches something."""
        if self.step is not None and thing[0] not in self.without:
            self.step.touch(thing, how)
            if self.watch is not None:
                self.watch(thing)

    def everything(self) -> None:
        """Note that nobody knows what the current step touches."""
        self.touch(EVERYTHING, WRITES)

    # Steps.

    def begin(self, step: Step, task: Task | None) -> None:
        """Note what a step touches from its beginning: its call, and what every step of the thread does."""
        self.step = step
        self.serial = self.k.timers.timer_serial
        if step.nr == TIME_PASSES:
            self.touch(("timers",), WRITES)
        if task is None or task.mm is None:
            if step.nr == 1 and task is not None:
                self.looks_at_children(task)  # the init that waits for the program
            return
        # A signal that comes before or after any call of a program is seen in another place.
        self.touch(("pending", task.tgid), READS)
        if task.mm.mm_users > 1:
            owner = task.mm.owner
            self.touch(("memory", task.tgid if owner is None else owner.tgid), WRITES)
        if task.tgid in self.shared:
            self.touch(("shared",), WRITES)
        if not step.what:
            return
        call = CALLS.get(step.what)
        if call is not None:
            call(self, task, step.args)
        elif step.what in self.k.syscalls:
            self.everything()

    def complete(self, task: Task | None) -> None:
        """Note what is only known when a step is over: that it has changed timers, and what its thread has become."""
        if self.timers and self.serial != self.k.timers.timer_serial:
            self.touch(("timers",), WRITES)
        if task is not None and task.state & (TASK_STOPPED_BIT | TASK_TRACED_BIT):
            self.stopped(task)

    def ended(self, task: Task, name: str, args: tuple[Any, ...], result: int) -> None:
        """Note what is only known now that a call has its result."""
        if result < 0 or name not in OPENS:
            return
        flags = args[OPENS[name]] if name != "creat" else O_CREAT | O_TRUNC
        if flags & O_TRUNC:
            self.fd(task, result, WRITES)

    # What things are.

    def file(self, file: File, how: int, *, moves: bool = False) -> None:
        """Note an access to what is behind an open file; moves: at its position, which is another then."""
        inode = file.f_path.dentry.d_inode
        sb = inode.i_sb
        mode = inode.i_mode & S_IFMT
        if mode == S_IFSOCK:
            self.touch(("sockets",), WRITES)
        elif sb.s_type in ("proc", "sysfs", "cgroup", "debugfs"):
            self.everything()
        elif mode == S_IFIFO:
            self.touch(inode_object(inode), WRITES)
        elif mode == S_IFCHR:
            self._device(file, inode, how)
        elif sb.s_type == "anon_inodefs":
            self.touch(("anonymous",), WRITES)
        else:
            self.touch(inode_object(inode), how)
            if moves and file.f_count > 1:
                self.touch(("position", *inode_object(inode)[1:]), WRITES)
            if how != READS:
                self.touch(("sizes", file.f_path.dentry.d_name), WRITES)

    def _device(self, file: File, inode: Inode, how: int) -> None:
        kind = type(file).__name__
        if kind in ("NullFile", "ZeroFile", "FullFile"):
            return
        if kind == "RandomFile":
            self.touch(("random",), WRITES)
        elif kind == "ConsoleFile":
            self.touch(("inode", "console", 0 if how == READS else file.private_data), WRITES)
        else:
            self.touch(("terminal",), WRITES)
            self.touch(("groups",), READS)

    def fd(self, task: Task, fd: int, how: int, *, moves: bool = False) -> None:
        """Note an access through a descriptor."""
        file = file_of(task, fd)
        if file is not None:
            self.file(file, how, moves=moves)

    def close(self, task: Task, fd: int, closed: int = 1) -> None:
        """Note what closing a descriptor, or so many of the same file, does if they are the last ones."""
        file = file_of(task, fd)
        if file is None:
            return
        inode = file.f_path.dentry.d_inode
        if inode.i_flock:
            self.touch(("locks", *inode_object(inode)[1:]), WRITES)
        if self._alone(task, inode):
            return
        left = file.f_count - closed
        mode = inode.i_mode & S_IFMT
        if mode in (S_IFIFO, S_IFSOCK):
            # Who is the last one depends on who has closed it before: the last but one decides that.
            self.touch(("ends", *inode_object(inode)[1:], file.f_mode & FMODE_WRITE), WRITES if left < 2 else ADDS)
        if left:
            return
        if mode in (S_IFIFO, S_IFSOCK) or mode not in (S_IFREG, S_IFCHR) or type(file).__name__ == "TtyFile":
            self.file(file, WRITES)

    def _alone(self, task: Task, inode: Inode) -> bool:
        """Whether a pipe is open in this process alone, so that nobody notices when it goes away."""
        pipe, files = inode.i_pipe, task.files
        if pipe is None or files is None:
            return False
        ours = {file for file in files.fd if file is not None and file.f_path.dentry.d_inode is inode}
        return len(ours) >= pipe.readers + pipe.writers and all(file.f_count == 1 for file in ours)

    def path(self, task: Task, pointer: Any, how: int) -> bytes:
        """Note that a path is looked up, and, with how WRITES, that what its last name leads to changes; returns it."""
        text = _text(self.k, task, pointer)
        names = [name for name in text.split(b"/") if name not in (b"", b".", b"..")]
        if text.startswith((b"/proc/", b"/sys/")):
            self.everything()
        for name in names:
            self.touch(("name", name.decode(errors="surrogateescape")), READS)
        if names and how != READS:
            self.touch(("name", names[-1].decode(errors="surrogateescape")), how)
        return names[-1] if names else b""

    # Events.

    def signal(self, sig: int, t: Task) -> None:
        """Note that a signal is sent to t."""
        sighand = t.sighand
        if sighand is None:
            return
        bit = 1 << (sig - 1)
        self.touch(("sigactions", t.tgid), READS)
        if bit & SIG_KERNEL_STOP_MASK or sig == SIGCONT:
            self.touch(("task", t.tgid), WRITES)
            self.touch(("stops",), WRITES)
            self.touch(("pending", t.tgid), WRITES)
            return
        ka = sighand.action[sig - 1]
        if t.blocked & bit or t.real_blocked & bit:
            self.touch(("blocked", t.tgid), WRITES)
            return
        if ka.handler == SIG_IGN or (ka.handler == SIG_DFL and bit & SIG_KERNEL_IGNORE_MASK):
            return
        alike = sig < SIGRTMIN and ka.handler != SIG_DFL and not ka.flags & SA_SIGINFO
        self.touch(("pending", t.tgid), ADDS if alike else WRITES)

    def delivered(self, t: Task) -> None:
        """Note that t handles a signal."""
        self.touch(("pending", t.tgid), WRITES)
        self.touch(("blocked", t.tgid), WRITES)

    def born(self, parent: Task, child: Task) -> None:
        """Note a fork."""
        self.touch(("children", parent.tgid), WRITES)
        self.touch(("groups",), ADDS)
        if parent.tgid in self.shared:
            self.shared.add(child.tgid)

    def dies(self, p: Task) -> None:
        """Note what the end of a thread does: files are closed, children go elsewhere, the parent hears of it."""
        files = p.files
        if files is not None and files.count == 1:
            for file in dict.fromkeys(file for file in files.fd if file is not None):
                self.close(p, files.fd.index(file), files.fd.count(file))
        self.touch(("task", p.tgid), WRITES)
        self.touch(("stops",), READS)
        if p.children:
            self.touch(("children", p.tgid), WRITES)
        for child in p.children:
            self.touch(("task", child.tgid), WRITES)
        parent = p.real_parent
        self.touch(("sigactions", parent.tgid), READS)

    def reparented(self, child: int, to: int) -> None:
        """Note that a child has another parent."""
        self.touch(("task", child), WRITES)
        self.touch(("children", to), ADDS)

    def stopped(self, p: Task) -> None:
        """Note that a process has stopped, or goes on."""
        self.touch(("task", p.tgid), WRITES)
        self.touch(("stops",), WRITES)

    def reaped(self, nr: int, parent: int) -> None:
        """Note that a process is gone for good."""
        self.touch(("task", nr), WRITES)
        self.touch(("children", parent), WRITES)
        self.touch(("groups",), ADDS)

    def looks_at_children(self, task: Task) -> None:
        """Note that a wait looks at all children."""
        self.touch(("children", task.tgid), READS)
        for t in task.signal.threads:
            for child in t.children:
                self.touch(("task", child.tgid), READS)
            for child in t.ptraced or ():
                self.touch(("task", child.tgid), READS)


def _text(k: Kernel, task: Task, pointer: Any) -> bytes:
    """Return the path at a user pointer, b"" where there is none."""
    if not isinstance(pointer, int):
        try:
            data: bytes = pointer.load(0, len(pointer))
        except AttributeError:
            return b""
        return data.split(b"\0", 1)[0]
    if task.mm is None:
        return b""
    out = b""
    while len(out) < 4096:
        part = peek(k, task.mm, pointer + len(out), 64 - (pointer + len(out)) % 64)
        if part is None:
            return out
        out += part
        if b"\0" in part:
            break
    return out.split(b"\0", 1)[0]
