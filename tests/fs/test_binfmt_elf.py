"""Damaged ELF files get the errno that 3.2 gives; sound ones run, and find what they should on their stack."""

from __future__ import annotations

import struct

import pytest

from procession import Errno, Machine

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)
PT_LOAD, PT_INTERP, PT_GNU_STACK = 1, 3, 0x6474E551
BASE = 0x400000

# mov edi, 42; mov eax, 231 (exit_group); syscall
EXIT_42 = bytes.fromhex("bf2a000000 b8e7000000 0f05")
# mov rdi, [rsp] (argc); mov eax, 231; syscall
EXIT_ARGC = bytes.fromhex("488b3c24 b8e7000000 0f05")


def load(filesz: int, memsz: int | None = None, vaddr: int = BASE, offset: int = 0, flags: int = 5) -> bytes:
    return PHDR.pack(PT_LOAD, flags, offset, vaddr, vaddr, filesz, filesz if memsz is None else memsz, 4096)


def elf(
    code: bytes = EXIT_42, *, phdrs: list[bytes] | None = None, extra: list[bytes] | None = None, **fields: int,
) -> bytes:
    """Return a small program; keyword arguments replace fields of its header."""
    count = 1 + len(extra or ()) if phdrs is None else len(phdrs)
    start = EHDR.size + count * PHDR.size
    if phdrs is None:
        phdrs = [load(start + len(code)), *(extra or ())]
    header = {
        "e_type": 2, "e_machine": 62, "e_version": 1, "e_entry": BASE + start, "e_phoff": EHDR.size, "e_shoff": 0,
        "e_flags": 0, "e_ehsize": 64, "e_phentsize": 56, "e_phnum": count, "e_shentsize": 0, "e_shnum": 0,
        "e_shstrndx": 0,
    }
    header.update(fields)
    return EHDR.pack(IDENT, *header.values()) + b"".join(phdrs) + code


def interp(filesz: int, offset: int = 0x40 + 112) -> bytes:
    return PHDR.pack(PT_INTERP, 4, offset, 0, 0, filesz, filesz, 1)


def with_interp(name: bytes) -> bytes:
    return elf(name, extra=[interp(len(name))])


def exec_errno(files: dict[str, bytes], path: str = "/prog") -> int:
    """Execute path in a child; returns the errno, or 0 after the exec."""
    async def main(sys):
        try:
            await sys.execve(path, [path], {})
        except OSError as error:
            await sys.print(error.errno)

    result = Machine(root=files).run(main)
    found = result.stdout.split()
    return int(found[0]) if found else 0


BAD = {
    "empty file": (b"", Errno.ENOEXEC),
    "bad magic": (b"\x7fELG" + elf()[4:], Errno.ENOEXEC),
    "relocatable object": (elf(e_type=1), Errno.ENOEXEC),
    "core file": (elf(e_type=4), Errno.ENOEXEC),
    "wrong machine": (elf(e_machine=3), Errno.ENOEXEC),
    "wrong phentsize": (elf(e_phentsize=32), Errno.ENOEXEC),
    "no program headers": (elf(e_phnum=0), Errno.ENOEXEC),
    "too many program headers": (elf(e_phnum=65536 // 56 + 1), Errno.ENOEXEC),
    "program headers beyond the end": (elf(e_phoff=1 << 20), Errno.EIO),
    "program headers cut off": (elf(e_phnum=20), Errno.EIO),
    "interpreter name too long": (elf(extra=[interp(4097)]), Errno.ENOEXEC),
    "interpreter name too short": (elf(extra=[interp(1)]), Errno.ENOEXEC),
    "interpreter name not terminated": (with_interp(b"/lib/ld.so"), Errno.ENOEXEC),
    "interpreter name beyond the end": (elf(extra=[interp(10, offset=1 << 20)]), Errno.EIO),
    "interpreter missing": (with_interp(b"/no/such\0"), Errno.ENOENT),
    "interpreter is a directory": (with_interp(b"/tmp\0"), Errno.EACCES),
    "interpreter too short": (with_interp(b"/short\0"), Errno.EIO),
    "interpreter is a script": (with_interp(b"/script\0"), Errno.ELIBBAD),
    "interpreter for another machine": (with_interp(b"/arm\0"), Errno.ELIBBAD),
}
HELPERS = {
    "/short": b"\x7fELF", "/script": b"#!/prog\n".ljust(200), "/arm": elf(e_machine=40).ljust(200, b"\0"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_gives_the_right_errno(name):
    """The old program goes on and sees why."""
    contents, errno = BAD[name]

    assert exec_errno({"/prog": contents, **HELPERS}) == errno


@pytest.mark.parametrize(
    ("phdr", "signal"),
    [
        (load(0x1000, 0x800), 9),
        (load(0x1000, 0x7FFFFFFFF000), 9),
        (load(0x1000, vaddr=0x7FFFFFFFF000), 9),
        (load(0x1000, vaddr=0xFFFFFFFF80000000), 9),
        (load(0x1000, vaddr=BASE + 1), 9),
    ],
    ids=["filesz > memsz", "memsz too large", "beyond the stack", "kernel address", "offset and address disagree"],
)
def test_a_bad_segment_kills_after_the_point_of_no_return(phdr, signal):
    """The old program is gone by then, so nobody is left to see an errno."""
    assert run_status({"/prog": elf(phdrs=[phdr])}) == signal


def test_an_entry_point_in_kernel_space_is_sigsegv():
    """3.2 forces SIGSEGV for it."""
    assert run_status({"/prog": elf(e_entry=1 << 63)}) == 11


def run_status(files: dict[str, bytes], argv: list[str] | None = None) -> int:
    async def main(sys):
        if await sys.fork() == 0:
            await sys.execve("/prog", argv or ["/prog"], {})
        _, status = await sys.wait()
        await sys.print(status)

    return int(Machine(root=files).run(main).stdout)


def test_a_static_program_runs():
    """The smallest one: three instructions."""
    assert run_status({"/prog": elf()}) == 42 << 8


def test_argc_is_on_top_of_the_stack():
    """An empty argv is allowed in 3.2."""
    assert run_status({"/prog": elf(EXIT_ARGC)}, ["a", "b", "c"]) == 3 << 8


def test_a_position_independent_program_lies_at_two_thirds():
    """ELF_ET_DYN_BASE: mov rdi, rip >> 40; exit_group(rdi)."""
    code = bytes.fromhex("488d3d00000000 48c1ef28 b8e7000000 0f05")
    start = EHDR.size + PHDR.size
    program = elf(code, phdrs=[load(start + len(code), vaddr=0)], e_type=3, e_entry=start)

    assert run_status({"/prog": program}) == 0x55 << 8


def test_bss_is_zero_in_a_fresh_page_and_behind_the_data():
    """The file's bytes behind p_filesz are not the program's."""
    # movzx edi, byte [BASE+0x2000+16]; or edi, [BASE+0x3000]; mov eax, 231; syscall
    code = bytes.fromhex("0fb63c2510204000 0b3c2500304000 b8e7000000 0f05")
    start = EHDR.size + 2 * PHDR.size
    data = load(16, 0x1800, vaddr=BASE + 0x2000, offset=0x1000, flags=6)
    program = elf(code, phdrs=[load(start + len(code)), data], e_entry=BASE + start).ljust(0x1000, b"\0")
    program += b"\xff" * 4096

    assert run_status({"/prog": program}) == 0
