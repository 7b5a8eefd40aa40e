"""The directories of processes and threads under /proc (fs/proc/base.c; spec proc-kthreads 1).

Differs: names are looked up anew each time instead of being revalidated, so a dead task's names are gone at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from procession.fs.proc import (
    array,
    autogroup,
    base_files,
    fd,
    generic,
    id_map,
    links,
    mem,
    mounts,
    namespaces,
    pagemap,
    proc_net,
    sched_debug,
    task_mmu,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    DT_DIR,
    DT_LNK,
    DT_REG,
    MAX_LFS_FILESIZE,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    File,
    Inode,
    Kstat,
)
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.proc_fs import PidInode, ProcSuperBlock
from procession.include.linux.sched import Task, same_thread_group
from procession.kernel import pid
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.pid import Pid, PidNamespace
    from procession.include.linux.types import UserPtr

__all__ = ("PidDir", "PidFile", "TaskDir", "proc_pid_lookup", "proc_pid_readdir")

# (reader, namespace of the mount, task) -> text
Show = Callable[[Task, "PidNamespace", Task], bytes]
# (writer, task, buffer, count) -> how much of it was taken; raises what the write answers
Store = Callable[[Task, Task, "UserPtr", int], int]


class Entry(NamedTuple):
    """One name in a process's directory (struct pid_entry).

    file: what it is when it is open.
    """

    mode: int
    show: Show | None = None
    store: Store | None = None
    make: Callable[[ProcSuperBlock, Pid], Inode] | None = None
    file: type[generic.ProcFile] = generic.ProcFile


class PidFile(PidInode):
    """A file made of text about a task."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, entry: Entry) -> None:
        super().__init__(sb, pid, S_IFREG | entry.mode)
        self.entry = entry

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file; reading it raises ESRCH once the task is gone."""
        return self.entry.file(path, flags, mode, self._show, self._store if self.entry.store else None)

    def _show(self, current: Task) -> bytes:
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ESRCH, "the task is gone")
        assert self.entry.show is not None
        return self.entry.show(current, self.proc_sb.ns, task)

    def _store(self, current: Task, buf: UserPtr, count: int) -> int:
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ESRCH, "the task is gone")
        assert self.entry.store is not None
        return self.entry.store(current, task, buf, count)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class PidDir(PidInode):
    """/proc/PID or /proc/PID/task/TID."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, table: dict[str, Entry]) -> None:
        nlink = 2 + sum(1 for entry in table.values() if entry.mode & S_IFMT == S_IFDIR)
        super().__init__(sb, pid, S_IFDIR | 0o555, nlink)
        self.table = table
        self.children: dict[str, Inode] = {}

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT, also if the task is gone."""
        task = self.task()
        entry = self.table.get(name)
        if task is None or entry is None:
            raise LinuxError(Errno.ENOENT, name)
        child = self._child(name, entry)
        if isinstance(child, PidInode):
            child.revalidate(task)
        return child

    def _child(self, name: str, entry: Entry) -> Inode:
        child = self.children.get(name)
        if child is None:
            make = entry.make
            child = make(self.proc_sb, self.pid) if make is not None else PidFile(self.proc_sb, self.pid, entry)
            self.children[name] = child
        return child

    def forget(self, tid: Pid) -> None:
        """Drop a thread's directory."""
        task_dir = self.children.get("task")
        if isinstance(task_dir, TaskDir):
            thread = task_dir.threads.pop(tid, None)
            if thread is not None:
                thread.flush()

    def flush(self) -> None:
        """Let go what is held for a task that is gone."""
        ns = self.children.get("ns")
        if isinstance(ns, namespaces.NsDir):
            ns.flush()

    def ns_inodes(self) -> list[Inode]:
        """Return the namespace files that are remembered, those of its threads too."""
        ns, task_dir = self.children.get("ns"), self.children.get("task")
        out: list[Inode] = list(ns.found.values()) if isinstance(ns, namespaces.NsDir) else []
        if isinstance(task_dir, TaskDir):
            for thread in task_dir.threads.values():
                out += thread.ns_inodes()
        return out

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the entries; raises ENOENT if the task is gone."""
        if self.task() is None:
            raise LinuxError(Errno.ENOENT, "the task is gone")
        types = {S_IFDIR: DT_DIR, S_IFLNK: DT_LNK}
        return [
            (name, self._child(name, entry).i_ino, types.get(entry.mode & S_IFMT, DT_REG))
            for name, entry in self.table.items()
        ]


class TaskDir(PidInode):
    """/proc/PID/task: a directory for each thread."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFDIR | 0o555, 2)
        self.threads: dict[Pid, PidDir] = {}

    def lookup(self, name: str) -> Inode:
        """Return a thread's directory; raises ENOENT if it is none of this process."""
        leader = self.task()
        tid = self.proc_sb.ns.pids.get(name_to_int(name))
        task = pid.pid_task(tid, 0)
        if leader is None or tid is None or task is None or not same_thread_group(leader, task):
            raise LinuxError(Errno.ENOENT, name)
        inode = self._thread(tid)
        inode.revalidate(task)
        return inode

    def _thread(self, tid: Pid) -> PidDir:
        inode = self.threads.get(tid)
        if inode is None:
            table = tid_base_stuff()
            if "children" in self.proc_sb.kernel.later:
                table = table | {"children": Entry(0o444, base_files.children_show)}
            table = _with_maps(self.proc_sb, table)
            inode = self.threads[tid] = PidDir(self.proc_sb, tid, table)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the threads, the leader first, then by birth; raises ENOENT if the process is gone."""
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ENOENT, "the task is gone")
        out = []
        for t in task.group_leader.signal.threads:
            tid = t.pids[PIDTYPE_PID]
            if tid is not None:
                out.append((str(pid.pid_nr_ns(tid, self.proc_sb.ns)), self._thread(tid).i_ino, DT_DIR))
        return out

    def getattr(self, current: Task) -> Kstat:
        """Count every thread as a link."""
        stat = super().getattr(current)
        task = self.task()
        if task is not None and task.sighand is not None:
            stat.nlink += task.signal.nr_threads
        return stat


def name_to_int(name: str) -> int:
    """Return the number that name is in its only spelling, -1 for everything else."""
    if not name.isascii() or not name.isdecimal() or (len(name) > 1 and name[0] == "0"):
        return -1
    return int(name)


def _with_maps(sb: ProcSuperBlock, table: dict[str, Entry]) -> dict[str, Entry]:
    """Return a table with what is there since 3.8 of user namespaces, if it is on."""
    return table | _maps() if "CLONE_NEWUSER" in sb.kernel.later else table


# The root's part.


def proc_pid_lookup(sb: ProcSuperBlock, name: str) -> PidDir:
    """Return the directory of a process or, though it is not listed, of a thread; raises ENOENT."""
    nr = name_to_int(name)
    found = sb.ns.pids.get(nr)
    if found is None and not sb.ns.level:
        sb.kernel.kthreads.look_for(sb.kernel, nr)
        found = sb.ns.pids.get(nr)
    task = pid.pid_task(found, 0)
    if found is None or task is None:
        raise LinuxError(Errno.ENOENT, name)
    inode = _pid_dir(sb, found)
    inode.revalidate(task)
    return inode


def _pid_dir(sb: ProcSuperBlock, found: Pid) -> PidDir:
    inode = sb.pids.get(found)
    if inode is None:
        inode = sb.pids[found] = PidDir(sb, found, _with_maps(sb, tgid_base_stuff()))
    assert isinstance(inode, PidDir)
    return inode


def proc_pid_readdir(sb: ProcSuperBlock) -> list[tuple[str, int, int]]:
    """List the processes by number (next_tgid): leaders only."""
    out = []
    pids = sb.ns.pids
    if not sb.ns.level:
        sb.kernel.kthreads.appear(sb.kernel)
    for nr in sorted(pids):
        task = pid.pid_task(pids[nr], 0)
        # has_group_leader_pid(): during an exec the number, not exit_signal, tells.
        if task is not None and task.pid == task.tgid:
            out.append((str(nr), _pid_dir(sb, pids[nr]).i_ino, DT_DIR))
    return out


# The tables.


class _EnvironFile(generic.BufferFile):
    """An open environ."""

    def _copy(self, current: Task, buf: UserPtr, chunk: bytes) -> int:
        """Copy all of it (environ_read)."""
        uaccess.copy_to_user(current, buf, chunk)
        return len(chunk)


class _SmapsFile(generic.SeqFile):
    """An open smaps."""

    last = b"Locked:"


class _ClearRefsFile(generic.BufferFile):
    """An open clear_refs, of which nothing is read."""

    def has_op(self, *, write: bool) -> bool:
        """Whether it can be read, or written."""
        return write

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Raise EINVAL."""
        raise LinuxError(Errno.EINVAL, "cannot be read")

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Stay where it is (noop_llseek)."""
        return self.f_pos


class _OomScoreAdjFile(generic.BufferFile):
    """An open oom_score_adj, which has default_llseek."""

    maxbytes = MAX_LFS_FILESIZE


def _link(get: links.GetLink) -> Entry:
    return Entry(S_IFLNK | 0o777, make=lambda sb, p: links.PidLink(sb, p, get))


def _inf(mode: int, show: Show, store: Store | None = None) -> Entry:
    return Entry(mode, show, store, file=generic.InfFile)


def _mounts(show: mounts.ShowMounts) -> Entry:
    return Entry(0o444, make=lambda sb, p: mounts.MountsInode(sb, p, show))


def _mountstats(sb: ProcSuperBlock, pid: Pid) -> Inode:
    return mounts.MountsInode(sb, pid, mounts.show_vfsstat, 0o400, mounts.MountstatsFile)


def _directory(mode: int, make: Callable[[ProcSuperBlock, Pid], Inode]) -> Entry:
    return Entry(S_IFDIR | mode, make=make)


def _id_map(kind: int) -> Entry:
    return Entry(0o644, make=lambda sb, p: id_map.IdMapInode(sb, p, kind))


@cache
def _maps() -> dict[str, Entry]:
    return {name: _id_map(kind) for name, kind in id_map.MAPS.items()}


@cache
def tid_base_stuff() -> dict[str, Entry]:
    """Return the entries of a thread's directory, in 3.2's order."""
    return {
        "fd": _directory(0o500, fd.FdDir),
        "fdinfo": _directory(0o500, fd.FdinfoDir),
        "ns": _directory(0o511, namespaces.ns_dir),
        "environ": Entry(0o400, base_files.environ, file=_EnvironFile),
        "auxv": _inf(0o400, base_files.proc_pid_auxv),
        "status": Entry(0o444, array.proc_pid_status),
        "personality": Entry(0o444, base_files.proc_pid_personality),
        "limits": _inf(0o444, base_files.proc_pid_limits),
        "sched": Entry(0o644, base_files.sched_show, base_files.sched_write),
        "comm": Entry(0o644, base_files.comm_show, base_files.comm_write),
        "syscall": _inf(0o444, base_files.proc_pid_syscall),
        "cmdline": _inf(0o444, base_files.proc_pid_cmdline),
        "stat": Entry(0o444, array.proc_tid_stat),
        "statm": Entry(0o444, array.proc_pid_statm),
        "maps": Entry(0o444, task_mmu.show_maps, file=generic.SeqFile),
        "mem": Entry(0o600, make=mem.MemInode),
        "cwd": _link(links.proc_cwd_link),
        "root": _link(links.proc_root_link),
        "exe": _link(links.proc_exe_link),
        "mounts": _mounts(mounts.show_vfsmnt),
        "mountinfo": _mounts(mounts.show_mountinfo),
        "clear_refs": Entry(0o200, None, task_mmu.clear_refs_write, file=_ClearRefsFile),
        "smaps": Entry(0o444, task_mmu.show_smaps, file=_SmapsFile),
        "pagemap": Entry(0o444, make=pagemap.PagemapInode),
        "wchan": _inf(0o444, base_files.proc_pid_wchan),
        "stack": Entry(0o444, base_files.proc_pid_stack),
        "schedstat": _inf(0o444, sched_debug.proc_pid_schedstat),
        "cpuset": Entry(0o444, base_files.proc_cpuset_show),
        "latency": Entry(0o444, base_files.lstats_show_proc, base_files.lstats_write),
        "cgroup": Entry(0o444, base_files.proc_cgroup_show),
        "oom_score": _inf(0o444, base_files.proc_oom_score),
        "oom_adj": _inf(0o644, base_files.oom_adjust_show, base_files.oom_adjust_write),
        "oom_score_adj": Entry(
            0o644, base_files.oom_score_adj_show, base_files.oom_score_adj_write, file=_OomScoreAdjFile
        ),
        "io": _inf(0o400, base_files.proc_tid_io_accounting),
    }


@cache
def tgid_base_stuff() -> dict[str, Entry]:
    """Return the entries of a process's directory: those of a thread, and its threads."""
    table = {"task": _directory(0o555, TaskDir)}
    for name, entry in tid_base_stuff().items():
        table[name] = entry
        if name == "ns":
            table["net"] = _directory(0o555, proc_net.NetDir)
        if name == "sched":
            table["autogroup"] = Entry(0o644, autogroup.sched_autogroup_show, autogroup.sched_autogroup_write)
        elif name == "mountinfo":
            table["mountstats"] = Entry(0o400, make=_mountstats)
        elif name == "oom_score_adj":
            table["coredump_filter"] = Entry(
                0o644,
                base_files.proc_coredump_filter_read,
                base_files.proc_coredump_filter_write,
                file=generic.BufferFile,
            )
    table["stat"] = Entry(0o444, array.proc_tgid_stat)
    table["io"] = _inf(0o400, base_files.proc_io_accounting)
    return table
