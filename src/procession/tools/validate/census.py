"""What a walk from a kernel's roots finds: tasks, and what they hold. Every validator starts from it.

A count may be above what the structures hold as long as somebody sleeps: a reference that lies on a suspended kernel
stack is the stack's. So `visible` looks into the frames of the coroutines; nothing does so unless a count does not fit.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from functools import cached_property
import inspect
import types
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86.entry import SyscallStack
from procession.include.linux.binfmts import LinuxBinprm
from procession.include.linux.cred import Cred
from procession.include.linux.fdtable import FilesStruct
from procession.include.linux.fs import File, Inode, MntNamespace
from procession.include.linux.fs_struct import FsStruct
from procession.include.linux.kernel import Kernel
from procession.include.linux.mm_types import MmStruct, VmArea
from procession.include.linux.net import Scm
from procession.include.linux.nsproxy import IpcNamespace, NetNamespace, Nsproxy, UserNamespace, UtsNamespace
from procession.include.linux.pid import Pid, PidNamespace
from procession.include.linux.sched import SighandStruct, SignalStruct, Task, UserStruct
from procession.include.linux.signal import Sigqueue
from procession.kernel import cred, fork, pid
from procession.kernel.exit_wait import WaitOpts
from procession.net.socket import SocketFile

if TYPE_CHECKING:
    from procession.kernel.sched import Rq
    from procession.net.unix.af_unix import UnixSock

__all__ = ("Census", "tally")

# What has a count of its own: noted where it is seen, not looked into.
_COUNTED: Final = (
    Task,
    SignalStruct,
    SighandStruct,
    MmStruct,
    VmArea,
    FilesStruct,
    FsStruct,
    Pid,
    PidNamespace,
    Cred,
    UserStruct,
    UserNamespace,
    Nsproxy,
    UtsNamespace,
    IpcNamespace,
    NetNamespace,
    MntNamespace,
    File,
    Inode,
    Sigqueue,
)
_ATOMS: Final = (type(None), int, str, bytes, float, type, types.ModuleType, Kernel)
_CONTAINERS: Final = (dict, list, tuple, deque)
# The objects whose fields hold references while somebody sleeps.
_HOLDERS: Final = (SyscallStack, LinuxBinprm, WaitOpts, Scm)
# Where a reference of its own may lie on a stack; elsewhere these are borrowed. Of other things each may be one.
_HELD_BY: Final[dict[type, tuple[str, ...]]] = {
    Task: ("kthread_stop",),
    SignalStruct: (),
    SighandStruct: (),
    UserStruct: (),
    Pid: ("WaitOpts",),
    MmStruct: ("LinuxBinprm",),
    Cred: ("LinuxBinprm", "do_coredump"),
    FilesStruct: ("do_execve", "sys_unshare"),
    FsStruct: ("sys_unshare",),
    Nsproxy: ("sys_unshare", "sys_setns", "switch_task_namespaces"),
}


def tally(things: Iterable[Any], found: dict[Any, int] | None = None) -> dict[Any, int]:
    """Count things, on top of what was found already. A Counter takes three times as long to begin."""
    found = {} if found is None else found
    for thing in things:
        found[thing] = found.get(thing, 0) + 1
    return found


class Census:
    """One walk.

    idle: the CPUs' idle tasks.  hashed: all others that the task list leads to, leaders before their threads.
    gone: released, but still on a CPU or waiting for the end of a grace period.  tasks: those that hold references,
    which of the idle ones only CPU 0's does: the others are copies of it that were never counted.
    """

    def __init__(self, k: Kernel) -> None:
        self.k = k
        rqs: list[Rq] = k.sched.runqueues
        self.idle: list[Task] = [rq.idle for rq in rqs]
        self.hashed: list[Task] = [p for leader in k.tasks for p in leader.signal.threads]
        known = dict.fromkeys(self.hashed)
        gone: dict[Task, None] = {}
        for rq in rqs:
            if rq.curr not in known and rq.curr is not rq.idle:
                gone[rq.curr] = None
            if rq.dead is not None and rq.dead not in known:
                gone[rq.dead] = None
        self.rcu_creds: list[Cred] = []
        self.rcu_pids: list[Pid] = []
        self.rcu_tasks: dict[Task, None] = {}
        for func, arg in (*k.rcu.next, *k.rcu.wait):
            if func is fork.put_task_struct:
                self.rcu_tasks[arg] = None
                gone[arg] = None
            elif func is cred._put_cred_rcu:
                self.rcu_creds.append(arg[1])
            elif func is pid._delayed_put_pid:
                self.rcu_pids.append(arg[1])
        self.gone = list(gone)
        self.tasks: list[Task] = [self.idle[0], *self.hashed, *self.gone]

    @cached_property
    def signals(self) -> dict[SignalStruct, int]:
        """Every signal_struct, with the number of tasks that point to it."""
        return tally([p.signal for p in self.tasks])

    @cached_property
    def mms(self) -> dict[MmStruct, int]:
        """Every address space, with the number of tasks that use it; 0: it is still, or already, on a stack only."""
        found = tally([p.mm for p in self.tasks if p.mm is not None])
        if self.k.caches["mm_struct"].nr_active != len(found):
            for what in self.visible:
                if isinstance(what, MmStruct) and what not in found and what.mm_count:
                    found[what] = 0
        return found

    @cached_property
    def files(self) -> dict[FilesStruct, int]:
        """Every descriptor table, with the number of tasks that use it; 0: an exec has put it aside."""
        found = tally([p.files for p in self.tasks if p.files is not None])
        cache = self.k.caches.get("files_cache")
        if cache is not None and cache.nr_active != len(found):
            for what in self.visible:
                if isinstance(what, FilesStruct) and what not in found and what.count:
                    found[what] = 0
        return found

    @cached_property
    def nsproxies(self) -> dict[Nsproxy, int]:
        """Every set of namespaces, with the number of tasks that use it; 0: its last user waits for readers of it."""
        found = tally([p.nsproxy for p in self.tasks if p.nsproxy is not None])
        cache = self.k.caches.get("nsproxy")
        if cache is not None and cache.nr_active != len(found) - 1:  # the boot task's is static
            for what in self.visible:
                if isinstance(what, Nsproxy) and what not in found and what.count:
                    found[what] = 0
        return found

    @cached_property
    def pid_namespaces(self) -> list[PidNamespace]:
        """All pid namespaces that a task or a number leads to, and their parents."""
        found: dict[PidNamespace, None] = {self.k.init_pid_ns: None}
        for nsproxy in self.nsproxies:
            found[nsproxy.pid_ns] = None
        for number in (*self.k.init_pid_ns.pids.values(), *self.rcu_pids):
            if number.level:
                for upid in number.numbers:
                    found[upid.ns] = None
        for ns in list(found):
            up = ns.parent
            while up is not None and up not in found:
                found[up] = None
                up = up.parent
        return list(found)

    @cached_property
    def sigqueues(self) -> dict[Sigqueue, None]:
        """Every queue entry: those of pending signals and those that belong to timers."""
        found: dict[Sigqueue, None] = {}
        for p in self.tasks:
            if p.pending.list:
                found.update(dict.fromkeys(p.pending.list))
        for sig in self.signals:
            if sig.shared_pending.list:
                found.update(dict.fromkeys(sig.shared_pending.list))
            if sig.posix_timers:
                found.update(dict.fromkeys(timer.sigq for timer in sig.posix_timers.values() if timer.sigq is not None))
        return found

    @cached_property
    def open_files(self) -> dict[File, int]:
        """Every open file that a descriptor, a mapping or a message leads to, with the number of these."""
        held: list[Any] = []
        for files in self.files:
            held += files.fd
        for mm in self.mms:
            held += [vma.vm_file for vma in mm.mmap]
            held.append(mm.exe_file)
        found = tally(held)
        found.pop(None, None)
        queue: list[UnixSock] = [file.private_data for file in found if isinstance(file, SocketFile)]
        if queue:
            self._messages(queue, found)
        return found

    def _messages(self, queue: list[UnixSock], found: dict[File, int]) -> None:
        """Count the files that are under way in sockets, and in sockets that are under way themselves."""
        known = dict.fromkeys(queue)
        for sk in queue:
            files = [file for skb in sk.receive_queue for file in skb.scm.fp]
            tally(files, found)
            others = [file.private_data for file in files if isinstance(file, SocketFile)]
            for other in (*others, *sk.accept_queue):
                if other not in known:
                    known[other] = None
                    queue.append(other)

    # What only suspended kernel stacks know.

    @cached_property
    def visible(self) -> Counter[Any]:
        """How often each counted object is held by frames of kernel stacks and the arguments of RCU callbacks."""
        found: Counter[Any] = Counter()
        tables = {id(files.fd) for p in self.tasks if (files := p.files) is not None}
        for p in self.tasks:
            if p.stack is not None:
                _look_into(p.stack, found, tables.copy(), "")
        for func, arg in (*self.k.rcu.next, *self.k.rcu.wait):
            if func not in (fork.put_task_struct, cred._put_cred_rcu, pid._delayed_put_pid):
                _look_into(arg, found, tables.copy(), "")
        return found

    def excused(self, what: Any, found: int, count: int) -> bool:
        """Whether suspended kernel stacks can hold the rest of the references."""
        return found <= count <= found + self.visible[what]


def _look_into(what: Any, found: Counter[Any], seen: set[int], owner: str) -> None:
    """Note the counted objects that what holds; owner: name of the function or class that it was found in."""
    if isinstance(what, _ATOMS):
        return
    if isinstance(what, _COUNTED):
        if owner in _HELD_BY.get(type(what), (owner,)):
            found[what] += 1
            if isinstance(what, File):
                found[what.f_path.dentry.d_inode] += 1
        return
    if isinstance(what, _CONTAINERS):
        if id(what) not in seen:
            seen.add(id(what))
            for part in what.values() if isinstance(what, dict) else tuple(what):
                _look_into(part, found, seen, owner)
    elif isinstance(what, _HOLDERS):
        for name in type(what).__slots__:
            _look_into(getattr(what, name, None), found, seen, type(what).__name__)
    elif inspect.iscoroutine(what):
        _look_into_frame(what.cr_frame, found, seen)
        _look_into(what.cr_await, found, seen, owner)
    elif inspect.isgenerator(what):
        _look_into_frame(what.gi_frame, found, seen)
        _look_into(what.gi_yieldfrom, found, seen, owner)


def _look_into_frame(frame: types.FrameType | None, found: Counter[Any], seen: set[int]) -> None:
    if frame is not None:
        for value in frame.f_locals.values():
            _look_into(value, found, seen, frame.f_code.co_name)
