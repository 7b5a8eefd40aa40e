"""What a step touches of the kernel: from the call that it makes, and from the trace events of what came of it.

Objects are what a person would name: the pending signals of a process, a pipe, a file, a name in a directory. What a
call does that no entry of the table describes touches everything, so that a gap costs schedules and never an outcome.
What everybody shares and nobody sees (tasklist_lock, run queues, free memory, counters) is no object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.calls import ALL, ALL_SIGNALS, CALLS, MAPS, file_of, inode_object
from procession.explorer.dispositions import handled, ignored, is_ignored
from procession.explorer.paths import GENERATED, Walk, text_at, walk
from procession.explorer.steps import ADDS, EVERYTHING, READS, WRITES, Object, Step
from procession.fs.locks import FL_LEASE, mandatory_lock
from procession.hw.chooser import TIME_PASSES, TIMER
from procession.include.linux.fcntl import O_ACCMODE, O_TRUNC
from procession.include.linux.fs import FMODE_WRITE, S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK
from procession.include.linux.mm_types import VM_EXEC, VM_MAYWRITE, VM_SHARED
from procession.include.linux.sched import TASK_STOPPED_BIT, TASK_TRACED_BIT
from procession.include.linux.signal import SA_SIGINFO, SIG_DFL, SIG_IGN, SIG_KERNEL_STOP_MASK, SIGCHLD, SIGCONT
from procession.kernel.pid import pid_nr, task_pgrp

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("KINDS", "Footprints")

# The kinds of objects: each can be left out, to see which outcomes are then lost.
KINDS: Final = (
    "anonymous",  # eventfd, epoll, signalfd, timerfd: all files that have no inode of their own
    "children",  # whose children there are, by parent
    "ends",  # of pipes and sockets, and by how many processes each is kept open
    "everything",
    "groups",  # who is in which process group
    "ids",  # what of System V IPC there is
    "inode",  # contents of a file, a pipe, a directory, memory that is shared, by device and number
    "ipc",  # contents of one object of System V IPC
    "lease",  # whether a file has leases
    "locks",  # record locks and flock, by inode
    "mask",  # by thread and signal that is ignored, whether it is blocked: then it is pending all the same
    "member",  # which process group a process is in, and whether another process may move it
    "memory",  # an address space that several threads share
    "name",  # what a name in any directory leads to
    "order",  # of events, if a query asks for it
    "pending",  # by process and signal, whether it is pending
    "position",  # of a file that several descriptors share
    "random",  # what is left of the random bytes
    "sigactions",  # how a process handles signals
    "sockets",
    "stops",  # who is stopped
    "task",  # whether a process lives, is a zombie or stopped, and who its parent is
    "terminal",
    "text",  # whether a file is executed, or open for writing
    "timers",  # which are armed, if they may expire while somebody could go on
)

_NONE: Final[dict[Object, int]] = {}
_MEM_MAJOR: Final = 1  # /dev/null and others that have nothing to open


class Footprints:
    """Fills in what the steps of one run touch.

    without: kinds that are left out.  maps: what the files that an address space has mapped are, and how it touches
    them with each step.  blocked: signals of the current step's thread, when that began.  goes: what would go with its
    address space, if it is the last one in it.  several: open files that more than one descriptor stood for.  passes:
    whether descriptors were sent in messages.
    """

    __slots__ = (
        *("blocked", "goes", "k", "maps", "passes", "serial", "several", "step", "task", "timers", "watch", "without"),
    )

    def __init__(self, k: Kernel, without: frozenset[str]) -> None:
        self.k = k
        self.without = without
        self.timers = TIMER in k.chooser.provider.optional
        self.serial = 0  # of the last timer that was started when the step began
        self.maps: dict[MmStruct, dict[Object, int]] = {}
        self.blocked = 0
        self.goes: dict[Object, int] = _NONE
        self.several: set[File] = set()
        self.passes = False
        self.step: Step | None = None
        self.task: Task | None = None
        self.watch: Callable[[Object], None] | None = None  # told of each object that is touched

    def again(self, step: Step | None) -> Footprints:
        """Return the same for another run from here, with step as the one that goes on."""
        other = Footprints(self.k, self.without)
        other.serial = self.serial
        other.maps = {mm: dict(touched) for mm, touched in self.maps.items()}
        other.blocked = self.blocked
        other.goes = self.goes
        other.several = set(self.several)
        other.passes = self.passes
        other.step = step
        other.task = self.task
        return other

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

    def expected(self, step: Step, task: Task | None) -> None:
        """Note what a step is going to touch, as far as its call tells; the current one stays what it is."""
        now, current, serial = self.step, self.task, self.serial
        blocked, goes = self.blocked, self.goes
        self.begin(step, task)
        self.step, self.task, self.serial = now, current, serial
        self.blocked, self.goes = blocked, goes

    def begin(self, step: Step, task: Task | None) -> None:
        """Note what a step touches from its beginning: its call, and what every step of the thread does."""
        self.step, self.task = step, task
        self.blocked = 0 if task is None else task.blocked
        self.serial = self.k.timers.timer_serial
        self.goes = _NONE
        if step.nr == TIME_PASSES:
            self.touch(("timers",), WRITES)
        if task is None or task.mm is None:
            if step.nr == 1 and task is not None:
                self.looks_at_children(task)  # the init that waits for the program
            return
        # A signal that comes before or after any call of a program is seen in another place, unless it is blocked.
        self.signals(task, ~task.blocked)
        self.goes = self._of_space(task.mm)
        if task.mm.mm_users > 1:
            owner = task.mm.owner
            self.touch(("memory", task.tgid if owner is None else owner.tgid), WRITES)
        elif (task.files is not None and task.files.count > 1) or (task.fs is not None and task.fs.users > 1):
            self.touch(("memory", 0), WRITES)  # descriptors, or a directory, that two processes share
        for thing, how in self.maps.get(task.mm, _NONE).items():
            self.touch(thing, how)
        if not step.what:
            return
        call = CALLS.get(step.what)
        if call is not None:
            call(self, task, step.args)
        elif step.what in self.k.syscalls:
            self.everything()

    def complete(self, task: Task | None) -> None:
        """Note what is only known when a step is over: what it has changed, and what its thread has become."""
        if self.timers and self.serial != self.k.timers.timer_serial:
            self.touch(("timers",), WRITES)
        if task is not None and task.mm is not None and task.blocked != self.blocked:
            for sig in ignored(task):
                if (task.blocked ^ self.blocked) >> (sig - 1) & 1:
                    self.touch(("mask", task.pid, sig), WRITES)
        if task is not None and task.state & (TASK_STOPPED_BIT | TASK_TRACED_BIT):
            self.stopped(task)

    def ended(self, task: Task, name: str, result: int) -> None:
        """Note what is only known now that a call has its result: which files are mapped."""
        mm = task.mm
        if name not in MAPS or mm is None or (result < 0 and result >= -4095):
            return
        things: dict[Object, int] = {}
        mapped = [(vma, vma.vm_file.f_path.dentry.d_inode) for vma in mm.mmap if vma.vm_file is not None]
        code = {inode for vma, inode in mapped if vma.vm_flags & VM_EXEC}
        for vma, inode in mapped:
            # Until a page of it is written to, a private mapping shows what the file is. Nobody writes to code.
            if vma.vm_flags & VM_SHARED or inode not in code:
                how = WRITES if vma.vm_flags & VM_SHARED and vma.vm_flags & VM_MAYWRITE else READS
                thing = inode_object(inode)
                things[thing] = things.get(thing, 0) | how
        if things:
            self.maps[mm] = things
        else:
            self.maps.pop(mm, None)
        for thing, how in things.items():
            self.touch(thing, how)

    # What things are.

    def file(self, file: File, how: int, *, moves: bool = False) -> None:
        """Note an access to what is behind an open file; moves: at its position, which is another then."""
        inode = file.f_path.dentry.d_inode
        sb = inode.i_sb
        mode = inode.i_mode & S_IFMT
        if mode == S_IFSOCK:
            self.touch(("sockets",), WRITES)
            if self.passes:
                self.everything()  # any file may be closed with a message that nobody receives
        elif sb.s_type in GENERATED:
            self.everything()
        elif mode == S_IFIFO:
            self.touch(inode_object(inode), WRITES)
        elif mode == S_IFCHR:
            self._device(file, inode, how)
        elif sb.s_type == "anon_inodefs":
            self._anonymous(file)
        else:
            self.touch(inode_object(inode), how)
            if file.f_count > 1:
                self.several.add(file)
            if moves and file in self.several:
                self.touch(("position", *inode_object(inode)[1:]), WRITES)
            if mandatory_lock(inode):
                self.touch(("locks", *inode_object(inode)[1:]), READS)

    def _anonymous(self, file: File) -> None:
        self.touch(("anonymous",), WRITES)
        match type(file).__name__:
            case "SignalfdFile":
                if self.task is not None:
                    self.signals(self.task, ALL_SIGNALS)
            case "EventpollFile":
                for watched, _ in file.private_data.rbr:
                    self.file(watched, READS)
            case "InotifyFile" | "FanotifyFile":
                self.everything()  # whatever is done to any file

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
            self.touch(("groups", ALL), READS)

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
        for lock in inode.i_flock or ():
            self.touch(("lease" if lock.fl_flags & FL_LEASE else "locks", *inode_object(inode)[1:]), WRITES)
        if self._alone(task, inode):
            return
        left = file.f_count - closed
        mode = inode.i_mode & S_IFMT
        if mode in (S_IFIFO, S_IFSOCK):
            # Who is the last one depends on who has closed it before: the last but one decides that.
            self.touch(("ends", *inode_object(inode)[1:], file.f_mode & FMODE_WRITE), WRITES if left < 2 else ADDS)
        if mode == S_IFREG and file.f_mode & FMODE_WRITE:
            self.touch(("text", *inode_object(inode)[1:]), ADDS)
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

    def path(self, task: Task, dfd: int, pointer: Any, *, follow: bool = True) -> Walk:
        """Note that a path is looked up; returns where it leads."""
        dfd = dfd - (1 << 32) if dfd & 0xFFFFFFFF >= 1 << 31 and dfd > 0 else dfd
        found = walk(task, dfd, text_at(self.k, task, pointer), follow=follow)
        if found.generated:
            self.everything()
        for name in found.names:
            self.touch(("name", name), READS)
        return found

    def path_changes(self, task: Task, dfd: int, pointer: Any) -> None:
        """Note that what the last name of a path leads to changes, and with it the directory that it is in."""
        found = self.path(task, dfd, pointer, follow=False)
        if found.names:
            self.touch(("name", found.names[-1]), WRITES)
        for inode in (found.parent, found.inode):
            if inode is not None:
                self.touch(inode_object(inode), WRITES)

    def opens(self, task: Task, dfd: int, pointer: Any, flags: int, *, follow: bool, creates: bool) -> None:
        """Note that a file is opened; creates: if it is not there."""
        found = self.path(task, dfd, pointer, follow=follow)
        inode = found.inode
        if inode is None:
            if creates and found.parent is not None:
                self.touch(("name", found.names[-1]), WRITES)
                self.touch(inode_object(found.parent), WRITES)
            return
        mode = inode.i_mode & S_IFMT
        if mode == S_IFREG:
            self.touch(("lease", *inode_object(inode)[1:]), READS)
            if flags & O_ACCMODE:
                self.touch(("text", *inode_object(inode)[1:]), ADDS)
            if flags & O_TRUNC:
                self.touch(inode_object(inode), WRITES)
        elif mode == S_IFIFO:
            self.touch(inode_object(inode), WRITES)
        elif mode == S_IFCHR and inode.i_rdev >> 8 != _MEM_MAJOR:
            self.touch(("terminal",), WRITES)
            self.touch(("groups", ALL), READS)

    def process(self, task: Task, nr: int) -> Object:
        """Return the object that the process with a number is, as task knows it."""
        assert task.nsproxy is not None
        ns = task.nsproxy.pid_ns
        pid = ns.pids.get(nr)
        if pid is not None:
            for p in pid.tasks[0] or ():
                return ("task", p.tgid)
        if ns.level:
            self.everything()  # it had another number in the first namespace, if it was there
        return ("task", nr)

    def group(self, task: Task, nr: int) -> Object:
        """Return the object that a process group is, as task knows its number."""
        assert task.nsproxy is not None
        ns = task.nsproxy.pid_ns
        if not ns.level:
            return ("groups", nr)
        pid = ns.pids.get(nr)
        if pid is None:
            self.everything()  # as a process
        return ("groups", pid_nr(pid))

    # Events.

    def signal(self, sig: int, t: Task) -> None:
        """Note that a signal is sent to t."""
        sighand = t.sighand
        if sighand is None:
            return
        bit = 1 << (sig - 1)
        ka = sighand.action[sig - 1]
        self.touch(("sigactions", t.tgid, sig), READS)
        if bit & SIG_KERNEL_STOP_MASK or sig == SIGCONT:
            self.touch(("task", t.tgid), WRITES)
            self.touch(("stops",), WRITES)
            # Those that are against it are pending no more.
            gone = t.pending.signal | t.signal.shared_pending.signal
            gone &= SIG_KERNEL_STOP_MASK if sig == SIGCONT else 1 << (SIGCONT - 1)
            self.signals(t, gone, WRITES)
        blocked = (t.blocked | t.real_blocked) & bit
        if not blocked and is_ignored(ka, sig):
            self.touch(("mask", t.pid, sig), READS)
            return
        alike = ka.handler != SIG_DFL and not ka.flags & SA_SIGINFO
        which = sig if ka.handler > SIG_IGN else 0
        self.touch(("pending", t.tgid, which), ADDS if alike and not blocked else WRITES)

    def delivered(self, sig: int, t: Task) -> None:
        """Note that t handles a signal."""
        assert t.sighand is not None
        ka = t.sighand.action[sig - 1]
        if ka.handler > SIG_IGN:
            self.signals(t, ka.mask | 1 << (sig - 1))  # the others' handlers would have come first
        elif 1 << (sig - 1) & SIG_KERNEL_STOP_MASK:
            self.touch(("stops",), WRITES)  # a group that is an orphan's does not stop

    def signals(self, task: Task, which: int, how: int = READS) -> None:
        """Note that it matters to this step whether one of some signals is pending.

        Each that has a handler is an object of its own; all others, which would end or stop the process, are one.
        """
        for sig in handled(task):
            if which >> (sig - 1) & 1:
                self.touch(("pending", task.tgid, sig), how)
                which &= ~(1 << (sig - 1))
        if which:
            self.touch(("pending", task.tgid, 0), how)

    def born(self, parent: Task, child: Task) -> None:
        """Note a fork."""
        self.touch(("children", parent.tgid), WRITES)
        self.touch(("member", parent.tgid), READS)
        self.moves(child)
        if parent.mm is not None and child.mm is not None and parent.mm in self.maps:
            self.maps[child.mm] = self.maps[parent.mm]

    def dies(self, p: Task) -> None:
        """Note what the end of a thread does: files are closed, children go elsewhere, the parent hears of it."""
        files = p.files
        if files is not None and files.count == 1:
            for file in dict.fromkeys(file for file in files.fd if file is not None):
                self.close(p, files.fd.index(file), files.fd.count(file))
        self.unmaps()
        self.touch(("task", p.tgid), WRITES)
        self.touch(("stops",), READS)
        if p.children:
            self.touch(("children", p.tgid), WRITES)
        for tracee in p.ptraced or ():  # of children another event tells
            self.touch(("task", tracee.tgid), WRITES)
        if p.sysvsem is not None:
            for undo in p.sysvsem.list_proc:
                self.touch(("ids", "sem"), READS)
                self.touch(("ipc", "sem", undo.semid), WRITES)
        self.touch(("sigactions", p.real_parent.tgid, SIGCHLD), READS)

    def _of_space(self, mm: MmStruct) -> dict[Object, int]:
        """Return what goes with an address space, and how that touches it; nothing while several are in it."""
        goes: dict[Object, int] = {}
        if mm.mm_users > 1:
            return _NONE
        if mm.exe_file is not None:
            goes["text", *inode_object(mm.exe_file.f_path.dentry.d_inode)[1:]] = READS
        if mm in self.maps and any(type(vma.vm_file).__name__ == "ShmFile" for vma in mm.mmap):
            goes["ids", "shm"] = WRITES
        return goes

    def unmaps(self) -> None:
        """Note that the current step's thread leaves the address space that it began in; it may have left already."""
        for thing, how in self.goes.items():
            self.touch(thing, how)

    def reparented(self, child: int, to: int) -> None:
        """Note that a child has another parent."""
        self.touch(("task", child), WRITES)
        self.touch(("children", to), ADDS)

    def stopped(self, p: Task) -> None:
        """Note that a process has stopped."""
        self.touch(("task", p.tgid), WRITES)
        self.touch(("sigactions", p.real_parent.tgid, SIGCHLD), READS)  # whether its parent hears of it
        self.touch(("stops",), WRITES)

    def reaped(self, p: Task, parent: int) -> None:
        """Note that a process is gone for good."""
        self.touch(("task", p.tgid), WRITES)
        self.touch(("children", parent), WRITES)
        self.moves(p)

    def moves(self, p: Task) -> None:
        """Note that a process comes into its group, or leaves it."""
        self.touch(("groups", pid_nr(task_pgrp(p))), ADDS)
        self.touch(("groups", ALL), ADDS)

    def looks_at_children(self, task: Task, *, groups: bool = False) -> None:
        """Note that a wait looks at all children; groups: and at which group each is in."""
        self.touch(("children", task.tgid), READS)
        for t in task.signal.threads:
            for child in (*t.children, *(t.ptraced or ())):
                self.touch(("task", child.tgid), READS)
                if groups:
                    self.touch(("member", child.tgid), READS)
