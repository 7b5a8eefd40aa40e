"""Validators: what Linux' structures promise, checked by walking them. Each returns what is wrong, in words.

All start from one walk, the Census, and hold counts against the references that it finds, exactly. Validators run when
no lock is held and nobody is inside the kernel but those who sleep there, so the one place that a walk from the roots
does not reach is a sleeper's kernel stack, which cannot be read: compiled code has no frames. Hence the rule:

    A function that keeps a reference of its own over an await appends the object to `current.held`, and takes it off
    again before it gives the reference back or hands it on: last first, on every way out.

What is appended is the counted object, a list of them, or the struct that has them in its fields (LinuxBinprm, Scm),
which may change meanwhile; None is nobody. A function that cannot sleep has returned when the validators look, and
appends nothing; nor does one that only borrows, as read(2) does while its descriptor table is its own. A note that is
forgotten and one that is left behind both show: the count is then not what is found.

Those that note something: calls on files that another thread could close meanwhile (read, write and their kin, poll,
select, ioctl, locks, sockets), pages on their way into a pipe, contexts of asynchronous I/O, a FIFO being opened, a
message with files being sent, wait4 and waitid, execve (the program to come, the table that it leaves), unshare and
setns, kthread_stop, a core dump.
"""

from procession.tools.validate.census import Census
from procession.tools.validate.check import AT_EVERY_TRAP, OF_MEMORY, Checker, validate_all
from procession.tools.validate.memory import validate_memory

__all__ = ("AT_EVERY_TRAP", "OF_MEMORY", "Census", "Checker", "validate_all", "validate_memory")
