"""Program execution (fs/exec.c; spec 7).

The argument strings are kept in the bprm too, beside the pages of the new stack. The parts of the file:
exec_args (strings), exec_cred (credentials), exec_mm (threads and memory), and the calls here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from procession.fs import exec_args, exec_cred, exec_mm, file, file_table, namei
from procession.fs import open as fs_open
from procession.fs.notify import fsnotify
from procession.hw.costs import EXEC_NS
from procession.include.linux.binfmts import BINPRM_BUF_SIZE, CompatStrings, LinuxBinfmt, LinuxBinprm
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    O_LARGEFILE,
    O_NOFOLLOW,
    AtOwnerArg,
)
from procession.include.linux.fdtable import fd_isset
from procession.include.linux.fs import (
    FMODE_EXEC,
    MAY_READ,
    S_IFMT,
    S_IFREG,
    Inode,
    allow_write_access,
    deny_write_access,
)
from procession.include.linux.mount import MNT_NOEXEC
from procession.include.linux.ptrace import PTRACE_EVENT_EXEC
from procession.include.linux.resource import RLIMIT_NPROC
from procession.include.linux.sched import PF_KTHREAD, PF_NPROC_EXCEEDED, PF_RANDOMIZE, TASK_COMM_LEN
from procession.include.linux.syscalls import later_syscall, syscall
from procession.include.linux.types import Arg, DirFd, Path, UserPtr
from procession.include.linux.undo import Undo
from procession.kernel import pid, ptrace, sched_account, sched_affinity, signal_queue, ucount
from procession.lib import string
from procession.mm import filemap, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "do_execve",
    "exec_init",
    "flush_old_exec",
    "kernel_read",
    "open_exec",
    "prepare_binprm",
    "register_binfmt",
    "search_binary_handler",
    "set_task_comm",
    "setup_new_exec",
    "sys_execve",
    "sys_execveat",
    "would_dump",
)

_OPEN_EXEC_FLAGS: Final = O_LARGEFILE | FMODE_EXEC


def exec_init(k: Kernel) -> None:
    """Empty the list of binary formats; each registers itself afterwards (binfmt_*.init)."""
    k.kernel_execve = do_execve


def register_binfmt(k: Kernel, fmt: LinuxBinfmt) -> None:
    """Add a format; later ones are asked later."""
    k.vfs.formats.append(fmt)


def set_binfmt(current: Task, fmt: LinuxBinfmt) -> None:
    """Note which format current's program was loaded by."""
    assert current.mm is not None
    current.mm.binfmt = fmt


@syscall
async def sys_execve(
    current: Task, filename: Path, argv: Annotated[UserPtr, Arg("argv")], envp: Annotated[UserPtr, Arg("envp")]
) -> int:
    """Execute the program at filename in place of the current one (execve(2)); spec 7.9 lists the errors."""
    await do_execve(current, namei.getname(current, filename), argv, envp)
    return 0


@later_syscall
async def sys_execveat(
    current: Task,
    fd: DirFd,
    filename: Path,
    argv: Annotated[UserPtr, Arg("argv")],
    envp: Annotated[UserPtr, Arg("envp")],
    flags: AtOwnerArg,
) -> int:
    """Execute a program named relative to a directory, or that is open as fd (execveat(2)).

    Raises EINVAL for unknown flags, ENOENT for a script that nobody could open again, ELOOP for a symbolic link with
    AT_SYMLINK_NOFOLLOW, and what execve(2) does.
    """
    name = namei.getname(current, filename, empty=bool(flags & AT_EMPTY_PATH))
    await do_execve(current, name, argv, envp, fd, flags)
    return 0


async def do_execve(
    current: Task,
    filename: str,
    argv: UserPtr | CompatStrings,
    envp: UserPtr | CompatStrings,
    fd: int = AT_FDCWD,
    flags: int = 0,
) -> None:
    """Execute filename; the order of the steps, and thus of the errors, is spec 7.1's. fd, flags: as of execveat(2)."""
    cred = current.cred
    if current.flags & PF_NPROC_EXCEEDED and ucount.is_nproc_overlimit(cred, current.signal.rlim[RLIMIT_NPROC][0]):
        raise LinuxError(Errno.EAGAIN, "RLIMIT_NPROC was exceeded by a change of user")
    current.flags &= ~PF_NPROC_EXCEEDED

    with Undo() as undo:
        displaced = file.unshare_files(current)
        if displaced is not None:
            undo.push((file.reset_files_struct, current, displaced))
        bprm = LinuxBinprm(filename, filename)
        current.held += (displaced, bprm)
        undo.push((_unhold, current))
        await exec_cred.prepare_bprm_creds(current, bprm)
        undo.push((exec_cred.free_bprm, current, bprm))
        if exec_cred.check_unsafe_exec(current, bprm):
            undo.push((_clear_in_exec, current))

        bprm.file = await open_exec(current, filename, fd, flags)
        if fd != AT_FDCWD and not filename.startswith("/"):
            _name_by_descriptor(current, bprm, fd)
        undo.push((_put_exec_file, current, bprm))
        await sched_affinity.sched_exec(current)
        exec_mm.bprm_mm_init(current, bprm)
        undo.push((exec_mm.bprm_mm_drop, current, bprm))

        args = exec_args.ArgReader(current)
        argv_ptrs = args.count(argv)
        envp_ptrs = args.count(envp)
        await prepare_binprm(current, bprm)
        exec_args.copy_strings(current, bprm, args, argv_ptrs, envp_ptrs)
        await search_binary_handler(current, bprm)

    assert current.fs is not None
    current.fs.in_exec = False
    exec_cred.free_bprm(current, bprm)
    _unhold(current)
    if displaced is not None:
        file.put_files_struct(current, displaced)


def _name_by_descriptor(current: Task, bprm: LinuxBinprm, fd: int) -> None:
    """Name a program as its interpreter can open it, if that will still be possible (alloc_bprm)."""
    bprm.filename = bprm.interp = f"/dev/fd/{fd}/{bprm.filename}" if bprm.filename else f"/dev/fd/{fd}"
    assert current.files is not None
    bprm.path_inaccessible = fd_isset(fd, current.files.close_on_exec)


def _unhold(current: Task) -> None:
    del current.held[-2:]


def _clear_in_exec(current: Task) -> None:
    assert current.fs is not None
    current.fs.in_exec = False


def _put_exec_file(current: Task, bprm: LinuxBinprm) -> None:
    if bprm.file is not None:
        allow_write_access(bprm.file)
        file_table.fput(current, bprm.file)
        bprm.file = None


# Files.


async def open_exec(current: Task, name: str, fd: int = AT_FDCWD, flags: int = 0) -> File:
    """Open a file for execution and keep writers away from it; fd, flags: as of execveat(2).

    Raises EACCES unless it is a regular file that current may execute, on a mount without noexec; ETXTBSY if it is
    open for writing. What it is comes last: a FIFO is opened, and so waits for a writer, or raises ERESTARTSYS.
    """
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise LinuxError(Errno.EINVAL, "execveat: unknown flags")
    nofollow = O_NOFOLLOW if flags & AT_SYMLINK_NOFOLLOW else 0
    found = await fs_open.do_filp_open(current, fd, name, _OPEN_EXEC_FLAGS | nofollow, 0)
    try:
        _check_exec(found, name)
    except LinuxError:
        file_table.fput(current, found)
        raise
    return found


def _check_exec(source: File, name: str) -> None:
    if source.inode.i_mode & S_IFMT != S_IFREG:
        raise LinuxError(Errno.EACCES, f"{name}: not a regular file")
    if source.f_path.mnt.mnt_flags & MNT_NOEXEC:
        raise LinuxError(Errno.EACCES, f"{name}: mounted noexec")
    if source.inode.i_sb.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_open(source)
    deny_write_access(source)


async def kernel_read(current: Task, source: File, offset: int, count: int) -> bytes:
    """Return up to count bytes at offset; counts as a read of current's."""
    inode = source.inode
    if type(inode).readpage is not Inode.readpage:
        data = filemap.pagecache_read(current.kernel, inode, offset, count)
    else:
        buffer = uaccess.KernelBuffer(bytes(count))
        data = buffer.load(0, await source.read(current, buffer, count, offset))
    if data and current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_access(source)
    current.rchar += len(data)
    current.syscr += 1
    return data


async def prepare_binprm(current: Task, bprm: LinuxBinprm) -> None:
    """Compute the credentials that bprm.file gives, and read its first bytes, padded with zeros."""
    assert bprm.file is not None
    exec_cred.bprm_fill_uid(current, bprm)
    exec_cred.cap_bprm_set_creds(current, bprm)
    head = await kernel_read(current, bprm.file, 0, BINPRM_BUF_SIZE)
    bprm.buf = head.ljust(BINPRM_BUF_SIZE, b"\0")


# Formats.


async def search_binary_handler(current: Task, bprm: LinuxBinprm) -> None:
    """Let the first format that knows the file load it; raises ENOEXEC if none does.

    Differs: no module is asked for with request_module("binfmt-…").
    """
    k = current.kernel
    depth = bprm.recursion_depth
    old_pid = pid.task_pid_nr_ns(current, pid.task_active_pid_ns(current.parent))
    old_nr = current.pid
    for fmt in tuple(k.vfs.formats):
        try:
            await fmt.load_binary(current, bprm)
        except LinuxError as error:
            # A format has said no; unless it has already put itself in the old program's place.
            bprm.recursion_depth = depth
            if error.errno != Errno.ENOEXEC or bprm.mm is None or bprm.file is None:
                raise
            continue
        bprm.recursion_depth = depth
        if depth == 0:
            trace = k.trace
            if trace.sched_process_exec:
                trace.sched_process_exec(bprm.filename, current.pid, old_nr)
            if current.ptrace:
                await ptrace.ptrace_event(current, PTRACE_EVENT_EXEC, old_pid)
        _put_exec_file(current, bprm)
        current.did_exec = True
        return
    raise LinuxError(Errno.ENOEXEC, f"{bprm.filename}: no format knows this file")


async def flush_old_exec(current: Task, bprm: LinuxBinprm) -> None:
    """Become a single thread with the new, empty address space. What fails from here on kills the program.

    Raises EAGAIN while the process is already being killed, EINTR if the old memory is being dumped, ENOMEM.
    """
    sched_account.account_system_time(current, EXEC_NS)
    await exec_mm.de_thread(current)
    assert bprm.mm is not None
    exec_mm.set_mm_exe_file(bprm.mm, bprm.file)
    exec_mm.acct_arg_size(current, bprm, 0)
    exec_mm.exec_mmap(current, bprm.mm)
    bprm.mm = None  # it is current's now
    current.flags &= ~(PF_RANDOMIZE | PF_KTHREAD)
    exec_mm.flush_thread(current)
    current.personality &= ~bprm.per_clear


def would_dump(current: Task, bprm: LinuxBinprm, source: File) -> None:
    """Remember if current must not see what is in one of the program's files."""
    try:
        namei.inode_permission(current, source.inode, MAY_READ)
    except LinuxError:
        bprm.nondump = True


def setup_new_exec(current: Task, bprm: LinuxBinprm) -> None:
    """Forget what the old program has set up for itself: the point of no return."""
    k = current.kernel
    mm = current.mm
    cred = current.cred
    assert mm is not None
    assert bprm.cred is not None
    assert bprm.file is not None
    exec_mm.arch_pick_mmap_layout(current, mm)
    current.sas_ss_sp = current.sas_ss_size = 0
    current.rseq = None
    mm.dumpable = 1 if cred.euid == cred.uid and cred.egid == cred.gid else k.vfs.suid_dumpable
    set_task_comm(current, bprm.filename.rpartition("/")[2])

    if bprm.cred.uid != cred.euid or bprm.cred.gid != cred.egid:
        current.pdeath_signal = 0
    else:
        would_dump(current, bprm, bprm.file)
        if bprm.nondump:
            mm.dumpable = k.vfs.suid_dumpable

    # An exit signal of the old program's choice means nothing to the new one; see exit_notify().
    current.self_exec_id = current.self_exec_id + 1 & 0xFFFFFFFF  # an u32
    signal_queue.flush_signal_handlers(current, False)
    if current.files is not None:
        file.do_close_on_exec(current, current.files)


def set_task_comm(p: Task, comm: str) -> None:
    """Set p's name, cut to 15 bytes."""
    with p.alloc_lock:
        p.comm = string.to_text(string.to_bytes(comm)[: TASK_COMM_LEN - 1])
