"""What programs and the kernel say to each other of asynchronous input and output (include/linux/aio_abi.h)."""

from __future__ import annotations

from enum import IntEnum
import struct
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "IOCB_CMD_FDSYNC",
    "IOCB_CMD_FSYNC",
    "IOCB_CMD_NOOP",
    "IOCB_CMD_PREAD",
    "IOCB_CMD_PREADV",
    "IOCB_CMD_PWRITE",
    "IOCB_CMD_PWRITEV",
    "IOCB_FLAG_RESFD",
    "IO_EVENT",
    "SIZEOF_IOCB",
    "SIZEOF_IO_EVENT",
    "AioContext",
    "AioContextPtr",
    "IoEventsPtr",
    "Iocb",
    "IocbCmd",
    "IocbPtr",
    "IocbsPtr",
)

IOCB_CMD_PREAD: Final = 0
IOCB_CMD_PWRITE: Final = 1
IOCB_CMD_FSYNC: Final = 2
IOCB_CMD_FDSYNC: Final = 3
IOCB_CMD_POLL: Final = 5  # later than 3.2
IOCB_CMD_NOOP: Final = 6
IOCB_CMD_PREADV: Final = 7
IOCB_CMD_PWRITEV: Final = 8

IOCB_FLAG_RESFD: Final = 1  # aio_resfd is valid


class IocbCmd(IntEnum):
    """What a request asks for."""

    PREAD = IOCB_CMD_PREAD
    PWRITE = IOCB_CMD_PWRITE
    FSYNC = IOCB_CMD_FSYNC
    FDSYNC = IOCB_CMD_FDSYNC
    POLL = IOCB_CMD_POLL
    NOOP = IOCB_CMD_NOOP
    PREADV = IOCB_CMD_PREADV
    PWRITEV = IOCB_CMD_PWRITEV


# struct iocb: aio_data, aio_key, aio_reserved1, aio_lio_opcode, aio_reqprio, aio_fildes, aio_buf, aio_nbytes,
# aio_offset, aio_reserved2, aio_flags, aio_resfd.
_IOCB: Final = struct.Struct("<QIIHhIQQqQII")
SIZEOF_IOCB: Final = 64
IOCB_KEY_OFFSET: Final = 8
IO_EVENT: Final = struct.Struct("<QQqq")  # struct io_event: data, obj, res, res2
SIZEOF_IO_EVENT: Final = 32


class Iocb:
    """A request as a program makes it (struct iocb)."""

    __slots__ = (
        "aio_data",
        "aio_key",
        "aio_reserved1",
        "aio_lio_opcode",
        "aio_reqprio",
        "aio_fildes",
        "aio_buf",
        "aio_nbytes",
        "aio_offset",
        "aio_reserved2",
        "aio_flags",
        "aio_resfd",
    )  # derived

    def __init__(self, raw: bytes) -> None:
        fields = _IOCB.unpack(raw)
        self.aio_data: int = fields[0]
        self.aio_key: int = fields[1]
        self.aio_reserved1: int = fields[2]
        self.aio_lio_opcode: int = fields[3]
        self.aio_reqprio: int = fields[4]
        self.aio_fildes: int = fields[5]
        self.aio_buf: int = fields[6]
        self.aio_nbytes: int = fields[7]
        self.aio_offset: int = fields[8]
        self.aio_reserved2: int = fields[9]
        self.aio_flags: int = fields[10]
        self.aio_resfd: int = fields[11]


AioContext = Annotated[int, Arg("addr", 64)]
AioContextPtr = Annotated[UserPtr, Arg("void **", out=True)]
IocbPtr = Annotated[UserPtr, Arg("struct iocb *")]
IocbsPtr = Annotated[UserPtr, Arg("struct iocb *[]")]
IoEventPtr = Annotated[UserPtr, Arg("struct io_event *", out=True)]
IoEventsPtr = Annotated[UserPtr, Arg("struct io_event []", out=True)]
