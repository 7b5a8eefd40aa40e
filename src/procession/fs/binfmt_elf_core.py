"""The contents of a core file: the memory of a program and the registers of its threads (fs/binfmt_elf.c)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from procession.include.linux.elf import (
    ELFMAG,
    EM_386,
    EM_X86_64,
    ET_CORE,
    NT_AUXV,
    NT_PRFPREG,
    NT_PRPSINFO,
    NT_PRSTATUS,
    PF_R,
    PF_W,
    PF_X,
    PT_LOAD,
    PT_NOTE,
)
from procession.include.linux.errno import LinuxError
from procession.include.linux.jiffies import jiffies_to_ns, nsecs_to_jiffies
from procession.include.linux.mm_types import (
    MMF_DUMP_ANON_PRIVATE,
    MMF_DUMP_ANON_SHARED,
    MMF_DUMP_ELF_HEADERS,
    MMF_DUMP_MAPPED_PRIVATE,
    MMF_DUMP_MAPPED_SHARED,
    PAGE_SHIFT,
    PAGE_SIZE,
    VM_EXEC,
    VM_IO,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from procession.include.linux.sched import thread_group_leader
from procession.include.linux.time import NSEC_PER_USEC, USEC_PER_SEC
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import pid, posix_cpu_timers, sched
from procession.lib import string
from procession.mm import gup, memory, uaccess

if TYPE_CHECKING:
    from procession.include.linux.binfmts import CoredumpParams
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.sched import Task

__all__ = ("compat_elf_core_dump", "elf_core_dump")

_NHDR: Final = Struct("<III")
_ELF_PRARGSZ: Final = 80
_ELFCLASS32: Final = 1
_ELFCLASS64: Final = 2


class CoreClass(NamedTuple):
    """How the files of programs of 64 and of 32 bits differ.

    prstatus: signal, 3 of siginfo, pending, blocked, ids, four times, registers, whether FPU registers follow.
    prpsinfo: state as number and letter, zombie, nice, flags, ids, name, arguments.  bits: of the words in both.
    """

    number: int
    machine: int
    ehdr: Struct
    phdr: Struct
    in_order: tuple[int, ...]  # the fields of a 64-bit header, in the order of phdr
    prstatus: Struct
    prpsinfo: Struct
    aux: Struct
    bits: int

    def program_header(self, *fields: int) -> bytes:
        """Return a header of type, flags, offset, two addresses, two sizes, alignment."""
        return self.phdr.pack(*[fields[i] for i in self.in_order])


_CORE64: Final = CoreClass(
    _ELFCLASS64,
    EM_X86_64,
    Struct("<16sHHIQQQIHHHHHH"),
    Struct("<IIQQQQQQ"),
    tuple(range(8)),
    Struct("<iiihxxQQiiii8q216sixxxx"),
    Struct("<bcbbxxxxQIIiiii16s80s"),
    Struct("<QQ"),
    64,
)
_CORE32: Final = CoreClass(
    _ELFCLASS32,
    EM_386,
    Struct("<16sHHIIIIIHHHHHH"),
    Struct("<8I"),
    (0, 2, 3, 4, 5, 6, 1, 7),
    Struct("<iiihxxIIiiii8i68si"),
    Struct("<bcbbIHHiiii16s80s"),
    Struct("<II"),
    32,
)


async def elf_core_dump(current: Task, cprm: CoredumpParams) -> None:
    """Write header, notes, and what is there of each segment, as far as cprm.limit goes; raises what writing raises."""
    await _dump(current, cprm, _CORE64)


async def compat_elf_core_dump(current: Task, cprm: CoredumpParams) -> None:
    """Do the same for a 32-bit program."""
    await _dump(current, cprm, _CORE32)


async def _dump(current: Task, cprm: CoredumpParams, core: CoreClass) -> None:
    mm = current.mm
    assert mm is not None
    notes = fill_note_info(current, mm, core, cprm.signr)
    sizes = [vma_dump_size(current, vma) for vma in mm.mmap]
    text, at = _headers(mm, core, sizes, len(notes))
    # The notes are not counted against the limit in 3.2.
    written = len(text)
    if written > cprm.limit:
        return
    await cprm.write(0, text + notes)

    for vma, size in zip(list(mm.mmap), sizes, strict=True):
        for address in range(vma.vm_start, vma.vm_start + size, PAGE_SIZE):
            page = get_dump_page(current, mm, vma, address)
            if page is not None:
                written += PAGE_SIZE
                if written > cprm.limit:
                    return
                await cprm.write(at, page)
            at += PAGE_SIZE


def _headers(mm: MmStruct, core: CoreClass, sizes: list[int], notes_size: int) -> tuple[bytes, int]:
    """Return the headers of a file, and where memory begins in it, of which there is so much of each area."""
    phnum = len(sizes) + 1
    ehsize, phsize = core.ehdr.size, core.phdr.size
    offset = ehsize + phnum * phsize
    ident = ELFMAG + bytes((core.number, 1, 1)) + bytes(9)
    head = [
        core.ehdr.pack(ident, ET_CORE, core.machine, 1, 0, ehsize, 0, 0, ehsize, phsize, phnum, 0, 0, 0),
        core.program_header(PT_NOTE, 0, offset, 0, 0, notes_size, 0, 0),
    ]
    offset += notes_size
    start = offset = offset + PAGE_SIZE - 1 & -PAGE_SIZE
    for vma, size in zip(mm.mmap, sizes, strict=True):
        flags = (
            (PF_R if vma.vm_flags & VM_READ else 0)
            | (PF_W if vma.vm_flags & VM_WRITE else 0)
            | (PF_X if vma.vm_flags & VM_EXEC else 0)
        )
        head.append(
            core.program_header(PT_LOAD, flags, offset, vma.vm_start, 0, size, vma.vm_end - vma.vm_start, PAGE_SIZE)
        )
        offset += size
    return b"".join(head), start


def vma_dump_size(current: Task, vma: VmArea) -> int:
    """Return how much of vma is to be in the core, by the filter of its memory."""
    whole = vma.vm_end - vma.vm_start
    dumped = vma.vm_mm.dump_filter
    source = vma.vm_file
    if vma.vm_flags & VM_IO:
        return 0
    if vma.vm_flags & VM_SHARED:
        # Anonymous memory that is shared belongs to a file that has no name.
        anonymous = source is None or not source.inode.i_nlink
        return whole if dumped & (MMF_DUMP_ANON_SHARED if anonymous else MMF_DUMP_MAPPED_SHARED) else 0
    if vma.anon_vma and dumped & MMF_DUMP_ANON_PRIVATE:
        return whole
    if source is None:
        return 0
    if dumped & MMF_DUMP_MAPPED_PRIVATE:
        return whole
    if dumped & MMF_DUMP_ELF_HEADERS and not vma.vm_pgoff and vma.vm_flags & VM_READ:
        try:
            if uaccess.copy_from_user(current, vma.vm_start, 4) == ELFMAG:
                return PAGE_SIZE
        except LinuxError:
            pass
    return 0


def get_dump_page(current: Task, mm: MmStruct, vma: VmArea, address: int) -> bytes | None:
    """Return a page, None for one that was never touched: the file gets a hole there."""
    k = current.kernel
    pfn = memory.follow_page(k, mm, address)
    if pfn < 0 and vma.vm_file is not None:
        try:
            pfn = gup.get_user_page(k, mm, vma, address, write=False, force=True)
        except LinuxError:
            return None
    if pfn < 0 or pfn == k.mm.zero_pfn:
        return None
    return bytes(k.frames.phys[pfn << PAGE_SHIFT : (pfn + 1) << PAGE_SHIFT])


# The notes.


_CORE_NOTES: Final = frozenset({NT_PRSTATUS, NT_PRFPREG, NT_PRPSINFO, NT_AUXV})


def _note(kind: int, data: bytes) -> bytes:
    name = b"CORE\0\0\0\0" if kind in _CORE_NOTES else b"LINUX\0\0\0"
    return _NHDR.pack(len(name.rstrip(b"\0")) + 1, len(data), kind) + name + data + bytes(-len(data) & 3)


def fill_note_info(current: Task, mm: MmStruct, core: CoreClass, signr: int) -> bytes:
    """Return each thread's registers; behind those of the dumping one what is the process's."""
    out: list[bytes] = []
    assert mm.core_state is not None
    for t in mm.core_state.threads:
        for kind, registers in t.thread.user_regset_view():
            if kind != NT_PRSTATUS:
                out.append(_note(kind, registers))
                continue
            out.append(_note(NT_PRSTATUS, fill_prstatus(current, t, core, registers, signr)))
            if t is current:
                out += _note(NT_PRPSINFO, fill_psinfo(current, mm, core)), _note(NT_AUXV, fill_auxv(mm, core))
    return b"".join(out)


def _times(*jiffies: int) -> list[int]:
    return [part for value in jiffies for part in divmod(jiffies_to_ns(value) // NSEC_PER_USEC, USEC_PER_SEC)]


def fill_prstatus(current: Task, t: Task, core: CoreClass, registers: bytes, signr: int) -> bytes:
    sig = t.signal
    if thread_group_leader(t):
        utime, stime, _ = posix_cpu_timers.thread_group_cputime(t)
    else:
        utime, stime = t.utime, t.stime
    word = (1 << core.bits) - 1
    return core.prstatus.pack(
        signr,
        0,
        0,
        signr,
        t.pending.signal & word,
        t.blocked & word,
        pid.task_pid_vnr(current, t),
        pid.task_pid_vnr(current, t.real_parent),
        pid.task_pgrp_vnr(current, t),
        pid.task_session_vnr(current, t),
        *_times(nsecs_to_jiffies(utime), nsecs_to_jiffies(stime), sig.cutime, sig.cstime),
        registers,
        1,
    )


def fill_psinfo(current: Task, mm: MmStruct, core: CoreClass) -> bytes:
    args = b""
    if mm.arg_end > mm.arg_start:
        try:
            args = uaccess.copy_from_user(current, mm.arg_start, min(mm.arg_end - mm.arg_start, _ELF_PRARGSZ - 1))
        except LinuxError:
            pass
    # It runs: nothing else is dumping it.
    id_mask = 0xFFFFFFFF if core.bits == 64 else 0xFFFF
    return core.prpsinfo.pack(
        0,
        b"R",
        0,
        sched.task_nice(current),
        current.flags,
        uid_here(current, current.cred.uid) & id_mask,
        gid_here(current, current.cred.gid) & id_mask,
        pid.task_pid_vnr(current, current),
        pid.task_pid_vnr(current, current.real_parent),
        pid.task_pgrp_vnr(current, current),
        pid.task_session_vnr(current, current),
        string.to_bytes(current.comm),
        args.replace(b"\0", b" "),
    )


def fill_auxv(mm: MmStruct, core: CoreClass) -> bytes:
    """Return the vector up to AT_NULL."""
    size = 0
    for kind, _ in core.aux.iter_unpack(mm.saved_auxv):
        size += core.aux.size
        if not kind:
            break
    return mm.saved_auxv[:size]
