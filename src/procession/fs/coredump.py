"""Core files: whether, when and where a program that a signal ends leaves one (fs/exec.c).

What is in it is the business of its format: mm->binfmt->core_dump.

Differs: if the machine has a place for cores on the host (Kernel.vfs.core_store), what core_pattern pipes to a name
that does not begin with a slash goes there. A format without core_dump, a Python program's, does all but write, as if
RLIMIT_CORE were 0.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from procession.fs import dcache, file, open
from procession.include.linux.binfmts import CoredumpParams
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CREAT, O_EXCL, O_LARGEFILE, O_NOFOLLOW, O_RDWR
from procession.include.linux.fs import S_IFMT, S_IFREG
from procession.include.linux.limits import PATH_MAX
from procession.include.linux.mm_types import PAGE_SIZE, CoreState
from procession.include.linux.nsproxy import utsname
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_CORE
from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    PF_DUMPCORE,
    PF_KTHREAD,
    SIGNAL_GROUP_EXIT,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    set_task_state,
    signal_group_exit,
    threads_from,
)
from procession.include.linux.signal import SIGKILL_MASK
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.wait import WCOREFLAG
from procession.kernel import completion, cred, pid, sched, signal_jobctl, signal_queue
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.binfmts import CoreDump
    from procession.include.linux.fs import File
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("do_coredump", "dump_write", "wait_for_dump", "write_core")

_OPEN_FLAGS: Final = O_RDWR | O_CREAT | O_NOFOLLOW | O_LARGEFILE


# The other users of the memory.


def zap_process(start: Task, current: Task, exit_code: int) -> int:
    """Kill start's process but for current; returns how many threads are to come to wait_for_dump()."""
    sig = start.signal
    sig.flags = SIGNAL_GROUP_EXIT
    sig.group_exit_code = exit_code
    sig.group_stop_count = 0
    nr = 0
    for t in threads_from(start):
        signal_jobctl.task_clear_jobctl_pending(t, JOBCTL_PENDING_MASK)
        if t is not current and t.mm is not None:
            t.pending.signal |= SIGKILL_MASK
            signal_queue.signal_wake_up(t, resume=True)
            nr += 1
    return nr


def zap_threads(current: Task, mm: MmStruct, core_state: CoreState, exit_code: int) -> int:
    """Kill everybody else who uses mm; raises EAGAIN if the process is being killed already."""
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        if signal_group_exit(current.signal):
            raise LinuxError(Errno.EAGAIN, "the process is being killed")
        mm.core_state = core_state
        nr = zap_process(current, current, exit_code)
    if mm.mm_users == nr + 1:
        return nr
    for leader in current.kernel.tasks:
        if leader.signal is current.signal or leader.flags & PF_KTHREAD:
            continue
        p = next((t for t in leader.signal.threads if t.mm is not None), None)
        if p is not None and p.mm is mm and p.sighand is not None:
            with p.sighand.siglock.irq():
                nr += zap_process(p, current, exit_code)
    return nr


async def coredump_wait(current: Task, mm: MmStruct, exit_code: int) -> CoreState:
    """Stop all others who use mm; raises EBUSY if one of them dumps it, EAGAIN."""
    core_state = CoreState(completion.init_completion(current.kernel), threads=[current])
    with mm.mmap_sem.write():
        if mm.core_state is not None:
            raise LinuxError(Errno.EBUSY, "being dumped")
        core_state.nr_threads = nr = zap_threads(current, mm, core_state, exit_code)
    # A parent in vfork(2) shares the memory: it could not come.
    vfork = current.vfork_done
    if vfork is not None:
        current.vfork_done = None
        completion.complete(vfork)
    if nr:
        await completion.wait_for_completion(current, core_state.startup, "coredump_wait")
    return core_state


async def wait_for_dump(current: Task, mm: MmStruct) -> None:
    """A dying user of memory that is being dumped: let the dumper know, and wait until it is done (exit_mm)."""
    core_state = mm.core_state
    assert core_state is not None
    core_state.threads.insert(1, current)
    core_state.nr_threads -= 1
    if core_state.nr_threads == 0:
        completion.complete(core_state.startup)
    while not core_state.done:
        set_task_state(current, TASK_UNINTERRUPTIBLE)
        await sched.schedule(current, "exit_mm")


def coredump_finish(mm: MmStruct, core_state: CoreState) -> None:
    mm.core_state = None
    core_state.done = True
    for task in core_state.threads[1:]:
        sched.wake_up_process(task)


# The file.


def format_corename(current: Task, signr: int) -> bytes:
    """Return the name that core_pattern makes for current; raises ENAMETOOLONG."""
    k = current.kernel
    pattern = k.vfs.core_pattern
    out: list[bytes] = []
    pid_in_pattern = False
    at = 0
    while at < len(pattern):
        if pattern[at : at + 1] != b"%":
            out.append(pattern[at : at + 1])
            at += 1
            continue
        # A single % at the end is dropped, as is a letter without a meaning.
        letter = pattern[at + 1 : at + 2]
        at += 2
        out.append(_specifier(current, letter, signr))
        pid_in_pattern |= letter == b"p"
    if not pattern.startswith(b"|") and not pid_in_pattern and k.sysctls["core_uses_pid"]:
        out.append(b".%d" % pid.task_tgid_vnr(current, current))
    name = b"".join(out)
    if len(name) >= PATH_MAX:
        raise LinuxError(Errno.ENAMETOOLONG, "core file name")
    return name


def _specifier(current: Task, letter: bytes, signr: int) -> bytes:
    k = current.kernel
    if letter == b"%":
        return b"%"
    if letter == b"p":
        return b"%d" % pid.task_tgid_vnr(current, current)
    if letter == b"u":
        return b"%d" % current.cred.uid
    if letter == b"g":
        return b"%d" % current.cred.gid
    if letter == b"s":
        return b"%d" % signr
    if letter == b"c":
        return b"%d" % current.signal.rlim[RLIMIT_CORE][0]
    if letter == b"t":
        return b"%d" % ((k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC)
    if letter == b"h":
        return utsname(current).nodename.replace(b"/", b"!")
    comm = string.to_bytes(current.comm)
    if letter == b"e":
        return comm.replace(b"/", b"!")
    if letter == b"E":
        exe = current.mm.exe_file if current.mm is not None else None
        if exe is None:
            return comm + b" (path unknown)"
        root = current.fs.root if current.fs is not None else None
        return string.to_bytes(dcache.d_path(exe.f_path, root)).replace(b"/", b"!")
    return b""


async def do_coredump(current: Task, signr: int) -> None:
    """Dump current's memory if its limits let it; a core was begun iff group_exit_code has WCOREFLAG afterwards."""
    k = current.kernel
    mm = current.mm
    if mm is None or mm.binfmt is None or not mm.dumpable:
        return
    try:
        new = cred.prepare_creds(current)
    except LinuxError:
        return
    excl = 0
    if mm.dumpable == 2:
        # Nobody knows whose secrets are in there: root's file, and a new one.
        excl = O_EXCL
        new.fsuid = 0
    current.held.append(new)
    try:
        core_state = await coredump_wait(current, mm, signr)
    except LinuxError:
        cred.put_cred(k, new)
        return
    finally:
        current.held.pop()

    old = current.cred
    current.held.append(old)
    current.cred = new
    # What is pending must not disturb the writing.
    current.ti_flags &= ~TIF_SIGPENDING
    try:
        if mm.binfmt.core_dump is not None:
            await _dump_to_file(current, mm.binfmt.core_dump, signr, excl)
    except LinuxError:
        pass  # nobody hears of it: the core is as long as it has become
    finally:
        coredump_finish(mm, core_state)
        current.cred = old
        current.held.pop()
        cred.put_cred(k, new)


async def _dump_to_file(current: Task, core_dump: CoreDump, signr: int, excl: int) -> None:
    name = format_corename(current, signr)
    limit = current.signal.rlim[RLIMIT_CORE][0]
    if name.startswith(b"|"):
        # The program inherits no limit; 1 is how one says that no program shall be run for its own cores.
        if limit == 1:
            nr = pid.task_tgid_vnr(current, current)
            current.kernel.printk(f"Process {nr}({current.comm}) has RLIMIT_CORE set to 1")
            current.kernel.printk("Aborting core")
        elif current.kernel.vfs.core_store is not None and not name.startswith(b"|/"):
            await _dump_to_store(current, core_dump, signr, name[1:].strip())
        else:
            await current.kernel.vfs.dump_to_pipe(current, core_dump, signr, name)
        return
    if limit < PAGE_SIZE:
        return
    core = await open.filp_open(current, string.to_text(name), _OPEN_FLAGS | excl, 0o600)
    current.held.append(core)
    try:
        inode = core.inode
        # Nobody is to be tricked into writing to what somebody else has prepared.
        if inode.i_nlink > 1 or inode.i_mode & S_IFMT != S_IFREG or inode.i_uid != current.cred.fsuid:
            return
        open.do_truncate(current, core.f_path.dentry, 0)
        await write_core(current, core_dump, CoredumpParams(signr, partial(dump_write, current, core), limit))
    finally:
        current.held.pop()
        file.filp_close(current, core, current.files)


async def _dump_to_store(current: Task, core_dump: CoreDump, signr: int, name: bytes) -> None:
    """Dump to the host."""
    store = current.kernel.vfs.core_store
    assert store is not None
    core = store.open(name)

    async def write(pos: int, data: bytes) -> None:
        core.write(pos, data)

    try:
        await write_core(current, core_dump, CoredumpParams(signr, write, RLIM_INFINITY))
    finally:
        core.close()


async def write_core(current: Task, core_dump: CoreDump, cprm: CoredumpParams) -> None:
    """Write a core; the status of the process says from now on that there is one."""
    current.signal.group_exit_code |= WCOREFLAG
    current.flags |= PF_DUMPCORE
    await core_dump(current, cprm)


async def dump_write(current: Task, core: File, pos: int, data: bytes) -> None:
    """Write data to core at pos; raises what writing raises, ENOSPC if not all of it could be."""
    if await core.write(current, uaccess.KernelBuffer(data), len(data), pos) != len(data):
        raise LinuxError(Errno.ENOSPC, "core file")
