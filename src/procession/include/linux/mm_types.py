"""Address spaces (include/linux/mm_types.h, mm.h, mman.h)."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.aio import Kioctx
    from procession.include.linux.binfmts import LinuxBinfmt
    from procession.include.linux.fs import File
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.rwsem import RwSemaphore
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock
    from procession.include.linux.wait import Completion


PAGE_SHIFT: Final = 12
HPAGE_SIZE: Final = 2 << 20
PAGE_SIZE: Final = 4096
PAGE_MASK: Final = ~(PAGE_SIZE - 1)
TASK_SIZE: Final = 0x7FFFFFFFF000
IA32_PAGE_OFFSET: Final = 0xFFFFE000  # where a 32-bit program's addresses end
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


# MmStruct.dump_filter: what of a process is in its core (MMF_DUMP_*, include/linux/sched.h).
MMF_DUMP_ANON_PRIVATE: Final = 1
MMF_DUMP_ANON_SHARED: Final = 2
MMF_DUMP_MAPPED_PRIVATE: Final = 4
MMF_DUMP_MAPPED_SHARED: Final = 8
MMF_DUMP_ELF_HEADERS: Final = 0x10
MMF_DUMP_FILTER_MASK: Final = 0x7F
MMF_DUMP_FILTER_DEFAULT: Final = 0x33  # with CONFIG_CORE_DUMP_DEFAULT_ELF_HEADERS


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
MAP_FIXED_NOREPLACE: Final = 0x100000  # of 4.17


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
    MAP_FIXED_NOREPLACE = MAP_FIXED_NOREPLACE


class VmArea:
    """One mapping, [vm_start, vm_end) (struct vm_area_struct).

    anon_vma: whether private pages may hang here; without it fork copies no page table entries (spec 16).
    vm_pgoff: file offset of vm_start in pages.  name: what /proc/PID/maps shows for a mapping without a file.
    """

    __slots__ = ("vm_mm", "vm_start", "vm_end", "vm_flags", "vm_pgoff", "vm_file", "anon_vma", "name")  # derived

    def __init__(
        self,
        vm_mm: MmStruct,
        vm_start: int,
        vm_end: int,
        vm_flags: int,
        vm_pgoff: int = 0,
        vm_file: File | None = None,
        anon_vma: bool = False,
        name: str = "",
    ) -> None:
        self.vm_mm: MmStruct = vm_mm
        self.vm_start: int = vm_start
        self.vm_end: int = vm_end
        self.vm_flags: int = vm_flags
        self.vm_pgoff: int = vm_pgoff
        self.vm_file: File | None = vm_file
        self.anon_vma: bool = anon_vma
        self.name: str = name


class CoreState:
    """A dump in progress (struct core_state). threads: who has stopped for it, the dumping task first."""

    __slots__ = ("startup", "nr_threads", "threads", "done")  # derived

    def __init__(self, startup: Completion, threads: list[Task] | None = None) -> None:
        self.startup: Completion = startup
        self.nr_threads: int = 0
        self.threads: list[Task] = [] if threads is None else threads
        self.done: bool = False


class MmStruct:
    """An address space (struct mm_struct).

    pgd: physical address of the top page table, 0 until the first page is mapped.
    task_size: where user addresses end.
    mmap: VMAs by address; mm_users: tasks that use it; mm_count: 1 for all of those plus lazy users.
    """

    __slots__ = (
        "mmap_sem",
        "page_table_lock",
        "mm_users",
        "mm_count",
        "user_ns",
        "pgd",
        "mmap",
        "mmap_cache",
        "ldt",
        "vdso",
        "nr_ptes",
        "rss_anon",
        "rss_file",
        "hiwater_rss",
        "hiwater_vm",
        "total_vm",
        "locked_vm",
        "pinned_vm",
        "shared_vm",
        "exec_vm",
        "stack_vm",
        "def_flags",
        "task_size",
        "mmap_base",
        "free_area_cache",
        "cached_hole_size",
        "start_code",
        "end_code",
        "start_data",
        "end_data",
        "start_brk",
        "brk",
        "start_stack",
        "arg_start",
        "arg_end",
        "env_start",
        "env_end",
        "saved_auxv",
        "host_args",
        "host_env",
        "dumpable",
        "dump_filter",
        "exe_file",
        "owner",
        "binfmt",
        "core_state",
        "oom_disable_count",
        "ioctx_list",
        "membarrier_state",
        "pte_tables",
        "exits",
    )  # derived

    def __init__(self, mmap_sem: RwSemaphore, page_table_lock: SpinLock) -> None:
        self.mmap_sem: RwSemaphore = mmap_sem
        self.page_table_lock: SpinLock = page_table_lock
        self.mm_users: int = 1
        self.mm_count: int = 1
        self.user_ns: UserNamespace | None = None  # of whoever has executed its program; None: the first
        self.pgd: int = 0
        self.mmap: list[VmArea] = []
        self.mmap_cache: VmArea | None = None
        self.ldt: bytes | None = None  # descriptors that modify_ldt(2) has set (mm_context_t)
        self.vdso: int = 0  # where the page with __kernel_vsyscall is, 0 without one
        self.nr_ptes: int = 0  # page-table pages of the lowest level
        self.rss_anon: int = 0  # pages
        self.rss_file: int = 0
        self.hiwater_rss: int = 0
        self.hiwater_vm: int = 0
        self.total_vm: int = 0  # pages
        self.locked_vm: int = 0
        self.pinned_vm: int = 0
        self.shared_vm: int = 0
        self.exec_vm: int = 0
        self.stack_vm: int = 0
        self.def_flags: int = 0
        self.task_size: int = TASK_SIZE
        self.mmap_base: int = 0  # mmap areas grow down from here
        self.free_area_cache: int = 0  # no hole above is larger than cached_hole_size; 0: nothing is known
        self.cached_hole_size: int = 0
        self.start_code: int = 0
        self.end_code: int = 0
        self.start_data: int = 0
        self.end_data: int = 0
        self.start_brk: int = 0
        self.brk: int = 0
        self.start_stack: int = 0
        self.arg_start: int = 0
        self.arg_end: int = 0
        self.env_start: int = 0
        self.env_end: int = 0
        self.saved_auxv: bytes = b""
        self.host_args: bytes = b""  # Ours: argv and environ of a Python program, which lie in no page; each string
        self.host_env: bytes = b""  # ends in a NUL, as between arg_start and arg_end
        self.dumpable: int = 1
        self.dump_filter: int = MMF_DUMP_FILTER_DEFAULT
        self.exe_file: File | None = None
        self.owner: Task | None = None
        self.binfmt: LinuxBinfmt | None = None  # who loaded the program, and knows how to dump it
        self.core_state: CoreState | None = None
        self.oom_disable_count: int = 0
        self.ioctx_list: list[Kioctx] | None = None  # the newest first; None until there is one
        self.membarrier_state: int = 0  # what of membarrier(2) it has registered for
        # Ours: where the lowest-level page tables are, so that no walk is needed: address >> 21 -> index into Frames.q.
        self.pte_tables: dict[int, int] = {}
        # Ours: addresses that the CPU must stop before, by the page they are in; see mm/text.py.
        self.exits: dict[int, tuple[int, ...]] = {}
