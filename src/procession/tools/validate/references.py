"""Reference counts: each is the number of references that a walk finds, those on sleeping stacks included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from procession.fs.notify.fanotify.fanotify import FanotifyGroup
from procession.fs.notify.inotify.inotify_fsnotify import InotifyGroup
from procession.fs.pipe import PipeFile
from procession.fs.proc.base import PidDir
from procession.fs.proc.id_map import IdMapFile
from procession.fs.proc.mounts import MountsFile
from procession.fs.proc.namespaces import NsInode
from procession.fs.proc.sysvipc import SysvipcFile
from procession.include.linux.binfmts import LinuxBinprm
from procession.include.linux.cred import Cred
from procession.include.linux.fdtable import FD_MASK, FD_SHIFT
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, S_IFMT, S_IFREG, File, Inode
from procession.include.linux.key import RequestKeyAuth
from procession.include.linux.mm_types import VM_DENYWRITE, MmStruct
from procession.include.linux.nsproxy import UserNamespace
from procession.include.linux.pid import PIDTYPE_PID, Pid, PidNamespace
from procession.include.linux.sched import TASK_DEAD, Task, UserStruct
from procession.ipc.shm import ShmFile
from procession.kernel.pidfd import PidfdFile
from procession.tools.validate import terminals
from procession.tools.validate.census import Census, tally
from procession.tools.validate.mounts import mnt_namespaces

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo

__all__ = (
    "validate_cred_counts",
    "validate_descriptors",
    "validate_file_counts",
    "validate_held",
    "validate_namespace_counts",
    "validate_objects",
    "validate_pid_counts",
    "validate_task_references",
)

_usage, _count, _f_count, _i_count = (attrgetter(name) for name in ("usage", "count", "f_count", "i_count"))


def _compare(seen: Census, wrong: list[str], what: str, found: dict[Any, int], count_of: Callable[[Any], int]) -> None:
    """Complain of each count that is not what was found."""
    for thing, references in found.items():
        count = count_of(thing)
        if count != references:
            wrong.append(f"{what} of {_name(seen, thing)}: {count}, found {references}")


def _name(seen: Census, thing: Any) -> str:
    """Words for an object: what it is, and whose."""
    kind = type(thing).__name__
    if isinstance(thing, Task | Pid):
        return repr(thing)
    if isinstance(thing, UserStruct):
        return f"user {thing.uid}"
    if isinstance(thing, File):
        return f"{kind} {thing.f_path.dentry.d_name!r}"
    users = [p for p in seen.tasks if any(held is thing for held in _shared_parts(p))]
    return f"{kind} {users}" if users else kind


def _shared_parts(p: Task) -> tuple[object, ...]:
    return p.mm, p.files, p.fs, p.sighand, p.signal, p.nsproxy, p.cred, p.real_cred


def validate_task_references(seen: Census) -> list[str]:
    """Return which counts of tasks and of what they share are off."""
    k = seen.k
    wrong: list[str] = []
    tasks = seen.tasks
    usage = tally((*seen.hashed, *seen.rcu_tasks, *seen.held_of(Task)))  # release_task's, and a waiter's
    on_cpu = [task for rq in k.sched.runqueues for task in (rq.curr, rq.dead)]
    for p in tasks[1:]:
        # The reference for being current goes when the task leaves its CPU for ever.
        if p.state != TASK_DEAD or p in on_cpu:
            usage[p] = usage.get(p, 0) + 1
    _compare(seen, wrong, "usage", usage, _usage)
    _compare(seen, wrong, "sigcnt", seen.signals, attrgetter("sigcnt"))
    _compare(seen, wrong, "count", tally([p.sighand for p in tasks if p.sighand is not None]), _count)
    _compare(seen, wrong, "mm_users", seen.mms, attrgetter("mm_users"))
    _compare(seen, wrong, "mm_count", dict.fromkeys(seen.mms, 1), attrgetter("mm_count"))
    _compare(seen, wrong, "count", seen.files, _count)
    _compare(seen, wrong, "users", seen.fs, attrgetter("users"))
    to_come = seen.held_of(MmStruct)
    for mm in seen.mms:
        if mm.owner is not None and mm.owner.mm is not mm and mm not in to_come:
            wrong.append(f"{_name(seen, mm)} belongs to {mm.owner!r}, who does not use it")
    return wrong


def validate_pid_counts(seen: Census) -> list[str]:
    """Return which struct pids and pid namespaces have counts that are off."""
    k = seen.k
    wrong: list[str] = []
    found = tally((*k.init_pid_ns.pids.values(), *seen.rcu_pids, *seen.held_of(Pid)))
    for file in seen.open_files:
        owner = file.f_owner
        if owner is not None and owner.pid is not None:
            found[owner.pid] = found.get(owner.pid, 0) + 1
    for sig in seen.signals:
        for timer in (sig.posix_timers or {}).values():
            if timer.target is not None:
                found[timer.target] = found.get(timer.target, 0) + 1
    tally(terminals.terminal_pids(seen), found)
    tally([file.private_data for file in seen.open_files if isinstance(file, PidfdFile)], found)
    for sk in seen.sockets:
        names = (sk.peer_pid, *(skb.scm.pid for skb in sk.receive_queue))
        tally([pid for pid in names if pid is not None], found)
    owners = [inode.notify.owner for inode in seen.mqueues if inode.notify is not None]
    tally([owner for owner in owners if owner is not None], found)
    tally([event.tgid for event in seen.fsnotify_events if event.tgid is not None], found)
    boot = found.pop(k.init_struct_pid, 0) + 1  # static: in no hash, never freed
    if k.init_struct_pid.count != boot:
        wrong.append(f"count of the boot task's pid: {k.init_struct_pid.count}, found {boot}")
    _compare(seen, wrong, "count", found, _count)
    _objects(seen, wrong, "pid", found)

    spaces = tally([pid.numbers[-1].ns for pid in found])
    tally([nsproxy.pid_ns for nsproxy in seen.nsproxies], spaces)
    tally([ns for ns in (p.pid_ns_for_children for p in seen.hashed) if ns is not None], spaces)
    tally([inode.ns for inode in seen.nsfs_inodes if isinstance(inode.ns, PidNamespace)], spaces)
    tally([ns.parent for ns in list(spaces) if ns.parent is not None], spaces)
    _compare(seen, wrong, "count", spaces, _count)
    _objects(seen, wrong, "pid_namespace", [ns for ns in spaces if ns is not k.init_pid_ns])
    return wrong


def validate_namespace_counts(seen: Census) -> list[str]:
    """Return which namespace sets, and namespaces in them, have counts that are off."""
    wrong: list[str] = []
    sets = seen.nsproxies
    _compare(seen, wrong, "count", sets, _count)
    found: dict[Any, int] = {}
    for nsproxy in sets:
        tally((nsproxy.uts_ns, nsproxy.ipc_ns, nsproxy.net_ns, nsproxy.mnt_ns), found)
    found.pop(None, None)
    tally([file.private_data for file in seen.open_files if isinstance(file, MountsFile | SysvipcFile)], found)
    tally([file.private_data.ns for file in seen.open_files if isinstance(file, ShmFile)], found)
    tally([inode.ns for inode in _ns_inodes(seen)], found)
    tally([inode.ns for inode in seen.nsfs_inodes if not isinstance(inode.ns, PidNamespace | UserNamespace)], found)
    tally([sk.net for sk in (*seen.sockets, *seen.other_sockets)], found)
    _compare(seen, wrong, "count", found, _count)
    return wrong


def found_creds(seen: Census) -> dict[Cred, int]:
    """Return the credentials that tasks, stacks, files, messages and keys lead to, with the number of these."""
    k = seen.k
    creds = tally([p.real_cred for p in seen.tasks], tally([p.cred for p in seen.tasks]))
    tally(seen.held_of(Cred), creds)
    tally([acct.cred for acct in k.acct_list], creds)
    for sk in seen.sockets:
        names = (sk.peer_cred, *(skb.scm.cred for skb in sk.receive_queue))
        tally([cred for cred in names if cred is not None], creds)
    tally([file.f_cred for file in seen.open_files if isinstance(file, IdMapFile)], creds)
    rights = [key.payload for key in k.keys.serials.values() if isinstance(key.payload, RequestKeyAuth)]
    return tally([rka.cred for rka in rights if rka.cred is not None], creds)


def _ns_inodes(seen: Census) -> dict[NsInode, None]:
    """Return the files of /proc/PID/ns that are remembered, open or mounted."""
    inodes = [file.inode for file in seen.open_files]
    inodes += [mnt.mnt_root.d_inode for ns in mnt_namespaces(seen) for mnt in ns.mounts]
    for sb in seen.k.vfs.proc_sbs:
        for process in list(sb.pids.values()):
            if isinstance(process, PidDir):
                inodes += process.ns_inodes()
    return {inode: None for inode in inodes if isinstance(inode, NsInode)}


def _owned(seen: Census) -> list[Any]:
    """Return all namespaces that have an owner, each once."""
    found: dict[Any, None] = {}
    for nsproxy in seen.nsproxies:
        found.update(dict.fromkeys((nsproxy.uts_ns, nsproxy.net_ns, nsproxy.pid_ns)))
    found.update(dict.fromkeys(mnt_namespaces(seen)))
    found.update(dict.fromkeys(seen.k.ipc.namespaces))
    found.update(dict.fromkeys([sk.net for sk in (*seen.sockets, *seen.other_sockets)]))
    files = [inode.ns for inode in _ns_inodes(seen)] + [inode.ns for inode in seen.nsfs_inodes]
    found.update(dict.fromkeys([ns for ns in files if not isinstance(ns, UserNamespace)]))
    for p in seen.hashed:
        own = p.pids[PIDTYPE_PID]
        found.update(dict.fromkeys([p.pid_ns_for_children, own.numbers[-1].ns if own is not None else None]))
    for pid in (*seen.rcu_pids, *seen.k.init_pid_ns.pids.values()):
        found[pid.numbers[-1].ns] = None
    for ns in [ns for ns in found if isinstance(ns, PidNamespace)]:
        parent = ns.parent
        while parent is not None:
            found[parent] = None
            parent = parent.parent
    found.pop(None, None)
    return list(found)


def _user_namespaces(seen: Census, creds: list[Cred]) -> dict[UserNamespace, int]:
    """Return all user namespaces with the number of references to each."""
    spaces = tally([user.user_ns for user in seen.k.users.uidhash.values()])
    tally([cred.user_ns for cred in creds], spaces)
    tally([ns.user_ns for ns in _owned(seen) if ns.user_ns is not None], spaces)
    instances = dict.fromkeys([mnt.mnt_sb for ns in mnt_namespaces(seen) for mnt in ns.mounts])
    tally([sb.s_user_ns for sb in instances if sb.s_user_ns is not None], spaces)
    tally([inode.ns for inode in seen.nsfs_inodes if isinstance(inode.ns, UserNamespace)], spaces)
    tally([file.ns for file in seen.open_files if isinstance(file, IdMapFile)], spaces)
    known, new = set(spaces), list(spaces)
    while new:
        parents = [ns.parent for ns in new if ns.parent is not None]
        tally(parents, spaces)
        new = [ns for ns in dict.fromkeys(parents) if ns not in known]
        known.update(new)
    return spaces


def _ucounts(seen: Census, creds: list[Cred], spaces: Iterable[UserNamespace]) -> list[str]:
    """Return which users of user namespaces have other counts than what they have."""
    k = seen.k
    wrong: list[str] = []
    owned = [*_owned(seen), *spaces]
    found = tally([holder.ucounts for holder in (*creds, *owned) if holder.ucounts is not None])
    if set(found) != set(k.users.ucounts.values()):
        wrong.append(f"{len(k.users.ucounts)} users of user namespaces, found {len(found)}")
    processes = dict.fromkeys(found, 0)
    for p in (*seen.tasks[:1], *seen.hashed):
        at = p.real_cred.ucounts
        while at is not None:
            processes[at] += 1
            at = at.ns.ucounts
    made = dict.fromkeys(found, 0)
    for ns in owned:
        at = ns.ucounts
        while at is not None:
            made[at] += 1
            at = at.ns.ucounts
    for ucounts, references in found.items():
        told = ucounts.count, ucounts.processes, sum(ucounts.namespaces.values())
        seen_here = references, processes[ucounts], made[ucounts]
        if told != seen_here:
            wrong.append(f"user {ucounts.uid} of a user namespace: {told}, found {seen_here}")
    return wrong


def validate_cred_counts(seen: Census) -> list[str]:
    """Return which credentials and users have counts that are off."""
    k = seen.k
    wrong: list[str] = []
    creds = found_creds(seen)
    creds[k.init_task.cred] += 2  # static: the boot task's never go
    _compare(seen, wrong, "usage", creds, _usage)
    for cred in seen.rcu_creds:
        if cred.usage or cred in creds:
            wrong.append(f"{_name(seen, cred)} waits to be freed with usage {cred.usage}")
    _objects(seen, wrong, "cred_jar", (*list(creds)[1:], *seen.rcu_creds))

    users = tally([cred.user for cred in (*creds, *seen.rcu_creds)])
    tally([shp.mlock_user for shp in seen.segments if shp.mlock_user is not None], users)
    spaces = _user_namespaces(seen, [*creds, *seen.rcu_creds])
    wrong += _ucounts(seen, [*creds, *seen.rcu_creds], spaces)
    tally([ns.creator for ns in spaces if ns.creator is not None], users)
    if seen.sigqueues:
        tally([q.user for q in seen.sigqueues if q.user is not None], users)
    tally([inode.user for inode in seen.mqueues if inode.user is not None], users)
    tally([group.user for group in k.vfs.fsnotify_groups if isinstance(group, InotifyGroup | FanotifyGroup)], users)
    for user, references in users.items():
        if user.count != references:
            wrong.append(f"count of user {user.uid}: {user.count}, found {references}")
        if k.users.uidhash.get((user.uid, user.user_ns.serial)) is not user:
            wrong.append(f"user {user.uid} is not in the hash")
    _compare(seen, wrong, "count", spaces, _count)
    if "user_namespace" in k.caches:
        _objects(seen, wrong, "user_namespace", [ns for ns in spaces if ns is not k.users.init_user_ns])
    if len(k.users.uidhash) - 1 != k.caches["uid_cache"].nr_active:
        wrong.append(f"uid_cache objects: {k.caches['uid_cache'].nr_active}, found {len(k.users.uidhash) - 1}")
    return wrong


# Files.


def validate_file_counts(seen: Census) -> list[str]:
    """Return which open files and inodes have counts that are off; pipes' ends and writers too."""
    k = seen.k
    wrong: list[str] = []
    files = seen.open_files
    _compare(seen, wrong, "f_count", files, _f_count)
    if "filp" in k.caches:
        _objects(seen, wrong, "filp", files)
        if k.vfs.nr_files != k.caches["filp"].nr_active:
            wrong.append(f"nr_files {k.vfs.nr_files}, filp objects {k.caches['filp'].nr_active}")
    inodes = tally([file.f_path.dentry.d_inode for file in files])
    tally([mnt.mnt_root.d_inode for ns in mnt_namespaces(seen) for mnt in ns.mounts], inodes)
    tally([event.path.dentry.d_inode for event in seen.fsnotify_events if event.path is not None], inodes)
    _compare(seen, wrong, "i_count", inodes, _i_count)
    _compare_writers(seen, inodes, wrong)
    _compare_pipe_ends(seen, wrong)
    return wrong


def _compare_writers(seen: Census, inodes: Iterable[Inode], wrong: list[str]) -> None:
    writers = dict.fromkeys(inodes, 0)
    for file in seen.open_files:
        inode = file.f_path.dentry.d_inode
        if file.f_mode & FMODE_WRITE and inode.i_mode & S_IFMT == S_IFREG and file.f_writer:
            writers[inode] += 1
    for mm in seen.mms:
        for vma in mm.mmap:
            if vma.vm_flags & VM_DENYWRITE and vma.vm_file is not None:
                writers[vma.vm_file.f_path.dentry.d_inode] -= 1
    for what in seen.on_stacks:
        if isinstance(what, LinuxBinprm):
            for source in (what.file, what.interpreter):
                if source is not None:
                    writers[source.f_path.dentry.d_inode] -= 1  # open_exec()'s
    for inode, found in writers.items():
        if inode.i_writecount != found:
            wrong.append(f"i_writecount of inode {inode.i_ino}: {inode.i_writecount}, found {found}")


def _compare_pipe_ends(seen: Census, wrong: list[str]) -> None:
    pipes: dict[PipeInodeInfo, list[int]] = {}
    for file in seen.open_files:
        if isinstance(file, PipeFile):
            ends = pipes.setdefault(file.pipe, [0, 0])
            ends[0] += bool(file.f_mode & FMODE_READ)
            ends[1] += bool(file.f_mode & FMODE_WRITE)
    for pipe, (readers, writing) in pipes.items():
        if pipe.readers != readers:
            wrong.append(f"{_pipe_name(seen, pipe)}: readers {pipe.readers}, found {readers}")
        if pipe.writers != writing:
            wrong.append(f"{_pipe_name(seen, pipe)}: writers {pipe.writers}, found {writing}")


def _pipe_name(seen: Census, pipe: PipeInodeInfo) -> str:
    file = next(file for file in seen.open_files if isinstance(file, PipeFile) and file.pipe is pipe)
    return f"pipe {file.f_path.dentry.d_inode.i_ino}"


def validate_descriptors(seen: Census) -> list[str]:
    """Return which descriptor tables and their bitmaps disagree."""
    wrong: list[str] = []
    for files in seen.files:
        marked, bits = _bits_of(files.open_fds), 0
        for fd, file in enumerate(files.fd):
            if file is not None:
                bits |= 1 << fd
        reserved = marked & ~bits
        if bits & ~marked:
            wrong.append(f"{_name(seen, files)}: descriptors {bits & ~marked:#x} are open, but marked free")
        # Somebody who opens a file may sleep over it, with its number reserved.
        if reserved and not any(p.files is files and p.stack is not None for p in seen.tasks):
            wrong.append(f"{_name(seen, files)}: descriptors {reserved:#x} are reserved by nobody")
        if ~marked & ((1 << files.next_fd) - 1):
            wrong.append(f"{_name(seen, files)}: a descriptor below next_fd {files.next_fd} is free")
        words = len(files.fd) + FD_MASK >> FD_SHIFT
        if not len(files.open_fds) == len(files.close_on_exec) == words:
            wrong.append(f"{_name(seen, files)}: bitmaps of other lengths than {words} words")
        if len(files.fd) > files.max_fds:
            wrong.append(f"{_name(seen, files)}: {len(files.fd)} descriptors, room for {files.max_fds}")
    return wrong


def _bits_of(words: list[int]) -> int:
    """Return a bitmap as one number."""
    return int.from_bytes(b"".join([word.to_bytes(4, "little") for word in words]), "little")


# Who holds, and how many there are.


def validate_held(seen: Census) -> list[str]:
    """Return who is in user mode and has not taken back what he noted as held by his kernel stack."""
    if not seen.on_stacks:
        return []
    return [f"{p!r} is in user mode and holds {p.held}" for p in seen.hashed if p.held and p.stack is None]


def _objects(seen: Census, wrong: list[str], cache: str, found: Iterable[Any]) -> None:
    """Complain if a cache counts other objects than there are."""
    known = found if isinstance(found, dict) else dict.fromkeys(found)
    active = seen.k.caches[cache].nr_active
    if active != len(known):
        wrong.append(f"{cache} objects: {active}, found {len(known)}")


def validate_objects(seen: Census) -> list[str]:
    """Return which caches count other objects than the walk finds: a leak, or something freed too early."""
    k = seen.k
    wrong: list[str] = []
    boot = k.init_task.sighand
    sighands = dict.fromkeys(p.sighand for p in seen.tasks if p.sighand is not boot)
    sighands.pop(None, None)
    _objects(seen, wrong, "sighand_cache", sighands)
    _objects(seen, wrong, "mm_struct", seen.mms)
    _objects(seen, wrong, "vm_area_struct", [vma for mm in seen.mms for vma in mm.mmap])
    sets = dict(seen.nsproxies)
    sets.pop(k.init_nsproxy, None)
    _objects(seen, wrong, "nsproxy", sets)
    if "blkdev_ioc" in k.caches:
        contexts = tally([p.io_context for p in seen.tasks if p.io_context is not None])
        _compare(seen, wrong, "nr_tasks", contexts, attrgetter("nr_tasks"))
        _objects(seen, wrong, "blkdev_ioc", contexts)
    if k.init_task.files is not None:
        _objects(seen, wrong, "files_cache", seen.files)
        _objects(seen, wrong, "fs_cache", seen.fs)
    return wrong
