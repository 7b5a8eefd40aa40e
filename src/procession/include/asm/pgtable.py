"""Bits of a page table entry of x86-64 (asm/pgtable_types.h)."""

from typing import Final

# Each level of a page table is chosen by nine bits of the address; one page of the last level maps 2 MiB.
PGDIR_SHIFT: Final = 39
PUD_SHIFT: Final = 30
PMD_SHIFT: Final = 21
PMD_SIZE: Final = 1 << PMD_SHIFT
PTRS_PER_PTE: Final = 512
PTE_INDEX_MASK: Final = PTRS_PER_PTE - 1

PTE_PRESENT: Final = 1
PTE_RW: Final = 2
PTE_USER: Final = 4
PTE_ACCESSED: Final = 0x20
PTE_DIRTY: Final = 0x40
PTE_PROTNONE: Final = 0x100  # where P is clear: the page is there, but nobody may touch it
PTE_NX: Final = 1 << 63
PTE_PFN_MASK: Final = 0x000FFFFFFFFFF000
PFN_MASK: Final = 0xFFFFFFFFFF  # Ours: of an entry shifted right by PAGE_SHIFT; cuts off NX
PTE_THERE: Final = PTE_PRESENT | PTE_PROTNONE
PTE_TABLE: Final = 0x67  # P RW US A D: upper levels grant everything, the last level decides

# Bits of a fresh entry, by READ | WRITE | EXEC of vm_flags (protection_map). RW is never here: it is added by the
# write fault, which breaks copy-on-write or marks a file page dirty. NX always is: the first fetch removes it, see
# mm/text.py.
PAGE_PROT: Final = tuple(
    (PTE_PRESENT if prot else PTE_PROTNONE) | PTE_USER | PTE_ACCESSED | PTE_NX for prot in range(8)
)
