"""The smallest ELF programs: machine code in one page, run on a whole machine."""

import struct

from procession.boot import Kernel

CODE = 0x400000
START = CODE + 64 + 112
EXIT = "b83c000000 0f05"            # mov eax, 60; syscall
EXIT_AX = "89c7" + EXIT             # mov edi, eax


def elf(text, *, stack_flags=6, flags=5):
    """Return an executable that consists of this code; stack_flags are PT_GNU_STACK's."""
    code = bytes.fromhex(text)
    size = 64 + 56 * 2 + len(code)
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, START, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, flags, 0, CODE, CODE, size, size, 4096)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, stack_flags, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code


def run(text, *, stack_flags=6, flags=5, **options):
    """Run the code as a program; returns boot.Result."""
    machine = Kernel(root={"/t": elf(text, stack_flags=stack_flags, flags=flags)}, memory=64 << 20, **options)
    return machine.run(["/t"])
