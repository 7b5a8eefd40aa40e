"""Lifetimes of address spaces, and unshare(2) (the second half of kernel/fork.c; spec 6, 13, 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import aio, file, file_table, fs_struct
from procession.hw.costs import AREA_NS
from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_SHIFT,
    VM_ACCOUNT,
    VM_DENYWRITE,
    VM_DONTCOPY,
    VM_LOCKED,
    MmStruct,
    VmArea,
)
from procession.include.linux.rwsem import init_rwsem
from procession.include.linux.sched import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    CLONE_SIGHAND,
    CLONE_SYSVSEM,
    CLONE_THREAD,
    CLONE_VM,
    PF_KTHREAD,
    PF_SIGNALED,
    Task,
    UnshareArg,
    thread_group_empty,
)
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.syscalls import syscall
from procession.include.linux.undo import Undo
from procession.ipc import sem_undo
from procession.kernel import (
    completion,
    cred,
    futex,
    futex_pi,
    futex_robust,
    nsproxy,
    pid_namespace,
    sched,
    sched_account,
    user_namespace,
)
from procession.mm import memory, mmap, page_alloc, tlb, uaccess, util

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fdtable import FilesStruct
    from procession.include.linux.fs_struct import FsStruct
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import Nsproxy

__all__ = ("copy_mm", "dup_mm", "get_task_mm", "mm_alloc", "mm_release", "mmdrop", "mmput", "sys_unshare")

_UNSHARE_KNOWN: Final = (
    CLONE_THREAD
    | CLONE_FS
    | CLONE_NEWNS
    | CLONE_SIGHAND
    | CLONE_VM
    | CLONE_FILES
    | CLONE_SYSVSEM
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWNET
)


def mm_alloc(k: Kernel) -> MmStruct:
    """Return an empty address space with one user; raises ENOMEM. What a core has in it goes on as current has it."""
    k.caches["mm_struct"].alloc()
    mm = MmStruct(init_rwsem(k.lock_class("mmap_sem")), SpinLock(k.lock_class("page_table_lock")))
    mm.user_ns = k.current.cred.user_ns
    oldmm = k.current.mm
    if oldmm is not None:
        mm.dump_filter = oldmm.dump_filter
    return mm


def dup_mmap(current: Task, mm: MmStruct, oldmm: MmStruct) -> None:
    """Copy oldmm's areas to the empty mm, sharing pages copy-on-write; raises ENOMEM, then mm is for exit_mmap.

    Memory locks are not inherited.
    """
    k = current.kernel
    mm.shared_vm, mm.exec_vm, mm.stack_vm = oldmm.shared_vm, oldmm.exec_vm, oldmm.stack_vm
    total_vm = oldmm.total_vm
    cache = k.caches["vm_area_struct"]
    if cache.nr_active + len(oldmm.mmap) > cache.limit:
        raise LinuxError(Errno.ENOMEM, "no memory for the areas of a copy")
    room = page_alloc.nr_free_pages(k) >> 1 if k.mm.overcommit_memory == 0 else 0
    charged = 0
    new = mm.mmap
    with_pages = []
    with oldmm.mmap_sem.write(), mm.mmap_sem.write():
        try:
            for mpnt in oldmm.mmap:
                start, end, flags, file = mpnt.vm_start, mpnt.vm_end, mpnt.vm_flags, mpnt.vm_file
                if flags & _UNUSUAL:
                    if flags & VM_DONTCOPY:
                        pages = end - start >> PAGE_SHIFT
                        total_vm -= pages
                        util.vm_stat_account(mm, flags, file, -pages)
                        continue
                    flags &= ~VM_LOCKED
                if k.fault_attr is not None:
                    k.fault_attr.ask(k, "slab", cache.name, Errno.ENOMEM)
                if flags & VM_ACCOUNT:
                    # As vm_enough_memory() for small areas, without asking it for each.
                    if end - start >> PAGE_SHIFT < room:
                        charged += end - start >> PAGE_SHIFT
                    else:
                        util.vm_enough_memory(current, end - start >> PAGE_SHIFT)
                tmp = VmArea(mm, start, end, flags, mpnt.vm_pgoff, file, mpnt.anon_vma, mpnt.name)
                if file is not None:
                    file.f_count += 1
                    inode = file.f_path.dentry.d_inode
                    inode.i_mmap[tmp] = None
                    if flags & VM_DENYWRITE:
                        inode.i_writecount -= 1
                new.append(tmp)
                if mpnt.anon_vma:
                    with_pages.append(mpnt)
                if file is not None and file.f_vm_ops:
                    file.vm_open(k, tmp)
        finally:
            k.mm.vm_committed += charged
            cache.nr_active += len(new)
            cache.nr_allocs += len(new)
            sched_account.account_system_time(current, len(new) * AREA_NS)
        if with_pages:
            mm.exits.update(oldmm.exits)
            memory.copy_page_range(k, mm, oldmm, with_pages)
        tlb.flush_tlb_mm(k, oldmm)
    if with_pages:
        # copy_pte_range() does it. A parent that sched_child_runs_first has put behind its child has its turn here.
        sched.cond_resched(current)
    mm.total_vm = total_vm


_UNUSUAL: Final = VM_DONTCOPY | VM_LOCKED


def dup_mm(current: Task, oldmm: MmStruct) -> MmStruct:
    """Return a copy-on-write copy of oldmm; raises ENOMEM."""
    k = current.kernel
    mm = mm_alloc(k)
    with Undo() as undo:
        undo.push((mmput, k, mm))
        mm.dumpable, mm.user_ns = oldmm.dumpable, oldmm.user_ns
        mm.binfmt = oldmm.binfmt
        mm.ldt, mm.vdso = oldmm.ldt, oldmm.vdso
        mm.task_size, mm.mmap_base = oldmm.task_size, oldmm.mmap_base
        mm.start_code, mm.end_code = oldmm.start_code, oldmm.end_code
        mm.start_data, mm.end_data = oldmm.start_data, oldmm.end_data
        mm.start_brk, mm.brk, mm.start_stack = oldmm.start_brk, oldmm.brk, oldmm.start_stack
        mm.arg_start, mm.arg_end = oldmm.arg_start, oldmm.arg_end
        mm.env_start, mm.env_end = oldmm.env_start, oldmm.env_end
        mm.saved_auxv, mm.membarrier_state = oldmm.saved_auxv, oldmm.membarrier_state
        if oldmm.exe_file is not None:
            mm.exe_file = file_table.get_file(oldmm.exe_file)
        dup_mmap(current, mm, oldmm)
        mm.hiwater_rss = mm.rss_anon + mm.rss_file
        mm.hiwater_vm = mm.total_vm
    return mm


def copy_mm(current: Task, p: Task, clone_flags: int) -> None:
    """Share or duplicate the parent's memory; kernel threads have none; raises ENOMEM."""
    p.mm = p.active_mm = None
    oldmm = current.mm
    if oldmm is None:
        return
    if clone_flags & CLONE_VM:
        oldmm.mm_users += 1
        mm = oldmm
    else:
        mm = dup_mm(current, oldmm)
        mm.owner = p
    p.mm = p.active_mm = mm


def mmput(k: Kernel, mm: MmStruct) -> None:
    """Drop a user; the last one unmaps everything."""
    mm.mm_users -= 1
    if mm.mm_users:
        return
    if mm.ioctx_list is not None:
        aio.exit_aio(k, mm)
    mmap.exit_mmap(k, mm)
    if mm.exe_file is not None:
        file_table.fput(None, mm.exe_file)
        mm.exe_file = None
    mmdrop(k, mm)


def mmdrop(k: Kernel, mm: MmStruct) -> None:
    """Drop a reference that is not a user's; the last one frees the struct."""
    mm.mm_count -= 1
    if mm.mm_count < 0:
        bug("mm dropped once too often")
    if mm.mm_count == 0:
        k.caches["mm_struct"].free()


def get_task_mm(task: Task) -> MmStruct | None:
    """Return task's memory with a user added, None for kernel threads and the dead."""
    with task.alloc_lock:
        mm = task.mm
        if mm is None or task.flags & PF_KTHREAD:
            return None
        mm.mm_users += 1
        return mm


def mm_release(current: Task, mm: MmStruct | None) -> None:
    """Tell those who wait for current to leave mm: robust futexes, a vfork parent, a joining thread (spec 6)."""
    if current.robust_list:
        futex_robust.exit_robust_list(current)
        current.robust_list = 0
    if current.compat_robust_list:
        futex_robust.compat_exit_robust_list(current)
        current.compat_robust_list = 0
    if current.pi_state_list is not None:
        futex_pi.exit_pi_state_list(current)

    vfork = current.vfork_done
    if vfork is not None:
        current.vfork_done = None
        completion.complete(vfork)

    if not current.clear_child_tid:
        return
    # The word is left alone if nobody could look at it, and after a fatal signal: a debugger may want it.
    if not current.flags & PF_SIGNALED and mm is not None and mm.mm_users > 1:
        try:
            uaccess.put_user(current, current.clear_child_tid, 0, 4)
            futex.futex_wake_one(current, current.clear_child_tid)
        except LinuxError:
            pass  # a bad address harms only the program that gave it
    current.clear_child_tid = 0


@syscall
async def sys_unshare(current: Task, unshare_flags: UnshareArg) -> int:
    """Stop sharing parts of the process (unshare(2); spec 13).

    Raises EINVAL for flags 3.2 cannot unshare, or for VM, SIGHAND, THREAD of a task that really shares its memory;
    EPERM without CAP_SYS_ADMIN.
    """
    flags = unshare_flags
    new_pid = flags & CLONE_NEWPID and "CLONE_NEWPID" in current.kernel.later
    if new_pid:
        flags &= ~CLONE_NEWPID
    new_user = flags & CLONE_NEWUSER and user_namespace.are_later(current.kernel)
    if new_user:
        flags = flags & ~CLONE_NEWUSER | CLONE_FS
    if flags & ~_UNSHARE_KNOWN:
        raise LinuxError(Errno.EINVAL, "cannot be unshared")
    assert current.mm is not None
    if flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) and current.mm.mm_users > 1:
        raise LinuxError(Errno.EINVAL, "memory is shared")
    if (new_pid or new_user) and not thread_group_empty(current):
        raise LinuxError(Errno.EINVAL, "threads have their namespaces in common")
    if flags & CLONE_NEWNS:
        flags |= CLONE_FS

    new_fs, new_files, new_cred, new_ns = _unshare_copies(
        current, flags, new_user=bool(new_user), new_pid=bool(new_pid)
    )
    if flags & (CLONE_SYSVSEM | CLONE_NEWIPC):
        sem_undo.exit_sem(current)  # what is to be taken back is in the namespace that is left
    if new_ns is not None:
        current.held += (new_fs, new_files)
        await nsproxy.switch_task_namespaces(current, new_ns)
        del current.held[-2:]
    k = current.kernel
    with current.alloc_lock:
        old_fs, old_files = current.fs, current.files
        current.fs = new_fs or old_fs
        current.files = new_files or old_files
    if new_cred is not None:
        cred.commit_creds(current, new_cred)
    if new_fs is not None and old_fs is not None:
        fs_struct.put_fs_struct(k, old_fs)
    if new_files is not None and old_files is not None:
        file.put_files_struct(current, old_files)
    return 0


def _unshare_copies(
    current: Task, flags: int, *, new_user: bool, new_pid: bool
) -> tuple[FsStruct | None, FilesStruct | None, Cred | None, Nsproxy | None]:
    """Make every copy before anything changes, so that a failure leaves the task as it was."""
    k = current.kernel
    new_fs = new_files = new_cred = new_ns = None
    assert current.fs is not None
    assert current.files is not None
    with Undo() as undo:
        if flags & CLONE_FS and current.fs.users > 1:
            new_fs = fs_struct.copy_fs_struct(k, current.fs)
            undo.push((fs_struct.put_fs_struct, k, new_fs))
        if flags & CLONE_FILES and current.files.count > 1:
            new_files = file.dup_fd(current, current.files)
            undo.push((file.put_files_struct, current, new_files))
        if new_user:
            new_cred = cred.prepare_creds(current)
            undo.push((cred.abort_creds, k, new_cred))
            user_namespace.create_user_ns(current, new_cred)
        new_ns = nsproxy.unshare_nsproxy_namespaces(current, flags, new_cred, new_fs)
        if new_ns is not None:
            undo.push((nsproxy.put_nsproxy, k, new_ns))
        if new_pid:
            pid_namespace.unshare_pid_ns(current, new_cred)
    return new_fs, new_files, new_cred, new_ns
