"""Arguments and environment of a new program (fs/exec.c: count, copy_strings; spec 7.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from procession.fs import exec_mm
from procession.include.linux.binfmts import MAX_ARG_STRLEN, CompatStrings, UserStrings
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.resource import RLIMIT_STACK
from procession.include.linux.sched import fatal_signal_pending
from procession.lib import string
from procession.mm import gup, uaccess

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("ArgReader", "copy_strings", "copy_strings_kernel", "remove_arg_zero")

ARG_MAX: Final = 131072
MAX_ARG_STRINGS: Final = 0x7FFFFFFF


class ArgReader:
    """Reads the caller's strings a page at a time: they lie close together."""

    __slots__ = ("current", "pages")

    def __init__(self, current: Task) -> None:
        self.current = current
        self.pages: dict[int, bytes] = {}

    def count(self, array: UserPtr | UserStrings | CompatStrings) -> Sequence[int | bytes]:
        """Return the entries of a NULL-terminated array of pointers; a NULL array is empty (3.2 allows it).

        Raises EFAULT, E2BIG, and ERESTARTNOHAND when current is being killed.
        """
        if isinstance(array, UserStrings):
            return array.strings
        size = 8
        if isinstance(array, CompatStrings):
            array, size = array.address, 4
        if not isinstance(array, int):
            raise LinuxError(Errno.EFAULT, "not an array of strings")
        pointers: list[int | bytes] = []
        if not array:
            return pointers
        while True:
            if fatal_signal_pending(self.current):
                raise LinuxError(Errno.ERESTARTNOHAND)
            # As far as the page goes: what is behind it need not exist.
            room = (PAGE_SIZE - (array & (PAGE_SIZE - 1))) // size
            data = uaccess.copy_from_user(self.current, array, max(room, 1) * size)
            chunk = memoryview(data).cast("Q" if size == 8 else "I").tolist()
            if 0 in chunk:
                pointers += chunk[: chunk.index(0)]
                return pointers
            pointers += chunk
            array += len(chunk) * size
            if len(pointers) > MAX_ARG_STRINGS:
                raise LinuxError(Errno.E2BIG, "too many arguments")

    def string(self, address: int) -> bytes:
        """Return the string at address without its NUL; raises EFAULT, E2BIG."""
        number = address >> PAGE_SHIFT
        start = address & (PAGE_SIZE - 1)
        parts: list[bytes] = []
        size = 0
        while True:
            page = self.pages.get(number)
            if page is None:
                page = self.pages[number] = uaccess.copy_from_user(self.current, number << PAGE_SHIFT, PAGE_SIZE)
            end = page.find(0, start)
            if end >= 0:
                parts.append(page[start:end])
                break
            parts.append(page[start:])
            size += PAGE_SIZE - start
            if size >= MAX_ARG_STRLEN:
                raise LinuxError(Errno.E2BIG, "an argument is too long")
            number += 1
            start = 0
        text = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(text) >= MAX_ARG_STRLEN:
            raise LinuxError(Errno.E2BIG, "an argument is too long")
        return text


def copy_strings(
    current: Task, bprm: LinuxBinprm, reader: ArgReader, argv: Sequence[int | bytes], envp: Sequence[int | bytes]
) -> None:
    """Take over the file name, then the environment, then the arguments, each from its end (spec 7.1 step 12)."""
    bprm.p -= len(_encode(bprm.filename)) + 1
    bprm.exec = bprm.p
    _take_strings(current, bprm, reader, envp, bprm.envp)
    _take_strings(current, bprm, reader, argv, bprm.argv)
    bprm.envc = len(bprm.envp)
    bprm.argc = len(bprm.argv)
    _put_args(current, bprm, [*bprm.argv, *bprm.envp, _encode(bprm.filename)])


def _put_args(current: Task, bprm: LinuxBinprm, strings: list[bytes]) -> None:
    """Write strings to the new stack, from bprm.p on; raises E2BIG if there are no pages (get_arg_page)."""
    assert bprm.mm is not None
    data = b"".join([text + b"\0" for text in strings])
    exec_mm.acct_arg_size(current, bprm, exec_mm.STACK_TOP_MAX - (bprm.p & ~(PAGE_SIZE - 1)) >> PAGE_SHIFT)
    try:
        gup.write_remote_vm(current.kernel, bprm.mm, bprm.p, data)
    except LinuxError:
        raise LinuxError(Errno.E2BIG, "no pages for the arguments") from None


def _take_strings(
    current: Task, bprm: LinuxBinprm, reader: ArgReader, strings: Sequence[int | bytes], taken: list[bytes]
) -> None:
    for item in reversed(strings):
        text = reader.string(item) if isinstance(item, int) else item
        if len(text) >= MAX_ARG_STRLEN:
            raise LinuxError(Errno.E2BIG, "an argument is too long")
        bprm.p -= len(text) + 1
        taken.append(text)
        _check_room(current, bprm)
    taken.reverse()


def _check_room(current: Task, bprm: LinuxBinprm) -> None:
    """Raise E2BIG once the strings need more than a quarter of the stack; 128 KiB are always allowed."""
    size = exec_mm.STACK_TOP_MAX - (bprm.p & ~(PAGE_SIZE - 1))
    if size > ARG_MAX:
        limit = current.signal.rlim[RLIMIT_STACK][0]
        if bprm.p < 0 or size > limit // 4:
            raise LinuxError(Errno.E2BIG, "the arguments take more than a quarter of RLIMIT_STACK")


def copy_strings_kernel(current: Task, bprm: LinuxBinprm, strings: list[bytes]) -> None:
    """Put strings of the kernel's own before the arguments."""
    for text in reversed(strings):
        bprm.p -= len(text) + 1
        _check_room(current, bprm)
    _put_args(current, bprm, strings)
    bprm.argv[:0] = strings
    bprm.argc = len(bprm.argv)


def remove_arg_zero(bprm: LinuxBinprm) -> None:
    """Drop argv[0], if there is one."""
    if bprm.argv:
        bprm.p += len(bprm.argv.pop(0)) + 1
        bprm.argc = len(bprm.argv)


def _encode(name: str) -> bytes:
    return string.to_bytes(name)
