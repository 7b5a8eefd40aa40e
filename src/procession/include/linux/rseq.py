"""rseq(2): restartable sequences (include/uapi/linux/rseq.h as of 6.18)."""

from __future__ import annotations

import struct
from typing import Annotated, Final

from procession.include.linux.types import Arg

RSEQ_FLAG_UNREGISTER: Final = 1
RSEQ_CPU_ID_UNINITIALIZED: Final = 0xFFFFFFFF

# struct rseq: cpu_id_start, cpu_id, and at these places rseq_cs, flags, node_id, mm_cid. The first version had 32
# bytes, with padding.
RSEQ_CS_PTR: Final = 8
RSEQ_FLAGS: Final = 16
RSEQ_NODE_ID: Final = 20
ORIG_RSEQ_SIZE: Final = 32
RSEQ_FEATURE_SIZE: Final = 28
RSEQ_ALIGN: Final = 32
# struct rseq_cs: version, flags, start_ip, post_commit_offset, abort_ip.
RSEQ_CS: Final = struct.Struct("<IIQQQ")


class Rseq:
    """What a thread has registered: where its struct rseq is, its size in bytes, the signature before abort handlers.

    event: it has left its CPU, or was sent a signal, since it was last in user mode.
    """

    __slots__ = ("address", "event", "length", "sig")

    def __init__(self, address: int, length: int, sig: int) -> None:
        self.address = address
        self.length = length
        self.sig = sig
        self.event = False


RseqPtr = Annotated[int, Arg("addr", 64)]
RseqWord = Annotated[int, Arg("hexadecimal", 32)]
