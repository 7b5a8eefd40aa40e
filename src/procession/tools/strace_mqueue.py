"""How strace prints what POSIX message queues and I/O priorities take."""

from __future__ import annotations

from typing import Final

from procession.include.linux.fcntl import O_CREAT, O_NONBLOCK
from procession.include.linux.ioprio import IOPRIO_CLASS_SHIFT, IoprioClass, ioprio_data
from procession.tools.strace_args import pointer
from procession.tools.strace_structs import UINT, Printer, Shown, sigevent, struct_printer

__all__ = ("MQUEUE_PRINTERS", "ioprio_text")


def _mq_flags(flags: int) -> str:
    """The flags of an attribute that is set or reported."""
    flags &= 0xFFFFFFFFFFFFFFFF
    rest = flags & ~O_NONBLOCK
    if rest:
        known = "O_NONBLOCK|" if flags & O_NONBLOCK else ""
        return f"{known}{rest:#x}" + ("" if known else " /* O_??? */")
    return "O_NONBLOCK" if flags else "0"


def _attr_text(flags: str, maxmsg: int, msgsize: int, curmsgs: int) -> str:
    return f"{{mq_flags={flags}, mq_maxmsg={maxmsg}, mq_msgsize={msgsize}, mq_curmsgs={curmsgs}}}"


@struct_printer("qqqq32x")
def _mq_attr(flags: int, maxmsg: int, msgsize: int, curmsgs: int) -> str:
    return _attr_text(_mq_flags(flags), maxmsg, msgsize, curmsgs)


@struct_printer("Qqqq32x")
def _new_attr(flags: int, maxmsg: int, msgsize: int, curmsgs: int) -> str:
    return _attr_text(hex(flags) if flags else "0", maxmsg, msgsize, curmsgs)


def _mq_attr_new(shown: Shown, at: int) -> str | None:
    """What a queue is made with: only if it is to be made, as its mode."""
    return _new_attr(shown, at) if shown.args[at - 2] & O_CREAT else None


def _unsigned_ptr(shown: Shown, at: int) -> str:
    value = shown.read_int(shown.args[at], UINT)
    return pointer(shown.args[at]) if value is None else f"[{value}]"


def ioprio_text(ioprio: int) -> str:
    """A priority of input and output."""
    kind = ioprio >> IOPRIO_CLASS_SHIFT & 0x7FFFF
    known = [member.name for member in IoprioClass if member == kind]
    name = f"IOPRIO_CLASS_{known[0]}" if known else f"{kind:#x} /* IOPRIO_CLASS_??? */"
    return f"IOPRIO_PRIO_VALUE({name}, {ioprio_data(ioprio)})"


MQUEUE_PRINTERS: Final[dict[str, Printer]] = {
    "ioprio": lambda shown, at: ioprio_text(shown.args[at]),
    "mq_attr_new": _mq_attr_new,
    "struct mq_attr": _mq_attr,
    "mq_sigevent": sigevent,
    "unsigned *": _unsigned_ptr,
}
