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

from procession import Kernel
from procession.arch.x86 import pgtable
from procession.include.asm.pgtable import PTE_PFN_MASK, PTE_RW

kernel = Kernel()
letters = {}


def page(address):
    """Say how the current process maps an address."""
    entry = pgtable.walk(kernel, kernel.current.mm, address)
    frame = (entry & PTE_PFN_MASK) >> 12
    letter = letters.setdefault(frame, chr(ord("A") + len(letters)))
    mode = "writable, " if entry & PTE_RW else "read-only,"
    count = kernel.frames.mapcount[frame]
    return f"frame {letter}, {mode} mapped {count} time{'s' * (count != 1)}"


async def child(sys, address):
    """Look, read, write."""
    await sys.print("child after fork:    ", page(address))
    await sys.peek(address, 6)
    await sys.print("child after reading: ", page(address))
    await sys.poke(address, b"child!")
    await sys.print("child after writing: ", page(address))


async def main(sys):
    """Share a page with a child, and get it back."""
    address = await sys.mmap(length=4096)
    await sys.poke(address, b"parent")
    await sys.print("parent before fork:  ", page(address))
    await sys.clone(child, address)
    await sys.wait()
    await sys.print("parent after that:   ", page(address))
    await sys.poke(address + 6, b"!")
    await sys.print("parent after writing:", page(address))
    await sys.print("parent has", await sys.peek(address, 7))


if __name__ == "__main__":
    result = kernel.run(main)
    print(result.output, end="")
