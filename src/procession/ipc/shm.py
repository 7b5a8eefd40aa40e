"""Shared memory (ipc/shm.c; spec ipc 3).

A segment is a file of mm/shmem.c. Each attach opens it once more: areas refer to that file, whose vm_open and vm_close
count them.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, ClassVar, Final

from procession.fs import file_table
from procession.include.linux.cred import CAP_IPC_LOCK
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_RDONLY, O_RDWR
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, S_IRUGO, S_IRWXUGO, S_IWUGO, S_IXUGO, File
from procession.include.linux.ipc import IPC_INFO, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT, KeyArg
from procession.include.linux.ipc_namespace import IPC_SHM_IDS
from procession.include.linux.limits import UINT_MAX, ULONG_MAX
from procession.include.linux.mm_types import (
    HPAGE_SIZE,
    MAP_FIXED,
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
    VM_NORESERVE,
)
from procession.include.linux.mman import MAP_SHARED
from procession.include.linux.resource import RLIMIT_MEMLOCK
from procession.include.linux.shm import (
    SHM_DEST,
    SHM_EXEC,
    SHM_HUGETLB,
    SHM_INFO,
    SHM_INFO_STRUCT,
    SHM_LOCK,
    SHM_LOCKED,
    SHM_NORESERVE,
    SHM_RDONLY,
    SHM_REMAP,
    SHM_RND,
    SHM_STAT,
    SHM_UNLOCK,
    SHMINFO64,
    SHMLBA,
    SHMMIN,
    ShmAtFlagsArg,
    ShmctlCmdArg,
    ShmFileData,
    ShmGetFlagsArg,
    ShmidKernel,
    ShmidPtr,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, Int, SizeT, UserPtr
from procession.ipc import namespace, util
from procession.kernel import capability, groups, pid, time
from procession.mm import mlock, mmap, shmem, slab, uaccess
from procession.mm import util as mm_util

if TYPE_CHECKING:
    from procession.include.linux.ipc import KernIpcPerm
    from procession.include.linux.ipc_namespace import IpcIds, IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task, UserStruct

__all__ = (
    "ShmFile",
    "exit_shm",
    "shm_destroy_orphaned",
    "shm_init",
    "sys_shmat",
    "sys_shmctl",
    "sys_shmdt",
    "sys_shmget",
    "sysvipc_shm_proc_show",
)

SHMID_DS: Final = struct.Struct("<QqqqiiQ16x")  # segsz, atime, dtime, ctime, cpid, lpid, nattch
SHMID_DS_SIZE: Final = 112
_STACK_GAP: Final = 5 * PAGE_SIZE  # below the stack's start, so that it can grow


def shm_init(k: Kernel) -> None:
    """Make the caches."""
    slab.kmem_cache_create(k, "shmid_kernel", 184)
    slab.kmem_cache_create(k, "shm_file_data", 32)


def shm_obtain_check(ids: IpcIds, shmid: int) -> ShmidKernel:
    shp = util.ipc_obtain_object_check(ids, shmid)
    assert isinstance(shp, ShmidKernel)
    return shp


def _pages(size: int) -> int:
    return size + PAGE_SIZE - 1 >> PAGE_SHIFT


# Attached segments.


class ShmFile(File):
    """The open file behind the areas of one attach. private_data: a ShmFileData."""

    f_vm_ops: ClassVar[bool] = True

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Agree to be mapped."""
        self.vm_open(current.kernel, vma)

    def vm_open(self, k: Kernel, vma: VmArea) -> None:
        """Count an area more (shm_open)."""
        sfd: ShmFileData = self.private_data
        shp = shm_obtain_check(sfd.ns.ids[IPC_SHM_IDS], sfd.id)
        with shp.lock:
            shp.shm_atim = time.get_seconds(k)
            shp.shm_lprid = pid.task_tgid_vnr(k.current, k.current)
            shp.shm_nattch += 1

    def vm_close(self, k: Kernel, vma: VmArea) -> None:
        """Count an area less; the segment may go with the last one (shm_close)."""
        sfd: ShmFileData = self.private_data
        ids = sfd.ns.ids[IPC_SHM_IDS]
        with ids.rw_mutex.write():
            shp = shm_obtain_check(ids, sfd.id)
            shp.shm_lprid = pid.task_tgid_vnr(k.current, k.current)
            shp.shm_dtim = time.get_seconds(k)
            shp.shm_nattch -= 1
            if shm_may_destroy(sfd.ns, shp):
                shm_destroy(k, sfd.ns, shp)

    def release(self, current: Task | None) -> None:
        """Let the namespace go (shm_release)."""
        k = self.f_path.mnt.mnt_sb.kernel
        sfd: ShmFileData = self.private_data
        k.caches["shm_file_data"].free()
        namespace.put_ipc_ns(k, sfd.ns)


@syscall
def sys_shmat(current: Task, shmid: Int, shmaddr: Addr, shmflg: ShmAtFlagsArg) -> Addr:
    """Map a segment (shmat(2)); returns the address. Raises EINVAL, EIDRM, EACCES, ENOMEM, EPERM."""
    if shmid < 0:
        raise LinuxError(Errno.EINVAL, "a negative identifier")
    addr = shmaddr
    flags = MAP_SHARED
    if addr:
        if addr & (SHMLBA - 1):
            if not shmflg & SHM_RND:
                raise LinuxError(Errno.EINVAL, "the address is not that of a page")
            addr &= ~(SHMLBA - 1)
        flags |= MAP_FIXED
    elif shmflg & SHM_REMAP:
        raise LinuxError(Errno.EINVAL, "SHM_REMAP without an address")
    prot, acc_mode, f_mode = PROT_READ, S_IRUGO, FMODE_READ
    if not shmflg & SHM_RDONLY:
        prot, acc_mode, f_mode = prot | PROT_WRITE, acc_mode | S_IWUGO, f_mode | FMODE_WRITE
    if shmflg & SHM_EXEC:
        prot, acc_mode = prot | PROT_EXEC, acc_mode | S_IXUGO

    k = current.kernel
    ns = util.ipcns(current)
    ids = ns.ids[IPC_SHM_IDS]
    shp = shm_obtain_check(ids, shmid)
    with shp.lock:
        util.ipcperms(current, ns, shp, acc_mode)
        shp.shm_nattch += 1  # it must not go meanwhile
    try:
        file = _open_attach(current, ns, shp, f_mode)
        try:
            return _map_attach(current, file, addr, prot, flags, remap=bool(shmflg & SHM_REMAP))
        finally:
            file_table.fput(current, file)
    finally:
        with ids.rw_mutex.write():
            shp.shm_nattch -= 1
            if shm_may_destroy(ns, shp):
                shm_destroy(k, ns, shp)


def _open_attach(current: Task, ns: IpcNamespace, shp: ShmidKernel, f_mode: int) -> ShmFile:
    """Return the file of one more attach; raises ENOMEM, also when there are too many open files."""
    cache = current.kernel.caches["shm_file_data"]
    cache.alloc()
    file = ShmFile(shp.shm_file.f_path, O_RDWR if f_mode & FMODE_WRITE else O_RDONLY, f_mode)
    try:
        file_table.alloc_file(current, file)
    except LinuxError:
        cache.free()
        raise LinuxError(Errno.ENOMEM, "no more open files") from None
    if f_mode & FMODE_WRITE:
        file.inode.i_writecount += 1
    ns.count += 1
    file.private_data = ShmFileData(shp.id, ns)
    return file


def _map_attach(current: Task, file: ShmFile, addr: int, prot: int, flags: int, *, remap: bool) -> int:
    """Map a segment's file; raises EINVAL if something is in the way that must stay, and as mmap(2)."""
    mm = current.mm
    if mm is None:
        raise LinuxError(Errno.ENOMEM, "no address space")
    size = file.inode.i_size
    with mm.mmap_sem.write():
        if addr and not remap:
            if mmap.find_vma_intersection(mm, addr, addr + size & ULONG_MAX) is not None:
                raise LinuxError(Errno.EINVAL, "something is mapped there")
            if mm.start_stack - size - _STACK_GAP & ULONG_MAX < addr < mm.start_stack:
                raise LinuxError(Errno.EINVAL, "too near to the stack")
        return mmap.do_mmap_pgoff(current, file, addr, size, prot, flags, 0)


@syscall
def sys_shmdt(current: Task, shmaddr: Addr) -> int:
    """Unmap what is left of an attach at that address (shmdt(2)); raises EINVAL."""
    if shmaddr & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "the address is not that of a page")
    mm = current.mm
    if mm is None:
        raise LinuxError(Errno.EINVAL, "no address space")
    with mm.mmap_sem.write():
        mm_areas = [vma for vma in mm.mmap if vma.vm_end > shmaddr]
        # The first piece tells how large the segment is; no piece of it ends later than that.
        found = next((i for i, vma in enumerate(mm_areas) if _is_piece(vma, shmaddr)), None)
        if found is None:
            raise LinuxError(Errno.EINVAL, "no segment is attached there")
        first = mm_areas[found]
        assert first.vm_file is not None
        size = first.vm_file.inode.i_size + PAGE_SIZE - 1 & PAGE_MASK
        _unmap(current, mm, first)
        for vma in mm_areas[found + 1 :]:
            if vma.vm_end - shmaddr > size:
                break
            if _is_piece(vma, shmaddr):
                _unmap(current, mm, vma)
    return 0


def _is_piece(vma: VmArea, addr: int) -> bool:
    """Whether an area lies where it would in a segment that is attached at addr."""
    return isinstance(vma.vm_file, ShmFile) and vma.vm_start - addr == vma.vm_pgoff << PAGE_SHIFT


def _unmap(current: Task, mm: MmStruct, vma: VmArea) -> None:
    mmap.do_munmap(current, mm, vma.vm_start, vma.vm_end - vma.vm_start)


# Making and destroying segments.


def newseg(current: Task, ns: IpcNamespace, key: int, size: int, shmflg: int) -> int:
    """Make a segment; returns its identifier. Raises EINVAL, ENOSPC, ENOMEM, EPERM, ENFILE."""
    if size < SHMMIN or size > ns.shm_ctlmax:
        raise LinuxError(Errno.EINVAL, "kernel.shmmax")
    numpages = _pages(size & ULONG_MAX)
    if ns.shm_tot + numpages > ns.shm_ctlall:
        raise LinuxError(Errno.ENOSPC, "kernel.shmall")
    k = current.kernel
    cache = k.caches["shmid_kernel"]
    cache.alloc()
    try:
        user = hugetlb_file_setup(current, size) if shmflg & SHM_HUGETLB else None
        never = k.mm.overcommit_memory == mm_util.OVERCOMMIT_NEVER
        acctflag = VM_NORESERVE if shmflg & SHM_NORESERVE and not never else 0
        # No huge page is all that there is of less than one.
        file_size = 0 if shmflg & SHM_HUGETLB else size
        file = shmem.shmem_file_setup(current, f"SYSV{key & 0xFFFFFFFF:08x}", file_size, acctflag)
        shp = ShmidKernel(util.ipc_lock_init(k), key, shmflg & S_IRWXUGO, size, file)
        shp.mlock_user = user
        try:
            shmid = util.ipc_addid(current, ns.ids[IPC_SHM_IDS], shp, ns.shm_ctlmni)
        except LinuxError:
            file_table.fput(current, file)
            raise
    except LinuxError:
        cache.free()
        raise
    shp.shm_cprid = pid.task_tgid_vnr(current, current)
    shp.shm_ctim = time.get_seconds(k)
    shp.shm_creator = current
    file.inode.i_ino = shmid
    ns.shm_tot += numpages
    return shmid


def hugetlb_file_setup(current: Task, size: int) -> UserStruct | None:
    """Refuse huge pages: EPERM to those who may not have any, ENOMEM to all others, since there are none.

    Less than a page needs none. Returns whose locked memory it counts as, for who may have some only for that.
    """
    user = None
    group = current.kernel.sysctls.get("hugetlb_shm_group", 0)
    if not capability.capable(current, CAP_IPC_LOCK) and not groups.in_group_p(current, group & UINT_MAX):
        user = current.cred.user
        if not mlock.user_shm_lock(current, size, user):
            raise LinuxError(Errno.EPERM, "huge pages need CAP_IPC_LOCK")
    if size < HPAGE_SIZE:
        return user
    if user is not None:
        mlock.user_shm_unlock(current.kernel, size, user)
    current.kernel.not_modelled("shmget: SHM_HUGETLB")
    raise LinuxError(Errno.ENOMEM, "no huge pages")


@syscall
def sys_shmget(current: Task, key: KeyArg, size: SizeT, shmflg: ShmGetFlagsArg) -> int:
    """Return the segment with that key, or a new one of size bytes (shmget(2)).

    Raises EINVAL, ENOENT, EEXIST, EACCES, ENOSPC, ENOMEM, EPERM, ENFILE.
    """
    ns = util.ipcns(current)

    def getnew() -> int:
        return newseg(current, ns, key, size, shmflg)

    def more_checks(shp: KernIpcPerm) -> None:
        assert isinstance(shp, ShmidKernel)
        if shp.shm_segsz < size:
            raise LinuxError(Errno.EINVAL, "the segment is smaller")

    return util.ipcget(current, ns.ids[IPC_SHM_IDS], key, shmflg, getnew, more_checks)


def shm_may_destroy(ns: IpcNamespace, shp: ShmidKernel) -> bool:
    """Whether nobody wants a segment any more."""
    return not shp.shm_nattch and bool(ns.shm_rmid_forced or shp.mode & SHM_DEST)


def shm_destroy(k: Kernel, ns: IpcNamespace, shp: ShmidKernel) -> None:
    """Free a segment: its memory lives until its last file is closed. Holds: rw_mutex."""
    ns.shm_tot -= _pages(shp.shm_segsz)
    with shp.lock:
        util.ipc_rmid(ns.ids[IPC_SHM_IDS], shp)
    _unlock_segment(k, shp)
    shp.shm_creator = None
    file_table.fput(None, shp.shm_file)
    k.caches["shmid_kernel"].free()


def do_shm_rmid(k: Kernel, ns: IpcNamespace, ipcp: KernIpcPerm) -> None:
    """Destroy a segment, now or when it is no longer attached. Holds: rw_mutex."""
    shp = ipcp
    assert isinstance(shp, ShmidKernel)
    if shp.shm_nattch:
        with shp.lock:
            shp.mode |= SHM_DEST
            shp.key = IPC_PRIVATE
    else:
        shm_destroy(k, ns, shp)


def _each(ns: IpcNamespace, fn: Callable[[ShmidKernel], None]) -> None:
    """Call fn for every segment, by index."""
    ids = ns.ids[IPC_SHM_IDS]
    with ids.rw_mutex.write():
        for shp in list(ids.ipcs):
            if shp is not None:
                assert isinstance(shp, ShmidKernel)
                fn(shp)


def shm_destroy_orphaned(k: Kernel, ns: IpcNamespace) -> None:
    """Destroy the segments that nobody has attached and whose creators have ended."""

    def destroy(shp: ShmidKernel) -> None:
        if shp.shm_creator is None and shm_may_destroy(ns, shp):
            shm_destroy(k, ns, shp)

    _each(ns, destroy)


def exit_shm(task: Task) -> None:
    """A thread ends: its segments have no creator any more, and go with kernel.shm_rmid_forced."""
    ns = util.ipcns(task)
    if not ns.ids[IPC_SHM_IDS].in_use:
        return

    def orphan(shp: ShmidKernel) -> None:
        if shp.shm_creator is task:
            shp.shm_creator = None
            if ns.shm_rmid_forced and shm_may_destroy(ns, shp):
                shm_destroy(task.kernel, ns, shp)

    _each(ns, orphan)


# shmctl.


@syscall
def sys_shmctl(current: Task, shmid: Int, cmd: ShmctlCmdArg, buf: ShmidPtr) -> int:
    """Ask about a segment, change it, lock it, remove it (shmctl(2)).

    Raises EINVAL, EIDRM, EACCES, EPERM, EFAULT, ENOMEM.
    """
    if cmd < 0 or shmid < 0:
        raise LinuxError(Errno.EINVAL, "a negative identifier")
    ns = util.ipcns(current)
    if cmd in (IPC_INFO, SHM_INFO):
        return _info(current, ns, cmd, buf)
    if cmd in (IPC_STAT, SHM_STAT):
        return _stat(current, ns, shmid, cmd, buf)
    if cmd in (SHM_LOCK, SHM_UNLOCK):
        return _lock(current, ns, shmid, cmd)
    if cmd in (IPC_RMID, IPC_SET):
        return shmctl_down(current, ns, shmid, cmd, buf)
    raise LinuxError(Errno.EINVAL, "shmctl: unknown command")


def _info(current: Task, ns: IpcNamespace, cmd: int, buf: UserPtr) -> int:
    """Report limits, or what is used; returns the highest index in use."""
    ids = ns.ids[IPC_SHM_IDS]
    with ids.rw_mutex.read():
        max_id = util.ipc_get_maxid(ids)
        if cmd == IPC_INFO:
            info = SHMINFO64.pack(
                ns.shm_ctlmax, SHMMIN, ns.shm_ctlmni & ULONG_MAX, ns.shm_ctlmni & ULONG_MAX, ns.shm_ctlall
            )
        else:
            rss = sum(len(shp.shm_file.inode.mapping) for shp in ids.ipcs if isinstance(shp, ShmidKernel))
            info = SHM_INFO_STRUCT.pack(ids.in_use, ns.shm_tot, rss, 0, 0, 0)
    uaccess.copy_to_user(current, buf, info)
    return max_id


def _stat(current: Task, ns: IpcNamespace, shmid: int, cmd: int, buf: UserPtr) -> int:
    """Report a segment; returns its identifier for SHM_STAT."""
    ids = ns.ids[IPC_SHM_IDS]
    shp = util.ipc_obtain_object(ids, shmid) if cmd == SHM_STAT else util.ipc_obtain_object_check(ids, shmid)
    assert isinstance(shp, ShmidKernel)
    with shp.lock:
        util.ipcperms(current, ns, shp, S_IRUGO)
        tbuf = shp.pack(current) + SHMID_DS.pack(
            shp.shm_segsz, shp.shm_atim, shp.shm_dtim, shp.shm_ctim, shp.shm_cprid, shp.shm_lprid, shp.shm_nattch
        )
    uaccess.copy_to_user(current, buf, tbuf)
    return shp.id if cmd == SHM_STAT else 0


def _lock(current: Task, ns: IpcNamespace, shmid: int, cmd: int) -> int:
    """Count a segment as locked, or no longer; raises EPERM, ENOMEM. Nothing is ever swapped here."""
    shp = shm_obtain_check(ns.ids[IPC_SHM_IDS], shmid)
    with shp.lock:
        if not capability.ns_capable(current, ns.user_ns, CAP_IPC_LOCK):
            if current.cred.euid not in (shp.uid, shp.cuid):
                raise LinuxError(Errno.EPERM, "neither owner nor creator")
            if cmd == SHM_LOCK and not mm_util.rlimit(current, RLIMIT_MEMLOCK):
                raise LinuxError(Errno.EPERM, "RLIMIT_MEMLOCK is 0")
        if not shp.shm_file.inode.i_size:
            return 0  # of huge pages, which are always locked
        if cmd == SHM_UNLOCK:
            _unlock_segment(current.kernel, shp)
        elif not shp.mode & SHM_LOCKED:
            if not mlock.user_shm_lock(current, shp.shm_segsz, current.cred.user):
                raise LinuxError(Errno.ENOMEM, "RLIMIT_MEMLOCK")
            shp.mode |= SHM_LOCKED
            shp.mlock_user = current.cred.user
    return 0


def _unlock_segment(k: Kernel, shp: ShmidKernel) -> None:
    """Give a lock's charge back (shmem_lock)."""
    if shp.mlock_user is not None:
        mlock.user_shm_unlock(k, shp.shm_segsz, shp.mlock_user)
        shp.mlock_user = None
    shp.mode &= ~SHM_LOCKED


def shmctl_down(current: Task, ns: IpcNamespace, shmid: int, cmd: int, buf: UserPtr) -> int:
    """Remove a segment, or change whose it is and who may use it; raises EFAULT, EINVAL, EIDRM, EPERM."""
    perm = uaccess.copy_from_user(current, buf, SHMID_DS_SIZE) if cmd == IPC_SET else b""
    ids = ns.ids[IPC_SHM_IDS]
    with ids.rw_mutex.write():
        shp = util.ipcctl_pre_down(current, ns, ids, shmid)
        assert isinstance(shp, ShmidKernel)
        if cmd == IPC_RMID:
            do_shm_rmid(current.kernel, ns, shp)
        else:
            with shp.lock:
                util.ipc_update_perm(current, shp, perm)
                shp.shm_ctim = time.get_seconds(current.kernel)
    return 0


# /proc/sysvipc/shm.


def sysvipc_shm_proc_show(k: Kernel, ns: IpcNamespace, of: UserNamespace) -> str:
    """Return a line for each segment, below a header, with ids as a user namespace has them."""
    ids = ns.ids[IPC_SHM_IDS]
    out = [
        (
            "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
            "      atime      dtime      ctime                   rss                  swap\n"
        )
    ]
    with ids.rw_mutex.read():
        for shp in ids.ipcs:
            if shp is not None:
                assert isinstance(shp, ShmidKernel)
                rss = len(shp.shm_file.inode.mapping) * PAGE_SIZE
                uid, gid, cuid, cgid = shp.ids_in(k, of)
                out.append(
                    f"{shp.key:10d} {shp.id:10d}  {shp.mode:4o} {shp.shm_segsz:21d} {shp.shm_cprid:5d} "
                    f"{shp.shm_lprid:5d}  {shp.shm_nattch:5d} {uid:5d} {gid:5d} {cuid:5d} {cgid:5d} "
                    f"{shp.shm_atim:10d} {shp.shm_dtim:10d} {shp.shm_ctim:10d} {rss:21d} {0:21d}\n"
                )
    return "".join(out)
