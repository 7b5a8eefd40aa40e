"""ELF programs (fs/binfmt_elf.c; spec 7.1 steps 14-18, 7.8).

Those of 32 bits are loaded by the same functions, see fs/compat_binfmt_elf.py.

Differs: nothing is randomized, and there is no vdso.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from procession.arch.x86 import process as x86_process
from procession.fs import binfmt_elf_core, binfmt_elf_tables, exec_cred, exec_mm, file_table
from procession.fs import exec as fs_exec
from procession.include.linux.binfmts import BINPRM_BUF_SIZE, LinuxBinfmt
from procession.include.linux.elf import (
    ELFMAG,
    EM_X86_64,
    ET_DYN,
    ET_EXEC,
    PF_R,
    PF_W,
    PF_X,
    PT_GNU_STACK,
    PT_INTERP,
    PT_LOAD,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import File, allow_write_access
from procession.include.linux.limits import PATH_MAX, ULONG_MAX
from procession.include.linux.mm_types import (
    MAP_DENYWRITE,
    MAP_EXECUTABLE,
    MAP_FIXED,
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
    TASK_SIZE,
)
from procession.include.linux.mman import MAP_PRIVATE
from procession.include.linux.prctl import MMAP_PAGE_ZERO, READ_IMPLIES_EXEC
from procession.include.linux.sched import PF_FORKNOEXEC
from procession.include.linux.signal import SIGKILL, SIGSEGV
from procession.kernel import signal_send
from procession.lib import string
from procession.mm import mmap, uaccess

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("Ehdr", "ElfClass", "Phdr", "init_elf_binfmt", "load_elf_binary")

_OFFSET: Final = PAGE_SIZE - 1

# PF_R|PF_W|PF_X -> PROT_*.
_PROT: Final = [
    (PROT_READ if flags & PF_R else 0) | (PROT_WRITE if flags & PF_W else 0) | (PROT_EXEC if flags & PF_X else 0)
    for flags in range(8)
]


class Ehdr(NamedTuple):
    """Elf64_Ehdr, or Elf32_Ehdr."""

    e_ident: bytes
    e_type: int
    e_machine: int
    e_version: int
    e_entry: int
    e_phoff: int
    e_shoff: int
    e_flags: int
    e_ehsize: int
    e_phentsize: int
    e_phnum: int
    e_shentsize: int
    e_shnum: int
    e_shstrndx: int


class Phdr(NamedTuple):
    """Elf64_Phdr, or Elf32_Phdr in its order."""

    p_type: int
    p_flags: int
    p_offset: int
    p_vaddr: int
    p_paddr: int
    p_filesz: int
    p_memsz: int
    p_align: int


class ElfClass:
    """What is not alike in programs of 64 and of 32 bits (the macros that compat_binfmt_elf.c defines anew).

    ehdr, phdr: the headers as they lie in the file; in_order: where the fields of Phdr are in the latter.
    machines: of e_machine.  task_size: where addresses end, for current's personality.  dyn_base: where what can lie
    anywhere is put.  tables: how the stack is filled.  start_thread: who makes current begin at an address.
    format: how the kernel knows them.  setup_additional_pages: who gives them a vdso.
    """

    __slots__ = (
        "dyn_base",
        "ehdr",
        "format",
        "in_order",
        "machines",
        "phdr",
        "setup_additional_pages",
        "start_thread",
        "tables",
        "task_size",
    )

    def __init__(
        self,
        ehdr: Struct,
        phdr: Struct,
        in_order: tuple[int, ...],
        machines: tuple[int, ...],
        task_size: Callable[[int], int],
        dyn_base: Callable[[int], int],
        tables: binfmt_elf_tables.Tables,
        start_thread: Callable[[Task, int, int], None],
        format: LinuxBinfmt,
        setup_additional_pages: Callable[[Task], None] | None = None,
    ) -> None:
        self.ehdr = ehdr
        self.phdr = phdr
        self.in_order = in_order
        self.machines = machines
        self.task_size = task_size
        self.dyn_base = dyn_base
        self.tables = tables
        self.start_thread = start_thread
        self.format = format
        self.setup_additional_pages = setup_additional_pages

    def phdrs(self, data: bytes) -> list[Phdr]:
        """Return the headers that data holds."""
        return [Phdr._make([fields[i] for i in self.in_order]) for fields in self.phdr.iter_unpack(data)]


async def load_elf_binary(current: Task, bprm: LinuxBinprm, elf: ElfClass) -> None:
    """Load an ELF program and its interpreter.

    Raises ENOEXEC, ELIBBAD, EIO, ENOMEM and what opening the interpreter raises; from flush_old_exec on, any error
    also kills current.
    """
    assert bprm.file is not None
    ehdr = Ehdr._make(elf.ehdr.unpack_from(bprm.buf))
    if ehdr.e_ident[:4] != ELFMAG or not _loadable(elf, ehdr, bprm.file):
        raise LinuxError(Errno.ENOEXEC, f"{bprm.interp}: not an ELF program of this kind")
    if ehdr.e_phentsize != elf.phdr.size or not 1 <= ehdr.e_phnum <= 65536 // elf.phdr.size:
        raise LinuxError(Errno.ENOEXEC, f"{bprm.interp}: bad program headers")
    phdrs = await _read_phdrs(current, elf, bprm.file, ehdr)

    await _open_interpreter(current, bprm, phdrs)
    interpreter = bprm.interpreter
    try:
        interp_ehdr = _interp_ehdr(elf, bprm) if interpreter is not None else None
        await fs_exec.flush_old_exec(current, bprm)
        try:
            await _load(current, bprm, elf, ehdr, phdrs, interpreter, interp_ehdr)
        except _SigsegvSent:
            raise
        except LinuxError:
            # There is no program to return to any more.
            signal_send.send_sig(SIGKILL, current, 0)
            raise
    finally:
        if interpreter is not None:
            _put_interpreter(current, bprm)


def _loadable(elf: ElfClass, ehdr: Ehdr, source: File) -> bool:
    return ehdr.e_type in (ET_EXEC, ET_DYN) and ehdr.e_machine in elf.machines and type(source).mmap is not File.mmap


async def _read_phdrs(current: Task, elf: ElfClass, source: File, ehdr: Ehdr) -> list[Phdr]:
    size = ehdr.e_phnum * elf.phdr.size
    data = await fs_exec.kernel_read(current, source, ehdr.e_phoff, size)
    if len(data) != size:
        raise LinuxError(Errno.EIO, "the program headers end early")
    return elf.phdrs(data)


async def _open_interpreter(current: Task, bprm: LinuxBinprm, phdrs: list[Phdr]) -> None:
    """Open the program that PT_INTERP names, if any, and leave its first bytes in bprm.buf."""
    assert bprm.file is not None
    for phdr in phdrs:
        if phdr.p_type != PT_INTERP:
            continue
        if not 2 <= phdr.p_filesz <= PATH_MAX:
            raise LinuxError(Errno.ENOEXEC, "bad length of the interpreter's name")
        name = await fs_exec.kernel_read(current, bprm.file, phdr.p_offset, phdr.p_filesz)
        if len(name) != phdr.p_filesz:
            raise LinuxError(Errno.EIO, "the interpreter's name ends early")
        if name[-1]:
            raise LinuxError(Errno.ENOEXEC, "the interpreter's name is not terminated")
        path = string.to_text(name.split(b"\0", 1)[0])
        interpreter = bprm.interpreter = await fs_exec.open_exec(current, path)
        try:
            fs_exec.would_dump(current, bprm, interpreter)
            await _read_head(current, bprm, interpreter)
        except LinuxError:
            _put_interpreter(current, bprm)
            raise
        return


async def _read_head(current: Task, bprm: LinuxBinprm, interpreter: File) -> None:
    bprm.buf = await fs_exec.kernel_read(current, interpreter, 0, BINPRM_BUF_SIZE)
    if len(bprm.buf) != BINPRM_BUF_SIZE:
        raise LinuxError(Errno.EIO, "the interpreter is too short")


def _put_interpreter(current: Task, bprm: LinuxBinprm) -> None:
    interpreter = bprm.interpreter
    assert interpreter is not None
    bprm.interpreter = None
    allow_write_access(interpreter)
    file_table.fput(current, interpreter)


def _interp_ehdr(elf: ElfClass, bprm: LinuxBinprm) -> Ehdr:
    ehdr = Ehdr._make(elf.ehdr.unpack_from(bprm.buf))
    if ehdr.e_ident[:4] != ELFMAG or ehdr.e_machine not in elf.machines:
        raise LinuxError(Errno.ELIBBAD, "the interpreter is no ELF file of this kind")
    return ehdr


async def _load(
    current: Task,
    bprm: LinuxBinprm,
    elf: ElfClass,
    ehdr: Ehdr,
    phdrs: list[Phdr],
    interpreter: File | None,
    interp_ehdr: Ehdr | None,
) -> None:
    """Put the program into current's new address space and make it start."""
    assert bprm.file is not None
    current.flags &= ~PF_FORKNOEXEC
    stack = _executable_stack(phdrs)
    current.personality &= ~READ_IMPLIES_EXEC
    if stack != exec_mm.EXSTACK_DISABLE_X:
        current.personality |= READ_IMPLIES_EXEC
    mm = current.mm
    assert mm is not None
    mm.task_size = elf.task_size(current.personality)
    fs_exec.setup_new_exec(current, bprm)
    exec_mm.setup_arg_pages(current, bprm, stack)

    image = _load_image(current, elf, bprm.file, ehdr, phdrs)
    entry = ehdr.e_entry + image.load_bias & ULONG_MAX
    start, base = entry, 0
    if interpreter is not None:
        assert interp_ehdr is not None
        base = await load_elf_interp(current, elf, interpreter, interp_ehdr)
        start = interp_ehdr.e_entry + base & ULONG_MAX
    if start >= mm.task_size:
        signal_send.force_sig(SIGSEGV, current)
        raise _SigsegvSent(Errno.EINVAL, "the entry point is not a user address")

    fs_exec.set_binfmt(current, elf.format)
    if elf.setup_additional_pages is not None:
        elf.setup_additional_pages(current)
    exec_cred.install_exec_creds(current, bprm)
    current.flags &= ~PF_FORKNOEXEC
    phdr = image.load_addr + ehdr.e_phoff & ULONG_MAX
    binfmt_elf_tables.create_elf_tables(current, bprm, elf.tables, phdr, ehdr.e_phnum, base, entry)
    mm.start_code, mm.end_code = image.start_code, image.end_code
    mm.start_data, mm.end_data = image.start_data, image.end_data
    mm.start_stack = bprm.p
    if current.personality & MMAP_PAGE_ZERO:
        with mm.mmap_sem.write():
            mmap.do_mmap_pgoff(current, None, 0, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_FIXED | MAP_PRIVATE, 0)
    elf.start_thread(current, start, bprm.p)


def _load_image(current: Task, elf: ElfClass, source: File, ehdr: Ehdr, phdrs: list[Phdr]) -> _Image:
    """Map the program's segments and its bss."""
    image = _Image(current, source)
    image.load(elf, ehdr, phdrs)
    image.set_brk()
    if image.elf_bss != image.elf_brk:
        try:
            padzero(current, image.elf_bss)
        except LinuxError as error:
            signal_send.send_sig(SIGSEGV, current, 0)
            raise _SigsegvSent(error.errno, "the bss begins in a page that cannot be written") from None
    return image


class _SigsegvSent(LinuxError):
    """Loading failed in a way that 3.2 answers with SIGSEGV instead of SIGKILL; it has been sent."""


def _executable_stack(phdrs: list[Phdr]) -> int:
    for phdr in phdrs:
        if phdr.p_type == PT_GNU_STACK:
            return exec_mm.EXSTACK_ENABLE_X if phdr.p_flags & PF_X else exec_mm.EXSTACK_DISABLE_X
    return exec_mm.EXSTACK_DEFAULT


def _check_size(current: Task, address: int, phdr: Phdr, errno: Errno) -> None:
    """Raise errno for a segment that no address space could hold."""
    assert current.mm is not None
    task_size = current.mm.task_size
    if (
        address >= task_size
        or phdr.p_filesz > phdr.p_memsz
        or phdr.p_memsz > task_size
        or task_size - phdr.p_memsz < address
    ):
        raise LinuxError(errno, "a segment does not fit into the address space")


def elf_map(current: Task, source: File, addr: int, phdr: Phdr, flags: int, total_size: int = 0) -> int:
    """Map one segment, its edges rounded to pages; returns where.

    total_size: find room for this much, as for all segments together.
    """
    mm = current.mm
    assert mm is not None
    inset = phdr.p_vaddr & _OFFSET
    size = phdr.p_filesz + inset + _OFFSET & PAGE_MASK
    off = phdr.p_offset - inset
    addr &= PAGE_MASK
    if not size:
        return addr  # nothing of the file: all of it is bss
    if off & _OFFSET or off < 0 or off + size > ULONG_MAX:
        raise LinuxError(Errno.EINVAL, "a segment's file offset and address do not agree")
    prot = _PROT[phdr.p_flags & 7]
    with mm.mmap_sem.write():
        if not total_size:
            return mmap.do_mmap_pgoff(current, source, addr, size, prot, flags, off >> PAGE_SHIFT)
        total_size = total_size + _OFFSET & PAGE_MASK
        mapped = mmap.do_mmap_pgoff(current, source, addr, total_size, prot, flags, off >> PAGE_SHIFT)
        if total_size > size:
            try:
                mmap.do_munmap(current, mm, mapped + size, total_size - size)
            except LinuxError:
                pass  # 3.2 does not look: the other segments will lie on top of it
        return mapped


def padzero(current: Task, elf_bss: int) -> None:
    """Clear the rest of the page in which the file's part ends."""
    inset = elf_bss & _OFFSET
    if inset:
        uaccess.clear_user(current, elf_bss, PAGE_SIZE - inset)


def _do_brk(current: Task, start: int, length: int) -> None:
    mm = current.mm
    assert mm is not None
    if length > 0:
        with mm.mmap_sem.write():
            mmap.do_brk(current, start, length)


class _Image:
    """The program while it is being mapped. The end addresses are without load_bias until load() has finished."""

    def __init__(self, current: Task, source: File) -> None:
        self.current = current
        self.source = source
        self.load_bias = 0
        self.load_addr = 0
        self.elf_bss = self.elf_brk = 0
        self.start_code = ULONG_MAX
        self.end_code = self.start_data = self.end_data = 0

    def load(self, elf: ElfClass, ehdr: Ehdr, phdrs: list[Phdr]) -> None:
        """Map every PT_LOAD; the first decides where a position-independent program lies."""
        load_addr_set = False
        for phdr in phdrs:
            if phdr.p_type != PT_LOAD:
                continue
            if self.elf_brk > self.elf_bss:
                self._bss_between()
            flags = MAP_PRIVATE | MAP_DENYWRITE | MAP_EXECUTABLE
            vaddr = phdr.p_vaddr
            if ehdr.e_type == ET_EXEC or load_addr_set:
                flags |= MAP_FIXED
            else:
                self.load_bias = elf.dyn_base(self.current.personality) - vaddr & PAGE_MASK
            wanted = self.load_bias + vaddr
            mapped = elf_map(self.current, self.source, wanted, phdr, flags)
            if not load_addr_set:
                load_addr_set = True
                self.load_addr = vaddr - phdr.p_offset
                if ehdr.e_type == ET_DYN:
                    self.load_bias += mapped - (wanted & PAGE_MASK)
                    self.load_addr += self.load_bias
            _check_size(self.current, vaddr, phdr, Errno.EINVAL)
            self._account(phdr)
        # The machine's words: what a file claims to be before its own beginning wraps around.
        bias = self.load_bias
        self.load_addr &= ULONG_MAX
        self.elf_bss = self.elf_bss + bias & ULONG_MAX
        self.elf_brk = self.elf_brk + bias & ULONG_MAX
        self.start_code = self.start_code + bias & ULONG_MAX
        self.end_code = self.end_code + bias & ULONG_MAX
        self.start_data = self.start_data + bias & ULONG_MAX
        self.end_data = self.end_data + bias & ULONG_MAX

    def _account(self, phdr: Phdr) -> None:
        start = phdr.p_vaddr
        end = start + phdr.p_filesz
        self.start_code = min(self.start_code, start)
        self.start_data = max(self.start_data, start)
        self.elf_bss = max(self.elf_bss, end)
        if phdr.p_flags & PF_X:
            self.end_code = max(self.end_code, end)
        self.end_data = max(self.end_data, end)
        self.elf_brk = max(self.elf_brk, start + phdr.p_memsz)

    def _bss_between(self) -> None:
        """Map the bss of the segments so far, since more segments follow behind it."""
        elf_bss = self.elf_bss + self.load_bias
        self._map_bss(elf_bss, self.elf_brk + self.load_bias)
        inset = elf_bss & _OFFSET
        if inset:
            nbyte = min(PAGE_SIZE - inset, self.elf_brk - self.elf_bss)
            try:
                uaccess.clear_user(self.current, elf_bss, nbyte)
            except LinuxError:
                pass  # odd protections in the file: not an error in Linux either

    def set_brk(self) -> None:
        """Map the bss, and let the heap begin behind it."""
        self._map_bss(self.elf_bss, self.elf_brk)

    def _map_bss(self, start: int, end: int) -> None:
        start = start + _OFFSET & PAGE_MASK
        end = end + _OFFSET & PAGE_MASK
        if end > start:
            _do_brk(self.current, start, end - start)
        mm = self.current.mm
        assert mm is not None
        mm.start_brk = mm.brk = end


async def load_elf_interp(current: Task, elf: ElfClass, source: File, ehdr: Ehdr) -> int:
    """Map the interpreter and return its load address; any failure is fatal and raised after SIGSEGV was forced."""
    try:
        return _map_interp(current, source, ehdr, await _read_interp(current, elf, source, ehdr))
    except LinuxError as error:
        signal_send.force_sig(SIGSEGV, current)
        raise _SigsegvSent(error.errno, error.why) from None


async def _read_interp(current: Task, elf: ElfClass, source: File, ehdr: Ehdr) -> list[Phdr]:
    """Return the interpreter's PT_LOADs; raises ENOEXEC, EIO, EINVAL if there are none."""
    if not _loadable(elf, ehdr, source) or ehdr.e_phentsize != elf.phdr.size:
        raise LinuxError(Errno.ENOEXEC, "the interpreter cannot be loaded")
    if not 1 <= ehdr.e_phnum <= 65536 // elf.phdr.size or ehdr.e_phnum * elf.phdr.size > PAGE_SIZE:
        raise LinuxError(Errno.ENOEXEC, "the interpreter's program headers are bad")
    phdrs = [phdr for phdr in await _read_phdrs(current, elf, source, ehdr) if phdr.p_type == PT_LOAD]
    if not phdrs:
        raise LinuxError(Errno.EINVAL, "the interpreter has nothing to load")
    return phdrs


def _map_interp(current: Task, source: File, ehdr: Ehdr, phdrs: list[Phdr]) -> int:
    first, last = phdrs[0], phdrs[-1]
    total_size = last.p_vaddr + last.p_memsz - (first.p_vaddr & PAGE_MASK)
    load_addr = 0
    load_addr_set = False
    elf_bss = last_bss = 0
    for phdr in phdrs:
        flags = MAP_PRIVATE | MAP_DENYWRITE
        wanted = load_addr + phdr.p_vaddr
        if ehdr.e_type == ET_EXEC or load_addr_set:
            flags |= MAP_FIXED
        else:
            wanted = 0
        mapped = elf_map(current, source, wanted, phdr, flags, total_size)
        total_size = 0
        if not load_addr_set and ehdr.e_type == ET_DYN:
            load_addr = mapped - (phdr.p_vaddr & PAGE_MASK)
            load_addr_set = True
        start = load_addr + phdr.p_vaddr
        _check_size(current, start, phdr, Errno.ENOMEM)
        elf_bss = max(elf_bss, start + phdr.p_filesz)
        last_bss = max(last_bss, start + phdr.p_memsz)

    if last_bss > elf_bss:
        padzero(current, elf_bss)
        elf_bss = elf_bss + _OFFSET & PAGE_MASK
        _do_brk(current, elf_bss, last_bss - elf_bss)
    return load_addr


async def _load_elf64(current: Task, bprm: LinuxBinprm) -> None:
    await load_elf_binary(current, bprm, ELF64)


ELF64: Final = ElfClass(
    Struct("<16sHHIQQQIHHHHHH"),
    Struct("<IIQQQQQQ"),
    tuple(range(8)),
    (EM_X86_64,),
    lambda _: TASK_SIZE,
    lambda _: TASK_SIZE // 3 * 2,
    binfmt_elf_tables.Tables("Q", 8, 56, b"x86_64\0"),
    x86_process.start_thread,
    LinuxBinfmt("elf", _load_elf64, binfmt_elf_core.elf_core_dump),
)


def init_elf_binfmt(k: Kernel) -> None:
    """Register the format."""
    fs_exec.register_binfmt(k, ELF64.format)
