"""Address spaces (include/linux/mm_types.h, mm.h, mman.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinfmt
    from procession.include.linux.fs import File
    from procession.include.linux.rwsem import RwSemaphore
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock
    from procession.include.linux.wait import Completion


PAGE_SHIFT: Final = 12
PAGE_SIZE: Final = 4096
PAGE_MASK: Final = ~(PAGE_SIZE - 1)
TASK_SIZE: Final = 0x7FFFFFFFF000
STACK_TOP_MAX: Final = TASK_SIZE

# What handling a page fault came to; 0 is a minor fault.
VM_FAULT_OOM: Final = 1
VM_FAULT_SIGBUS: Final = 2
VM_FAULT_MAJOR: Final = 4
VM_FAULT_ERROR: Final = VM_FAULT_OOM | VM_FAULT_SIGBUS


# VmArea.vm_flags.
VM_READ: Final = 0x1
VM_WRITE: Final = 0x2
VM_EXEC: Final = 0x4
VM_SHARED: Final = 0x8
VM_MAYREAD: Final = 0x10
VM_MAYWRITE: Final = 0x20
VM_MAYEXEC: Final = 0x40
VM_MAYSHARE: Final = 0x80
VM_GROWSDOWN: Final = 0x100
VM_PFNMAP: Final = 0x400
VM_DENYWRITE: Final = 0x800
VM_EXECUTABLE: Final = 0x1000
VM_LOCKED: Final = 0x2000
VM_IO: Final = 0x4000
VM_SEQ_READ: Final = 0x8000
VM_RAND_READ: Final = 0x10000
VM_DONTCOPY: Final = 0x20000
VM_DONTEXPAND: Final = 0x40000
VM_ACCOUNT: Final = 0x100000
VM_NORESERVE: Final = 0x200000


# mmap(2) and mprotect(2) protections.
PROT_NONE: Final = 0
PROT_READ: Final = 1
PROT_WRITE: Final = 2
PROT_EXEC: Final = 4
PROT_SEM: Final = 8
PROT_GROWSDOWN: Final = 0x01000000
PROT_GROWSUP: Final = 0x02000000


class Prot(IntFlag):
    """mmap(2) and mprotect(2) protections."""

    NONE = PROT_NONE
    READ = PROT_READ
    WRITE = PROT_WRITE
    EXEC = PROT_EXEC
    SEM = PROT_SEM
    GROWSDOWN = PROT_GROWSDOWN
    GROWSUP = PROT_GROWSUP


# mmap(2) flags beside the type of the mapping, in the order strace prints them.
MAP_FIXED: Final = 0x10
MAP_ANONYMOUS: Final = 0x20
MAP_32BIT: Final = 0x40
MAP_NORESERVE: Final = 0x4000
MAP_POPULATE: Final = 0x8000
MAP_NONBLOCK: Final = 0x10000
MAP_GROWSDOWN: Final = 0x100
MAP_DENYWRITE: Final = 0x800
MAP_EXECUTABLE: Final = 0x1000
MAP_LOCKED: Final = 0x2000
MAP_STACK: Final = 0x20000
MAP_HUGETLB: Final = 0x40000


class MapFlags(IntFlag):
    """mmap(2) flags beside the type of the mapping, in the order strace prints them."""

    MAP_FIXED = MAP_FIXED
    MAP_ANONYMOUS = MAP_ANONYMOUS
    MAP_32BIT = MAP_32BIT
    MAP_NORESERVE = MAP_NORESERVE
    MAP_POPULATE = MAP_POPULATE
    MAP_NONBLOCK = MAP_NONBLOCK
    MAP_GROWSDOWN = MAP_GROWSDOWN
    MAP_DENYWRITE = MAP_DENYWRITE
    MAP_EXECUTABLE = MAP_EXECUTABLE
    MAP_LOCKED = MAP_LOCKED
    MAP_STACK = MAP_STACK
    MAP_HUGETLB = MAP_HUGETLB


@dataclass(eq=False, slots=True)
class VmArea:
    """One mapping, [vm_start, vm_end) (struct vm_area_struct).

    anon_vma: whether private pages may hang here; without it fork copies no page table entries (spec 16).
    vm_pgoff: file offset of vm_start in pages.  name: what /proc/PID/maps shows for a mapping without a file.
    """

    vm_mm: MmStruct
    vm_start: int
    vm_end: int
    vm_flags: int
    vm_pgoff: int = 0
    vm_file: File | None = None
    anon_vma: bool = False
    name: str = ""


@dataclass(eq=False, slots=True)
class CoreState:
    """A dump in progress (struct core_state). threads: who has stopped for it, the dumping task first."""

    startup: Completion
    nr_threads: int = 0
    threads: list[Task] = field(default_factory=list)
    done: bool = False


@dataclass(eq=False, slots=True)
class MmStruct:
    """An address space (struct mm_struct).

    pgd: physical address of the top page table, 0 until the first page is mapped.
    mmap: VMAs by address; mm_users: tasks that use it; mm_count: 1 for all of those plus lazy users.
    """

    mmap_sem: RwSemaphore
    page_table_lock: SpinLock
    mm_users: int = 1
    mm_count: int = 1
    pgd: int = 0
    mmap: list[VmArea] = field(default_factory=list)
    mmap_cache: VmArea | None = None
    nr_ptes: int = 0  # page-table pages of the lowest level
    rss_anon: int = 0  # pages
    rss_file: int = 0
    hiwater_rss: int = 0
    hiwater_vm: int = 0
    total_vm: int = 0  # pages
    locked_vm: int = 0
    pinned_vm: int = 0
    shared_vm: int = 0
    exec_vm: int = 0
    stack_vm: int = 0
    def_flags: int = 0
    mmap_base: int = 0  # mmap areas grow down from here
    free_area_cache: int = 0  # no hole above is larger than cached_hole_size; 0: nothing is known
    cached_hole_size: int = 0
    start_code: int = 0
    end_code: int = 0
    start_data: int = 0
    end_data: int = 0
    start_brk: int = 0
    brk: int = 0
    start_stack: int = 0
    arg_start: int = 0
    arg_end: int = 0
    env_start: int = 0
    env_end: int = 0
    saved_auxv: bytes = b""
    host_args: bytes = b""  # Ours: argv and environ of a Python program, which lie in no page; each string
    host_env: bytes = b""  # ends in a NUL, as between arg_start and arg_end
    dumpable: int = 1
    exe_file: File | None = None
    owner: Task | None = None
    binfmt: LinuxBinfmt | None = None  # who loaded the program, and knows how to dump it
    core_state: CoreState | None = None
    oom_disable_count: int = 0
    # Ours: where the lowest-level page tables are, so that no walk is needed: address >> 21 -> index into Frames.q.
    pte_tables: dict[int, int] = field(default_factory=dict)
    # Ours: addresses that the CPU must stop before, by the page they are in; see mm/text.py.
    exits: dict[int, tuple[int, ...]] = field(default_factory=dict)
