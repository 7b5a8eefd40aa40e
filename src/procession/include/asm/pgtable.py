"""Bits of a page table entry of x86-64 (asm/pgtable_types.h)."""

__all__ = (
    "PAGE_PROT",
    "PTE_ACCESSED",
    "PTE_DIRTY",
    "PTE_NX",
    "PTE_PFN_MASK",
    "PTE_PRESENT",
    "PTE_PROTNONE",
    "PTE_RW",
    "PTE_TABLE",
    "PTE_THERE",
    "PTE_USER",
)

PTE_PRESENT = 1
PTE_RW = 2
PTE_USER = 4
PTE_ACCESSED = 0x20
PTE_DIRTY = 0x40
PTE_PROTNONE = 0x100  # where P is clear: the page is there, but nobody may touch it
PTE_NX = 1 << 63
PTE_PFN_MASK = 0x000FFFFFFFFFF000
PTE_THERE = PTE_PRESENT | PTE_PROTNONE
PTE_TABLE = 0x67  # P RW US A D: upper levels grant everything, the last level decides

# Bits of a fresh entry, by READ | WRITE | EXEC of vm_flags (protection_map). RW is never here: it is added by the
# write fault, which breaks copy-on-write or marks a file page dirty. NX always is: the first fetch removes it, see
# mm/text.py.
PAGE_PROT = tuple((PTE_PRESENT if prot else PTE_PROTNONE) | PTE_USER | PTE_ACCESSED | PTE_NX for prot in range(8))
