"""Copy-on-write, seen in the page tables.

The children are made by clone() without CLONE_VM: they start in a function and have their own copy of the memory. What
`page()` reads is the real thing: the entry in the four-level page table, and the map count that the kernel keeps for
the frame. Frames get letters in the order of their appearance.

Prints:
    parent before fork:   frame A, writable,  mapped 1 time
    child after fork:     frame A, read-only, mapped 2 times
    child after reading:  frame A, read-only, mapped 2 times
    child after writing:  frame B, writable,  mapped 1 time
    parent after that:    frame A, read-only, mapped 1 time
    parent after writing: frame A, writable,  mapped 1 time
    parent has b'parent!'
"""

from procession import Machine, Sys
from procession.arch.x86 import pgtable
from procession.include.asm.pgtable import PTE_PFN_MASK, PTE_RW

machine = Machine()
kernel = machine.kernel
letters: dict[int, str] = {}


def page(address: int) -> str:
    """Say how the current process maps an address."""
    mm = kernel.current.mm
    assert mm is not None
    entry = pgtable.walk(kernel, mm, address)
    frame = (entry & PTE_PFN_MASK) >> 12
    letter = letters.setdefault(frame, chr(ord("A") + len(letters)))
    mode = "writable, " if entry & PTE_RW else "read-only,"
    count = kernel.frames.mapcount[frame]
    return f"frame {letter}, {mode} mapped {count} time{'s' * (count != 1)}"


async def child(linux: Sys, address: int) -> None:
    """Look, read, write."""
    await linux.print("child after fork:    ", page(address))
    await linux.peek(address, 6)
    await linux.print("child after reading: ", page(address))
    await linux.poke(address, b"child!")
    await linux.print("child after writing: ", page(address))


async def main(linux: Sys) -> None:
    """Share a page with a child, and get it back."""
    address = await linux.mmap(length=4096)
    await linux.poke(address, b"parent")
    await linux.print("parent before fork:  ", page(address))
    await linux.clone(child, address)
    await linux.wait()
    await linux.print("parent after that:   ", page(address))
    await linux.poke(address + 6, b"!")
    await linux.print("parent after writing:", page(address))
    await linux.print("parent has", await linux.peek(address, 7))


if __name__ == "__main__":
    result = machine.run(main)
    print(result.output, end="")
