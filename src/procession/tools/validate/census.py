"""What a walk from a kernel's roots finds: tasks, and what they hold. Every validator starts from it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from procession.fs.nsfs import NsfsSuperBlock
from procession.fs.pipe import PipeFile, PipeInodeInfo
from procession.fs.proc.mem import MemFile
from procession.include.linux.aio import Kioctx
from procession.include.linux.binfmts import LinuxBinprm
from procession.include.linux.fdtable import FilesStruct
from procession.include.linux.fs import File
from procession.include.linux.fs_struct import FsStruct
from procession.include.linux.ipc_namespace import IPC_SHM_IDS
from procession.include.linux.mm_types import MmStruct
from procession.include.linux.net import Scm
from procession.include.linux.nsproxy import Nsproxy
from procession.include.linux.pid import PidNamespace
from procession.include.linux.pipe_fs_i import PipeBuffer
from procession.include.linux.sched import Task
from procession.include.linux.shm import ShmidKernel
from procession.ipc.mqueue import MqueueDir, MqueueInode, MqueueSuperBlock
from procession.kernel import cred, fork, pid
from procession.net.core.sock import Sock
from procession.net.ipv4.sock import TcpSock
from procession.net.socket import SocketFile
from procession.net.unix.sock import UnixSock

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import SuperBlock
    from procession.include.linux.fsnotify_backend import FsnotifyEvent
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_ns import NsfsInode
    from procession.include.linux.sched import SignalStruct
    from procession.include.linux.signal import Sigqueue
    from procession.kernel.sched_rq import Rq

__all__ = ("Census", "tally")

T = TypeVar("T")


def tally(things: Iterable[Any], found: dict[Any, int] | None = None) -> dict[Any, int]:
    """Count things, on top of what was found already. A Counter takes three times as long to begin."""
    found = {} if found is None else found
    for thing in things:
        found[thing] = found.get(thing, 0) + 1
    return found


class Census:
    """One walk.

    idle: the CPUs' idle tasks.  hashed: all others that the task list leads to, leaders before their threads.
    gone: released, but still on a CPU, waiting for the end of a grace period, or held by a sleeper.  tasks: those that
    hold references, which of the idle ones only CPU 0's does: the others are copies of it that were never counted.
    on_stacks: what the functions on kernel stacks have noted in Task.held.  held: the references in these.
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
            elif func is cred.put_cred_rcu:
                self.rcu_creds.append(arg[1])
            elif func is pid.delayed_put_pid:
                self.rcu_pids.append(arg[1])
        self.gone = list(gone)
        self.tasks: list[Task] = [*self.idle[:1], *self.hashed, *self.gone]
        self.on_stacks: list[object] = []
        for p in self.tasks:
            if p.held:
                self.on_stacks += p.held
        self.held = _references(self.on_stacks) if self.on_stacks else []
        # Released long ago, but somebody who sleeps still has a reference: he attaches to it, and waits for an exec.
        for what in self.held:
            if isinstance(what, Task) and what not in known and what not in gone:
                gone[what] = None
                self.gone.append(what)
                self.tasks.append(what)

    @cached_property
    def signals(self) -> dict[SignalStruct, int]:
        """Every signal_struct, with the number of tasks that point to it."""
        return tally([p.signal for p in self.tasks])

    @cached_property
    def mms(self) -> dict[MmStruct, int]:
        """Every address space, with the number of its users: tasks, programs about to be executed, /proc/PID/mem."""
        return tally(_shown_by(self.open_files), self._mms_in_use)

    @cached_property
    def pipes(self) -> dict[PipeInodeInfo, None]:
        """Every pipe that an open file leads to, and those in which a sendfile(2) sleeps."""
        found = {file.pipe: None for file in self.open_files if isinstance(file, PipeFile)}
        return {**found, **dict.fromkeys(self.held_of(PipeInodeInfo))}

    @cached_property
    def pipe_buffers(self) -> list[PipeBuffer]:
        """What lies in pipes, and what sleepers are to put there, but for that which nobody else can hold."""
        bufs = self.held_of(PipeBuffer)
        for pipe in self.pipes:
            bufs += [buf for buf in pipe.bufs if isinstance(buf, PipeBuffer)]
        return bufs

    @cached_property
    def pinned_pages(self) -> list[int]:
        """The frames that pipes and rings of events hold, as often as they do."""
        contexts = dict.fromkeys([ctx for mm in self.mms for ctx in mm.ioctx_list or ()])
        contexts.update(dict.fromkeys(self.held_of(Kioctx)))
        pages = [buf.pfn for buf in self.pipe_buffers if buf.page is None]
        return pages + [pfn for ctx in contexts for pfn in ctx.ring_pages]

    @property
    def _mms_in_use(self) -> dict[MmStruct, int]:
        found = tally([p.mm for p in self.tasks if p.mm is not None])
        return tally(self.held_of(MmStruct), found) if self.held else found

    @cached_property
    def files(self) -> dict[FilesStruct, int]:
        """Every descriptor table, with the number of its users."""
        found = tally([p.files for p in self.tasks if p.files is not None])
        return tally(self.held_of(FilesStruct), found) if self.held else found

    @cached_property
    def fs(self) -> dict[FsStruct, int]:
        """Every fs_struct, with the number of its users."""
        found = tally([p.fs for p in self.tasks if p.fs is not None])
        return tally(self.held_of(FsStruct), found) if self.held else found

    @cached_property
    def nsproxies(self) -> dict[Nsproxy, int]:
        """Every set of namespaces, with the number of its users."""
        found = tally([p.nsproxy for p in self.tasks if p.nsproxy is not None])
        return tally(self.held_of(Nsproxy), found) if self.held else found

    @cached_property
    def nsfs_inodes(self) -> list[NsfsInode]:
        """The files that links in /proc/PID/ns lead to, of those that were looked at."""
        mnt = self.k.vfs.nsfs_mnt
        if mnt is None:
            return []
        assert isinstance(mnt.mnt_sb, NsfsSuperBlock)
        return list(mnt.mnt_sb.inodes.values())

    @cached_property
    def pid_namespaces(self) -> list[PidNamespace]:
        """All pid namespaces that a task or a number leads to, and their parents."""
        found: dict[PidNamespace, None] = {self.k.init_pid_ns: None}
        for nsproxy in self.nsproxies:
            found[nsproxy.pid_ns] = None
        for p in self.hashed:
            if p.pid_ns_for_children is not None:
                found[p.pid_ns_for_children] = None
        for inode in self.nsfs_inodes:
            if isinstance(inode.ns, PidNamespace):
                found[inode.ns] = None
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
        """Every open file that a descriptor, a mapping, a message or a sleeper leads to, with the number of these."""
        mms = list(self._mms_in_use)
        while True:
            found = self._files_of(mms)
            more = [mm for mm in dict.fromkeys(_shown_by(found)) if mm not in mms]
            if not more:
                return found
            mms += more

    def _files_of(self, mms: list[MmStruct]) -> dict[File, int]:
        """Return the open files that descriptors and these address spaces lead to."""
        files: list[Any] = self.held_of(File)
        files += [acct.file for acct in self.k.acct_list]
        for table in self.files:
            files += [file for file in table.fd if file is not None]
        for mm in mms:
            files += [vma.vm_file for vma in mm.mmap]
            files.append(mm.exe_file)
        files += [shp.shm_file for shp in self.segments]
        found = tally(files)
        found.pop(None, None)
        queue = [sk for file in found if (sk := _socket_of(file)) is not None]
        # Those that only hold each other are there until the collector looks.
        queue += [sk for sk in self.k.net.gc_inflight_list if sk not in queue]
        if queue:
            self._messages(queue, found)
        return found

    @cached_property
    def fsnotify_events(self) -> dict[FsnotifyEvent, int]:
        """Every event that somebody has not read yet, with the number of queues it is in."""
        queues = [group.notification_list for group in self.k.vfs.fsnotify_groups]
        found = tally([holder.event for queue in queues for holder in queue]) if queues else {}
        found.pop(self.k.vfs.q_overflow_event, None)
        return found

    @cached_property
    def mqueue_sbs(self) -> dict[SuperBlock, None]:
        """Every instance of the POSIX queues' file system: of namespaces, of mounts and of open queues."""
        found = {ns.mq_mnt.mnt_sb: None for ns in self.k.ipc.namespaces if ns.mq_mnt is not None}
        cache = self.k.caches.get("mqueue_inode_cache")
        if cache is not None and cache.nr_active:
            mounts = self.k.vfs.mount_hashtable.values()
            found.update(dict.fromkeys(mnt.mnt_sb for mnt in mounts if isinstance(mnt.mnt_sb, MqueueSuperBlock)))
            files = [file.inode for file in self.open_files]
            found.update(dict.fromkeys(inode.i_sb for inode in files if isinstance(inode, MqueueInode | MqueueDir)))
        return found

    @cached_property
    def mqueues(self) -> dict[MqueueInode, None]:
        """Every POSIX queue that has a name or is open."""
        found: dict[MqueueInode, None] = {}
        cache = self.k.caches.get("mqueue_inode_cache")
        if cache is None or not cache.nr_active:
            return found
        for sb in self.mqueue_sbs:
            assert sb.s_root is not None
            root = sb.s_root.d_inode
            assert isinstance(root, MqueueDir)
            found.update(dict.fromkeys(root.children.values()))
        for file in self.open_files:
            if isinstance(file.inode, MqueueInode):
                found[file.inode] = None
        return found

    @cached_property
    def segments(self) -> list[ShmidKernel]:
        """Every segment of shared memory."""
        tables = [ns.ids[IPC_SHM_IDS] for ns in self.k.ipc.namespaces]
        return [shp for ids in tables if ids.in_use for shp in ids.ipcs if isinstance(shp, ShmidKernel)]

    @cached_property
    def sockets(self) -> list[UnixSock]:
        """Every socket that an open file leads to, and those there that wait to be accepted."""
        queue = [sk for file in self.open_files if (sk := _socket_of(file)) is not None]
        for sk in queue:
            queue += sk.accept_queue
        return queue

    @cached_property
    def other_sockets(self) -> list[Sock]:
        """Every socket that is not a local one: an open file leads to it, or it waits to be accepted."""
        found = [file.private_data for file in self.open_files if isinstance(file, SocketFile)]
        others: list[Sock] = [sk for sk in found if sk is not None and not isinstance(sk, UnixSock)]
        for sk in others.copy():
            if isinstance(sk, TcpSock):
                others += [child for _, child in sk.accept_queue if child.counted]
        return others

    def _messages(self, queue: list[UnixSock], found: dict[File, int]) -> None:
        """Count the files that are under way in sockets, and in sockets that are under way themselves."""
        known = dict.fromkeys(queue)
        for sk in queue:
            files = [file for skb in sk.receive_queue for file in skb.scm.fp]
            tally(files, found)
            others = [other for file in files if (other := _socket_of(file)) is not None]
            for other in (*others, *sk.accept_queue):
                if other not in known:
                    known[other] = None
                    queue.append(other)

    # What only suspended kernel stacks know.

    def held_of(self, kind: type[T]) -> list[T]:
        """Return the held references to objects of one kind; what is held twice stands there twice."""
        return [what for what in self.held if isinstance(what, kind)] if self.held else []


def _shown_by(files: Iterable[File]) -> list[MmStruct]:
    """Return the address space of each open /proc/PID/mem."""
    return [file.mm for file in files if isinstance(file, MemFile) and file.mm is not None]


def _socket_of(file: File) -> UnixSock | None:
    """Return the local socket behind a file; accept(2)'s has none yet while it waits."""
    return file.private_data if isinstance(file, SocketFile) and isinstance(file.private_data, UnixSock) else None


def _references(on_stacks: list[object]) -> list[object]:
    """Return what was noted in Task.held, and what the structs and lists among it refer to."""
    found: list[object] = []
    for what in on_stacks:
        if isinstance(what, LinuxBinprm):
            found += (what.file, what.interpreter, what.mm, what.cred)
        elif isinstance(what, Scm):
            found += (*what.fp, *(held for held in (what.pid, what.cred) if held is not None))
        elif isinstance(what, list):
            found += what
        else:
            found.append(what)
    return found
