"""How strace prints requests and events of asynchronous input and output."""

from __future__ import annotations

import struct
from typing import Any, Final

from procession.include.linux.aio_abi import (
    IO_EVENT,
    IOCB_CMD_PREAD,
    IOCB_CMD_PREADV,
    IOCB_CMD_PWRITE,
    IOCB_CMD_PWRITEV,
    IOCB_FLAG_RESFD,
    SIZEOF_IOCB,
    Iocb,
    IocbCmd,
)
from procession.include.linux.limits import ULONG_MAX
from procession.tools.strace_args import hexadecimal, pointer, value_name
from procession.tools.strace_files import iovec
from procession.tools.strace_mqueue import ioprio_text
from procession.tools.strace_structs import Printer, Shown, array

__all__ = ("AIO_PRINTERS",)

_IOCB_FLAG_IOPRIO: Final = 2  # later than 3.2
_POINTER: Final = struct.Struct("<Q")
_RAW_IOCB: Final = struct.Struct(f"{SIZEOF_IOCB}s")


def _header(shown: Shown, cb: Iocb) -> str:
    text = f"aio_data={hexadecimal(cb.aio_data)}, "
    if cb.aio_key:
        text += f"aio_key={cb.aio_key}, "
    command = value_name(cb.aio_lio_opcode, IocbCmd, "IOCB_CMD_")
    if cb.aio_lio_opcode not in IocbCmd.__members__.values():
        command = f"{cb.aio_lio_opcode} /* IOCB_CMD_??? */"
    text += f"aio_lio_opcode={command}"
    if cb.aio_flags & _IOCB_FLAG_IOPRIO:
        text += f", aio_reqprio={ioprio_text(cb.aio_reqprio & 0xFFFF)}"
    elif cb.aio_reqprio:
        text += f", aio_reqprio={cb.aio_reqprio}"
    return f"{text}, aio_fildes={shown.descriptor(cb.aio_fildes - (cb.aio_fildes >> 31 << 32))}"


def _details(shown: Shown, cb: Iocb) -> str:
    """What is said of an operation that 3.2 has, behind whose it is."""
    opcode = cb.aio_lio_opcode
    if opcode in (IOCB_CMD_PREADV, IOCB_CMD_PWRITEV):
        pieces = iovec(shown, cb.aio_buf, cb.aio_nbytes, size=None, show=opcode == IOCB_CMD_PWRITEV)
        text = f", aio_buf={pieces}, aio_offset={cb.aio_offset}"
    elif opcode in (IOCB_CMD_PREAD, IOCB_CMD_PWRITE):
        write = opcode == IOCB_CMD_PWRITE
        buf = shown.data(cb.aio_buf, cb.aio_nbytes) if write else pointer(cb.aio_buf)
        text = f", aio_buf={buf}, aio_nbytes={cb.aio_nbytes}, aio_offset={cb.aio_offset}"
    else:
        return ""
    if cb.aio_flags & IOCB_FLAG_RESFD:
        resfd = shown.descriptor(cb.aio_resfd - (cb.aio_resfd >> 31 << 32))
        text += f", aio_flags=IOCB_FLAG_RESFD, aio_resfd={resfd}"
    return text


def _iocb(shown: Shown, ptr: int, *, whole: bool) -> str:
    fields = shown.read(ptr, _RAW_IOCB)
    if fields is None:
        return pointer(ptr)
    cb = Iocb(fields[0])
    return "{" + _header(shown, cb) + (_details(shown, cb) if whole else "") + "}"


def _iocbs(shown: Shown, at: int) -> str:
    count, ptr = shown.args[at - 1], shown.args[at]
    if count < 0:
        return pointer(ptr)
    if not count:
        return "[]"
    return array(shown, ptr, count, _POINTER, lambda each: _iocb(shown, each, whole=True))


def _event_text(data: int, obj: int, res: int, res2: int) -> str:
    return f"{{data={hexadecimal(data)}, obj={pointer(obj & ULONG_MAX)}, res={res}, res2={res2}}}"


def _event(shown: Shown, at: int) -> str:
    ptr: Any = shown.args[at]
    fields = None if shown.failed else shown.read(ptr, IO_EVENT)
    return pointer(ptr) if fields is None else _event_text(*fields)


def _events(shown: Shown, at: int) -> str:
    if shown.failed or shown.ret is None:
        return pointer(shown.args[at])
    return array(shown, shown.args[at], shown.ret, IO_EVENT, _event_text)


AIO_PRINTERS: Final[dict[str, Printer]] = {
    "struct iocb *": lambda shown, at: _iocb(shown, shown.args[at], whole=False),
    "struct iocb *[]": _iocbs,
    "struct io_event *": _event,
    "struct io_event []": _events,
}
