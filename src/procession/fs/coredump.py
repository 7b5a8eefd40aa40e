"""Core files: the memory and the registers of a program that a signal has ended (fs/exec.c, fs/binfmt_elf.c).

Differs: core_pattern cannot name a program to pipe the core to; what it pipes goes to the host, if the machine has a
place for cores there (Kernel.vfs.core_store). The dump filter is the default one: private and shared anonymous memory,
private file pages that were written to, and the first page of mapped ELF files.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import process as x86_process
from procession.arch.x86 import signal as x86_signal
from procession.fs import dcache, file, namei, open, read_write
from procession.include.linux.elf import ELFMAG, EM_X86_64, ET_CORE, PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CREAT, O_EXCL, O_LARGEFILE, O_NOFOLLOW, O_RDWR
from procession.include.linux.fs import S_IFMT, S_IFREG
from procession.include.linux.mm_types import PAGE_SIZE, VM_EXEC, VM_IO, VM_READ, VM_SHARED, VM_WRITE
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_CORE
from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    PF_DUMPCORE,
    PF_KTHREAD,
    SIGNAL_GROUP_EXIT,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    signal_group_exit,
    thread_group_leader,
)
from procession.include.linux.signal import SIGKILL_MASK
from procession.include.linux.wait import Completion
from procession.kernel import completion, cred, pid, posix_cpu_timers, sched, signal
from procession.mm import memory, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.sched import Task

__all__ = ("CoreState", "do_coredump", "format_corename", "wait_for_dump")

CORENAME_MAX_SIZE: Final = 128
_OPEN_FLAGS: Final = int(O_RDWR | O_CREAT | O_NOFOLLOW | O_LARGEFILE)

_EHDR: Final = Struct("<16sHHIQQQIHHHHHH")
_PHDR: Final = Struct("<IIQQQQQQ")
_NHDR: Final = Struct("<III")
# struct elf_prstatus: signal, 3 of siginfo, pending, blocked, ids, four times, registers, whether FPU registers follow.
_PRSTATUS: Final = Struct("<iiihxxQQiiii8q27Qixxxx")
# struct elf_prpsinfo: state as number and letter, zombie, nice, flags, ids, name, arguments.
_PRPSINFO: Final = Struct("<bcbbxxxxQIIiiii16s80s")
_AUX: Final = Struct("<QQ")
NT_PRSTATUS: Final = 1
NT_PRFPREG: Final = 2
NT_PRPSINFO: Final = 3
NT_AUXV: Final = 6
_IDENT: Final = ELFMAG + b"\x02\x01\x01" + bytes(9)
# struct user_regs_struct.
_REGS: Final = (
    "r15",
    "r14",
    "r13",
    "r12",
    "bp",
    "bx",
    "r11",
    "r10",
    "r9",
    "r8",
    "ax",
    "cx",
    "dx",
    "si",
    "di",
    "orig_ax",
    "ip",
    "cs",
    "flags",
    "sp",
    "ss",
    "fs_base",
    "gs_base",
    "ds",
    "es",
    "fs",
    "gs",
)


@dataclass(eq=False, slots=True)
class CoreState:
    """A dump in progress (struct core_state). threads: who has stopped for it, the dumping task first."""

    startup: Completion
    nr_threads: int = 0
    threads: list[Task] = field(default_factory=list)
    done: bool = False


# The other users of the memory.


def _zap_process(start: Task, current: Task, exit_code: int) -> int:
    """Kill start's process but for current; returns how many threads are to come to wait_for_dump()."""
    sig = start.signal
    sig.flags = SIGNAL_GROUP_EXIT
    sig.group_exit_code = exit_code
    sig.group_stop_count = 0
    nr = 0
    for t in signal.threads_from(start):
        signal.task_clear_jobctl_pending(t, JOBCTL_PENDING_MASK)
        if t is not current and t.mm is not None:
            t.pending.signal |= SIGKILL_MASK
            signal.signal_wake_up(t, resume=True)
            nr += 1
    return nr


def _zap_threads(current: Task, mm: MmStruct, core_state: CoreState, exit_code: int) -> int:
    """Kill everybody else who uses mm; raises EAGAIN if the process is being killed already."""
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        if signal_group_exit(current.signal):
            raise LinuxError(Errno.EAGAIN, "the process is being killed")
        mm.core_state = core_state
        nr = _zap_process(current, current, exit_code)
    if mm.mm_users == nr + 1:
        return nr
    for leader in current.kernel.tasks:
        if leader.signal is current.signal or leader.flags & PF_KTHREAD:
            continue
        p = next((t for t in leader.signal.threads if t.mm is not None), None)
        if p is not None and p.mm is mm and p.sighand is not None:
            with p.sighand.siglock.irq():
                nr += _zap_process(p, current, exit_code)
    return nr


async def _coredump_wait(current: Task, mm: MmStruct, exit_code: int) -> CoreState:
    """Stop all others who use mm; raises EBUSY if one of them dumps it, EAGAIN."""
    core_state = CoreState(completion.init_completion(current.kernel), threads=[current])
    with mm.mmap_sem.write():
        if mm.core_state is not None:
            raise LinuxError(Errno.EBUSY, "being dumped")
        core_state.nr_threads = nr = _zap_threads(current, mm, core_state, exit_code)
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
    assert isinstance(core_state, CoreState)
    core_state.threads.insert(1, current)
    core_state.nr_threads -= 1
    if core_state.nr_threads == 0:
        completion.complete(core_state.startup)
    while not core_state.done:
        current.state = TASK_UNINTERRUPTIBLE
        current.wchan = "exit_mm"
        await sched.schedule(current)
    current.wchan = ""


def _coredump_finish(mm: MmStruct, core_state: CoreState) -> None:
    mm.core_state = None
    core_state.done = True
    for task in core_state.threads[1:]:
        sched.wake_up_process(task)


# The file.


def format_corename(current: Task, signr: int) -> str:
    """Return the name that core_pattern makes for current; raises ENAMETOOLONG."""
    k = current.kernel
    pattern = k.vfs.core_pattern
    out: list[str] = []
    pid_in_pattern = False
    at = 0
    while at < len(pattern):
        if pattern[at] != "%":
            out.append(pattern[at])
            at += 1
            continue
        # A single % at the end is dropped, as is a letter without a meaning.
        letter = pattern[at + 1 : at + 2]
        at += 2
        out.append(_specifier(current, letter, signr))
        pid_in_pattern |= letter == "p"
    if not pattern.startswith("|") and not pid_in_pattern and k.sysctls["core_uses_pid"]:
        out.append(f".{_tgid_nr(current)}")
    name = "".join(out)
    if len(name) >= 4096:
        raise LinuxError(Errno.ENAMETOOLONG, "core file name")
    return name


def _tgid_nr(current: Task) -> int:
    assert current.nsproxy is not None
    return pid.task_tgid_nr_ns(current, current.nsproxy.pid_ns)


def _specifier(current: Task, letter: str, signr: int) -> str:
    k = current.kernel
    if letter == "%":
        return "%"
    if letter == "p":
        return str(_tgid_nr(current))
    if letter == "u":
        return str(current.cred.uid)
    if letter == "g":
        return str(current.cred.gid)
    if letter == "s":
        return str(signr)
    if letter == "t":
        return str((k.boot_time_ns + k.clock.now_ns) // 1_000_000_000)
    if letter == "h":
        assert current.nsproxy is not None
        return current.nsproxy.uts_ns.nodename.replace("/", "!")
    if letter == "e":
        return current.comm.replace("/", "!")
    if letter == "E":
        exe = current.mm.exe_file if current.mm is not None else None
        return dcache.d_path(exe.f_path).replace("/", "!") if exe is not None else f"{current.comm} (path unknown)"
    return ""


async def do_coredump(current: Task, signr: int) -> None:
    """Dump current's memory if its limits let it; a core was begun iff group_exit_code has its bit 0x80 afterwards."""
    k = current.kernel
    mm = current.mm
    # binfmt->core_dump: Python programs have no memory to speak of.
    if mm is None or not mm.dumpable or not isinstance(current.thread, x86_process.X86Thread):
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
    try:
        core_state = await _coredump_wait(current, mm, signr)
    except LinuxError:
        cred.put_cred(k, new)
        return

    old = current.cred
    current.cred = new
    # What is pending must not disturb the writing.
    current.ti_flags &= ~TIF_SIGPENDING
    try:
        await _dump_to_file(current, mm, core_state, signr, excl)
    except LinuxError as error:
        k.printk(f"core dump of {current.comm}: {error}")
    finally:
        _coredump_finish(mm, core_state)
        current.cred = old
        cred.put_cred(k, new)


async def _dump_to_file(current: Task, mm: MmStruct, core_state: CoreState, signr: int, excl: int) -> None:
    name = format_corename(current, signr)
    limit = current.signal.rlim[RLIMIT_CORE][0]
    if name.startswith("|"):
        await _dump_to_store(current, mm, core_state, signr, name[1:].strip())
        return
    if limit < PAGE_SIZE:
        return
    core = namei.filp_open(current, name, _OPEN_FLAGS | excl, 0o600)
    try:
        inode = core.inode
        # Nobody is to be tricked into writing to what somebody else has prepared.
        if inode.i_nlink > 1 or inode.i_mode & S_IFMT != S_IFREG or inode.i_uid != current.cred.fsuid:
            return
        open.do_truncate(current, inode, 0)
        current.signal.group_exit_code |= 0x80
        current.flags |= PF_DUMPCORE
        await _elf_core_dump(current, mm, partial(_write, current, core), core_state, signr, limit)
    finally:
        file.filp_close(current, core, current.files)


async def _dump_to_store(current: Task, mm: MmStruct, core_state: CoreState, signr: int, name: str) -> None:
    """Dump to the host, whatever RLIMIT_CORE says: as for every pipe it only counts if it is 1."""
    store = current.kernel.vfs.core_store
    if store is None:
        current.kernel.not_modelled("core_pattern with a pipe")
        return
    if current.signal.rlim[RLIMIT_CORE][0] == 1:
        return
    core = store.open(name)

    async def write(pos: int, data: bytes) -> None:
        core.write(pos, data)

    try:
        current.signal.group_exit_code |= 0x80
        current.flags |= PF_DUMPCORE
        await _elf_core_dump(current, mm, write, core_state, signr, RLIM_INFINITY)
    finally:
        core.close()


Writer = Callable[[int, bytes], Awaitable[None]]


async def _elf_core_dump(
    current: Task, mm: MmStruct, write: Writer, core_state: CoreState, signr: int, limit: int
) -> None:
    """Write header, notes, and what is there of each segment, as far as limit goes; raises what write raises."""
    notes = _notes(current, core_state, signr)
    sizes = [_vma_dump_size(current, vma) for vma in mm.mmap]
    phnum = len(sizes) + 1
    offset = _EHDR.size + phnum * _PHDR.size
    head = [
        _EHDR.pack(_IDENT, ET_CORE, EM_X86_64, 1, 0, _EHDR.size, 0, 0, _EHDR.size, _PHDR.size, phnum, 0, 0, 0),
        _PHDR.pack(PT_NOTE, 0, offset, 0, 0, len(notes), 0, 0),
    ]
    offset += len(notes)
    start = offset = offset + PAGE_SIZE - 1 & -PAGE_SIZE
    for vma, size in zip(mm.mmap, sizes, strict=True):
        flags = (
            (PF_R if vma.vm_flags & VM_READ else 0)
            | (PF_W if vma.vm_flags & VM_WRITE else 0)
            | (PF_X if vma.vm_flags & VM_EXEC else 0)
        )
        head.append(_PHDR.pack(PT_LOAD, flags, offset, vma.vm_start, 0, size, vma.vm_end - vma.vm_start, PAGE_SIZE))
        offset += size
    text = b"".join(head)
    # The notes are not counted against the limit in 3.2.
    written = len(text)
    if written > limit:
        return
    await write(0, text + notes)

    at = start
    for vma, size in zip(list(mm.mmap), sizes, strict=True):
        for address in range(vma.vm_start, vma.vm_start + size, PAGE_SIZE):
            page = _get_dump_page(current, mm, vma, address)
            if page is not None:
                written += PAGE_SIZE
                if written > limit:
                    return
                await write(at, page)
            at += PAGE_SIZE


async def _write(current: Task, core: File, pos: int, data: bytes) -> None:
    if await core.write(current, read_write.KernelBuffer(bytearray(data)), len(data), pos) != len(data):
        raise LinuxError(Errno.ENOSPC, "core file")


def _vma_dump_size(current: Task, vma: VmArea) -> int:
    """Return how much of vma is to be in the core, by the default filter."""
    whole = vma.vm_end - vma.vm_start
    source = vma.vm_file
    if vma.vm_flags & VM_IO:
        return 0
    if vma.vm_flags & VM_SHARED:
        # Anonymous memory that is shared belongs to a file that has no name.
        return whole if source is None or not source.inode.i_nlink else 0
    if vma.anon_vma:
        return whole
    if source is not None and not vma.vm_pgoff and vma.vm_flags & VM_READ:
        try:
            if uaccess.copy_from_user(current, vma.vm_start, 4) == ELFMAG:
                return PAGE_SIZE
        except LinuxError:
            pass
    return 0


def _get_dump_page(current: Task, mm: MmStruct, vma: VmArea, address: int) -> bytes | None:
    """Return a page, None for one that was never touched: the file gets a hole there."""
    k = current.kernel
    pfn = memory.follow_page(k, mm, address)
    if pfn < 0 and vma.vm_file is not None:
        try:
            pfn = memory.get_user_page(k, mm, vma, address, write=False, force=True)
        except LinuxError:
            return None
    if pfn < 0 or pfn == k.mm.zero_pfn:
        return None
    return bytes(k.frames.phys[pfn << 12 : (pfn + 1) << 12])


# The notes.


def _note(kind: int, data: bytes) -> bytes:
    return _NHDR.pack(5, len(data), kind) + b"CORE\0\0\0\0" + data + bytes(-len(data) & 3)


def _notes(current: Task, core_state: CoreState, signr: int) -> bytes:
    """Return each thread's registers; behind those of the dumping one what is the process's."""
    out: list[bytes] = []
    mm = current.mm
    assert mm is not None
    for t in core_state.threads:
        thread = t.thread
        if not isinstance(thread, x86_process.X86Thread):
            continue
        out.append(_note(NT_PRSTATUS, _prstatus(current, t, thread, signr)))
        if t is current:
            out.append(_note(NT_PRPSINFO, _prpsinfo(current, mm)))
            out.append(_note(NT_AUXV, _auxv(mm)))
        out.append(_note(NT_PRFPREG, x86_signal.save_fxsave(thread)))
    return b"".join(out)


def _times(*ns: int) -> list[int]:
    return [part for value in ns for part in divmod(value // 1000, 1_000_000)]


def _prstatus(current: Task, t: Task, thread: x86_process.X86Thread, signr: int) -> bytes:
    assert current.nsproxy is not None
    ns = current.nsproxy.pid_ns
    regs = thread.regs
    sig = t.signal
    if thread_group_leader(t):
        utime, stime, _ = posix_cpu_timers.thread_group_cputime(t)
    else:
        utime, stime = t.utime, t.stime
    return _PRSTATUS.pack(
        signr,
        0,
        0,
        signr,
        t.pending.signal,
        t.blocked,
        pid.task_pid_nr_ns(t, ns),
        pid.task_pid_nr_ns(t.real_parent, ns),
        pid.task_pgrp_nr_ns(t, ns),
        pid.task_session_nr_ns(t, ns),
        *_times(utime, stime, sig.cutime, sig.cstime),
        *(getattr(regs, name) & RLIM_INFINITY for name in _REGS),
        1,
    )


def _prpsinfo(current: Task, mm: MmStruct) -> bytes:
    assert current.nsproxy is not None
    ns = current.nsproxy.pid_ns
    args = b""
    if mm.arg_end > mm.arg_start:
        try:
            args = uaccess.copy_from_user(current, mm.arg_start, min(mm.arg_end - mm.arg_start, 79))
        except LinuxError:
            pass
    # It runs: nothing else is dumping it.
    return _PRPSINFO.pack(
        0,
        b"R",
        0,
        sched.task_nice(current),
        current.flags,
        current.cred.uid,
        current.cred.gid,
        pid.task_pid_nr_ns(current, ns),
        pid.task_pid_nr_ns(current.real_parent, ns),
        pid.task_pgrp_nr_ns(current, ns),
        pid.task_session_nr_ns(current, ns),
        current.comm.encode("utf-8", "surrogateescape"),
        args.replace(b"\0", b" "),
    )


def _auxv(mm: MmStruct) -> bytes:
    """Return the vector up to AT_NULL."""
    size = 0
    for kind, _ in _AUX.iter_unpack(mm.saved_auxv):
        size += _AUX.size
        if not kind:
            break
    return mm.saved_auxv[:size]
