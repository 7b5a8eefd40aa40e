"""ELF programs of 32 bits (fs/compat_binfmt_elf.c)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86.ia32 import process_ia32, ptrace_ia32
from procession.fs import binfmt_elf, binfmt_elf_core, binfmt_elf_tables
from procession.fs import exec as fs_exec
from procession.include.linux.binfmts import LinuxBinfmt
from procession.include.linux.elf import EM_386, EM_486
from procession.include.linux.mm_types import IA32_PAGE_OFFSET, PAGE_MASK, PAGE_SIZE
from procession.include.linux.prctl import ADDR_LIMIT_3GB

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("init_compat_elf_binfmt",)

DECLARED_IN: Final = (ptrace_ia32,)

_3GB: Final = 0xC0000000
_ABOVE_UNMAPPED_BASE: Final = 0x1000000


def _task_size(personality: int) -> int:
    return _3GB if personality & ADDR_LIMIT_3GB else IA32_PAGE_OFFSET


def _dyn_base(personality: int) -> int:
    """Return COMPAT_ELF_ET_DYN_BASE."""
    return (_task_size(personality) // 3 + PAGE_SIZE - 1 & PAGE_MASK) + _ABOVE_UNMAPPED_BASE


async def load_compat_elf_binary(current: Task, bprm: LinuxBinprm) -> None:
    """Load a program of 32 bits; raises as binfmt_elf.load_elf_binary()."""
    await binfmt_elf.load_elf_binary(current, bprm, ELF32)


ELF32: Final = binfmt_elf.ElfClass(
    Struct("<16sHHIIIIIHHHHHH"),
    Struct("<8I"),
    (0, 6, 1, 2, 3, 4, 5, 7),
    (EM_386, EM_486),
    _task_size,
    _dyn_base,
    binfmt_elf_tables.Tables("I", 4, 32, b"i686\0"),
    process_ia32.start_thread_ia32,
    LinuxBinfmt("elf32", load_compat_elf_binary, binfmt_elf_core.compat_elf_core_dump),
    process_ia32.syscall32_setup_pages,
)


def init_compat_elf_binfmt(k: Kernel) -> None:
    """Register the format."""
    fs_exec.register_binfmt(k, ELF32.format)
