"""What the work of the kernel costs in virtual time: nanoseconds, the only ones that there are.

Kernel code says what it does with these, through sched_account.account_system_time(): a loop over n things once, with
n * COST_NS. User code costs time by its length (CODE_BYTES_PER_NS); waiting costs what is waited for. Nothing else
passes time, so a run is the same on every host.

The figures are those of a machine of today (`python -m bench.costs` measures the host and prints the two beside each
other), so that what grows with what can be seen by the programs inside. One is not: TRAP_NS is about ten times what
it is on silicon. It is what lets a host keep up with a program that waits by asking for the time, or that does nothing
but fork: a second of its own costs it at most about as much of the host's.

docs/time.md has the same table, and how to see each entry from inside.
"""

from __future__ import annotations

from typing import Final

# User code.
CODE_BYTES_PER_NS: Final = 4  # bytes of machine code executed in a nanosecond: about 1.3 instructions

# In and out of the kernel.
TRAP_NS: Final = 1000  # a system call, or an exception other than a page fault
FAULT_NS: Final = 500  # a page fault: in, the area found, an entry set, out
SWITCH_NS: Final = 600  # another task gets the CPU
SWITCH_MM_NS: Final = 150  # and with it another address space
SIGFRAME_NS: Final = 200  # a signal's handler is entered: its frame
SIGRETURN_NS: Final = 100  # and left

# Memory.
PAGE_CLEAR_NS: Final = 300  # a new page is filled with zeroes
PAGE_COPY_NS: Final = 900  # a page is copied because somebody else has it, too: found shared, copied, flushed
PAGE_READ_NS: Final = 2000  # a page of a file is not in the page cache yet
PTE_COPY_NS: Final = 70  # fork shares one page with the child
PTE_CHANGE_NS: Final = 20  # the permissions of one page change, or it moves to another address
PTE_ZAP_NS: Final = 60  # one page is unmapped, and freed if it was the last time
TABLE_NS: Final = 200  # a page of page tables is made, beside clearing it
TABLE_FREE_NS: Final = 100  # and freed
AREA_NS: Final = 250  # an area is made: by mmap, by splitting one, by fork for the child
AREA_FREE_NS: Final = 100  # and taken away
COPY_KIB_NS: Final = 35  # 1,024 bytes between kernel and user memory; less than COPY_FREE bytes are free
COPY_FREE: Final = 256  # bytes

# Files.
FILE_NS: Final = 300  # a file is opened and closed: struct file, name and inode found or made
SKB_NS: Final = 300  # a message in a socket's queue
PROC_SHOW_NS: Final = 1000  # the text of a file in /proc is made

# Processes.
OBJECT_NS: Final = 100  # an object from a slab cache, made and freed
TASK_NS: Final = 4000  # a task is copied: its struct, its kernel stack, its place in all lists
MM_NS: Final = 7000  # an address space is made, whatever will be in it
MM_EXIT_NS: Final = 20000  # and taken down, whatever is in it
EXIT_NS: Final = 6000  # a task ends, is reaped and freed
EXEC_NS: Final = 52000  # a program takes another's place: credentials, headers, what the old one had set up
BITMAP_WORD_NS: Final = 1  # 64 numbers of the pid bitmap are looked at for a free one

# One of many.
WAIT_CHILD_NS: Final = 20  # wait() looks at one child
SIGNAL_TASK_NS: Final = 90  # one of those to whom kill() sends, or whom it asks whether they want it
DIRENT_NS: Final = 120  # an entry of a directory is listed: a process, in /proc
SPIN_NS: Final = 100  # a lock comes from another CPU that had it, beside the time until that one gives it up
