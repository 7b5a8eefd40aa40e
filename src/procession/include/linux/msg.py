"""Message queues (include/linux/msg.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.ipc import IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, KernIpcPerm
from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.errno import Errno
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock

MSG_STAT: Final = 11
MSG_INFO: Final = 12

MSG_NOERROR: Final = 0o10000
MSG_EXCEPT: Final = 0o20000

MSG_MEM_SCALE: Final = 32  # this part of the memory may be taken up by full queues
MSGMNI: Final = 16
MSGMAX: Final = 8192
MSGMNB: Final = 16384

# What nobody looks at.
MSGPOOL: Final = MSGMNI * MSGMNB // 1024
MSGTQL: Final = MSGMNB
MSGMAP: Final = MSGMNB
MSGSSZ: Final = 16
MSGSEG: Final = MSGPOOL * 1024 // MSGSSZ

MTYPE_SIZE: Final = 8  # bytes, before the text in a struct msgbuf

MSGINFO: Final = struct.Struct("<7iH2x")


class MsgctlCmd(IntEnum):
    """msgctl(2)."""

    IPC_RMID = IPC_RMID
    IPC_SET = IPC_SET
    IPC_STAT = IPC_STAT
    IPC_INFO = IPC_INFO
    MSG_STAT = MSG_STAT
    MSG_INFO = MSG_INFO


class MsgFlags(IntFlag):
    """msgsnd(2) and msgrcv(2)."""

    MSG_NOERROR = MSG_NOERROR
    MSG_EXCEPT = MSG_EXCEPT
    IPC_NOWAIT = IPC_NOWAIT


class MsgMsg:
    """A message (struct msg_msg). pieces: how many pieces of memory it takes."""

    __slots__ = ("m_type", "text", "pieces")  # derived

    def __init__(self, text: bytes, pieces: int) -> None:
        self.m_type: int = 0
        self.text: bytes = text
        self.pieces: int = pieces


class MsgReceiver:
    """Who sleeps in msgrcv(2) (struct msg_receiver).

    r_maxsize: of a message that it can take; None: of any.  r_msg: what it was handed, or why it gets none; None as
    long as it has to look again.
    """

    __slots__ = ("r_tsk", "r_mode", "r_msgtype", "r_maxsize", "r_msg")  # derived

    def __init__(self, r_tsk: Task, r_mode: int, r_msgtype: int, r_maxsize: int | None) -> None:
        self.r_tsk: Task = r_tsk
        self.r_mode: int = r_mode
        self.r_msgtype: int = r_msgtype
        self.r_maxsize: int | None = r_maxsize
        self.r_msg: MsgMsg | Errno | None = None

    def handed(self) -> MsgMsg | Errno | None:
        """Return what it was handed while it slept."""
        return self.r_msg


class MsgQueue(KernIpcPerm):
    """A queue (struct msg_queue). Times in seconds since 1970; everything in the order in which it came."""

    __slots__ = (
        "q_stime",
        "q_rtime",
        "q_ctime",
        "q_cbytes",
        "q_qnum",
        "q_qbytes",
        "q_lspid",
        "q_lrpid",
        "q_messages",
        "q_receivers",
        "q_senders",
    )  # derived

    def __init__(self, lock: SpinLock, key: int, mode: int) -> None:
        super().__init__(lock, key, mode)
        self.q_stime: int = 0
        self.q_rtime: int = 0
        self.q_ctime: int = 0
        self.q_cbytes: int = 0
        self.q_qnum: int = 0
        self.q_qbytes: int = 0
        self.q_lspid: int = 0
        self.q_lrpid: int = 0
        self.q_messages: list[MsgMsg] = []
        self.q_receivers: list[MsgReceiver] = []
        self.q_senders: list[Task] = []


MsgctlCmdArg = Annotated[int, Arg("ipc_cmd", 32, signed=True, values=MsgctlCmd, unknown="MSG_???")]
MsqidPtr = Annotated[UserPtr, Arg("struct msqid_ds", out=True)]
MsgbufIn = Annotated[UserPtr, Arg("msgbuf")]
MsgbufOut = Annotated[UserPtr, Arg("msgbuf", out=True)]
MsgFlagsArg = Annotated[int, Arg("int", 32, signed=True, flags=MsgFlags, unknown="MSG_???")]
