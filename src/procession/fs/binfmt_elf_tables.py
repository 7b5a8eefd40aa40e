"""What an ELF program finds on its stack (create_elf_tables in fs/binfmt_elf.c; spec 7.8)."""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from procession.arch.x86.ia32.vdso32 import VSYSCALL
from procession.include.linux.bug import bug_on
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.rseq import RSEQ_ALIGN, RSEQ_FEATURE_SIZE
from procession.include.linux.uidgid import from_kgid_munged, from_kuid_munged
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.sched import Task

__all__ = ("Tables", "create_elf_tables")

AT_PHDR: Final = 3
AT_PHENT: Final = 4
AT_PHNUM: Final = 5
AT_PAGESZ: Final = 6
AT_BASE: Final = 7
AT_FLAGS: Final = 8
AT_ENTRY: Final = 9
AT_UID: Final = 11
AT_EUID: Final = 12
AT_GID: Final = 13
AT_EGID: Final = 14
AT_PLATFORM: Final = 15
AT_HWCAP: Final = 16
AT_CLKTCK: Final = 17
AT_SECURE: Final = 23
AT_RANDOM: Final = 25
AT_RSEQ_FEATURE_SIZE: Final = 27
AT_RSEQ_ALIGN: Final = 28
AT_EXECFN: Final = 31
AT_SYSINFO: Final = 32
AT_SYSINFO_EHDR: Final = 33

# CPUID 1 EDX of the modelled CPU: FPU to SSE2.
ELF_HWCAP: Final = 0x178BFBFF


class Tables(NamedTuple):
    """How long words are (as array() names them, and in bytes) and program headers, and what the CPU is called."""

    typecode: str
    word: int
    phent: int
    platform: bytes


def create_elf_tables(
    current: Task, bprm: LinuxBinprm, tables: Tables, phdr: int, phnum: int, interp_load_addr: int, entry: int
) -> None:
    """Write the auxiliary vector and the pointer arrays below the strings; bprm.p becomes the stack pointer.

    Raises EFAULT if the stack cannot be written.
    """
    mm = current.mm
    assert mm is not None
    k, cred = current.kernel, current.cred
    platform = (bprm.p & ~15) - len(tables.platform)
    random = platform - 16
    # ARCH_DLINFO_IA32: only programs of 32 bits have a vdso.
    dlinfo = (AT_SYSINFO, mm.vdso + VSYSCALL, AT_SYSINFO_EHDR, mm.vdso) if mm.vdso else ()
    sequences: tuple[int, ...] = ()
    if tables.word == 8 and "AT_RSEQ_FEATURE_SIZE" in current.kernel.later:
        sequences = (AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN, RSEQ_ALIGN)
    auxv = array(
        tables.typecode,
        (
            *dlinfo,
            AT_HWCAP,
            ELF_HWCAP,
            AT_PAGESZ,
            PAGE_SIZE,
            AT_CLKTCK,
            100,
            AT_PHDR,
            phdr,
            AT_PHENT,
            tables.phent,
            AT_PHNUM,
            phnum,
            AT_BASE,
            interp_load_addr,
            AT_FLAGS,
            0,
            AT_ENTRY,
            entry,
            AT_UID,
            from_kuid_munged(k, cred.user_ns, cred.uid),
            AT_EUID,
            from_kuid_munged(k, cred.user_ns, cred.euid),
            AT_GID,
            from_kgid_munged(k, cred.user_ns, cred.gid),
            AT_EGID,
            from_kgid_munged(k, cred.user_ns, cred.egid),
            AT_SECURE,
            int(bprm.secure),
            AT_RANDOM,
            random,
            AT_EXECFN,
            bprm.exec,
            AT_PLATFORM,
            platform,
            *sequences,
            0,
            0,
        ),
    )
    mm.saved_auxv = auxv.tobytes()

    words = array(tables.typecode, (bprm.argc,))
    mm.arg_start = bprm.p
    words.extend(_addresses(bprm.p, bprm.argv))
    mm.arg_end = mm.env_start = bprm.p + sum(map(len, bprm.argv)) + bprm.argc
    words.append(0)
    words.extend(_addresses(mm.env_start, bprm.envp))
    mm.env_end = mm.env_start + sum(map(len, bprm.envp)) + bprm.envc
    words.append(0)
    end = mm.env_end + len(string.to_bytes(bprm.filename)) + 9
    bug_on(end != mm.task_size, "argument strings and their addresses disagree", bprm.filename)

    sp = random - (len(auxv) + len(words)) * tables.word & ~15
    block = words.tobytes() + mm.saved_auxv
    random_bytes = current.kernel.chooser.random_bytes(16)
    data = block.ljust(random - sp, b"\0") + random_bytes + tables.platform
    uaccess.copy_to_user(current, sp, data)
    bprm.p = sp


def _addresses(start: int, texts: list[bytes]) -> Iterator[int]:
    """Yield where each of texts begins, one behind the other with a NUL between."""
    addresses = list(accumulate((len(text) + 1 for text in texts), initial=start))
    return iter(addresses[:-1])
