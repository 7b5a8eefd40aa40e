"""How strace prints the arguments of System V objects' calls."""

from __future__ import annotations

import struct
from typing import Any, Final

from procession.include.linux.ipc import IPC64_PERM, IPC_64, IPC_INFO, IPC_PRIVATE, IPC_SET, IPC_STAT
from procession.include.linux.msg import MSG_INFO, MSG_STAT, MSGINFO, MTYPE_SIZE
from procession.include.linux.sem import SEM_INFO, SEM_STAT, SEMBUF, SEMINFO, SemopFlags
from procession.include.linux.shm import SHM_INFO, SHM_INFO_STRUCT, SHM_STAT, SHMINFO64
from procession.tools.strace_args import flag_names, pointer, value_name
from procession.tools.strace_structs import LONG, Printer, Shown, array

__all__ = ("IPC_PRINTERS",)

# Commands that came with 4.17: strace knows them.
_LATER: Final = {("SHM_???", 15): "SHM_STAT_ANY", ("SEM_???", 20): "SEM_STAT_ANY", ("MSG_???", 13): "MSG_STAT_ANY"}
_MODE: Final = 0o777


def _key(shown: Shown, at: int) -> str:
    value = shown.args[at]
    return "IPC_PRIVATE" if value == IPC_PRIVATE else hex(value & 0xFFFFFFFF)


def _get_flags(shown: Shown, at: int) -> str:
    """What to make, and its mode."""
    value = shown.args[at] & 0xFFFFFFFF
    names = shown.params[at].arg.flags
    assert names is not None
    flags = flag_names(value & ~_MODE, names, zero="").partition(" /*")[0]
    mode = f"{_octal(value & _MODE)}"
    return f"{flags}|{mode}" if flags else mode


def _octal(mode: int) -> str:
    return f"0{mode:02o}" if mode else "000"


def _command(shown: Shown, at: int) -> str:
    """A command; 64-bit calls have no bit for the version of the structures."""
    arg, value = shown.params[at].arg, shown.args[at]
    assert arg.values is not None
    version = "IPC_64|" if value & IPC_64 else ""
    later = _LATER.get((arg.unknown, value & ~IPC_64))
    if later is not None:
        return version + later
    return version + value_name(value & ~IPC_64, arg.values, arg.prefix, arg.unknown)


def _perm(raw: bytes, cmd: int) -> str:
    key, uid, gid, cuid, cgid, mode, _ = IPC64_PERM.unpack_from(raw)
    shown = f"uid={_id(uid)}, gid={_id(gid)}, mode={_octal(mode)}"
    if cmd != IPC_SET:
        shown += f", key={key & 0xFFFFFFFF}, cuid={_id(cuid)}, cgid={_id(cgid)}"
    return f"{{{shown}}}"


def _id(number: int) -> str:
    return "-1" if number == 0xFFFFFFFF else str(number)


class _Kind:
    """What a control call's buffer is: for which commands, and which fields it has behind the permissions.

    names: of these.  order: that in which they are printed.
    """

    def __init__(
        self, prefix: str, stat: int, info: dict[int, tuple[struct.Struct, str]], fmt: str, names: str, order: str = ""
    ) -> None:
        self.prefix = prefix
        self.stat = stat
        self.info = info
        self.fields = struct.Struct("<" + fmt)
        self.names = names.split()
        self.order = order.split() or self.names

    def text(self, shown: Shown, at: int, cmd: int) -> str | None:
        """Return the struct, None if none is to be shown or it cannot be read."""
        ptr = shown.args[at]
        if cmd in self.info and not shown.failed:
            layout, names = self.info[cmd]
            found = shown.read(ptr, layout)
            return None if found is None else "{" + ", ".join(map("{}={}".format, names.split(), found)) + "}"
        if cmd != IPC_SET and (cmd not in (IPC_STAT, self.stat) or shown.failed):
            return None
        whole = shown.read(ptr, struct.Struct(f"{IPC64_PERM.size + self.fields.size}s"))
        if whole is None:
            return None
        out = f"{{{self.prefix}_perm={_perm(whole[0], cmd)}"
        values = dict(zip(self.names, self.fields.unpack_from(whole[0], IPC64_PERM.size), strict=True))
        for name in self.order if cmd != IPC_SET else [name for name in self.order if name == "msg_qbytes"]:
            out += f", {name}={values[name]}"
        return out + "}"


_SHM: Final = _Kind(
    "shm",
    SHM_STAT,
    {
        IPC_INFO: (SHMINFO64, "shmmax shmmin shmmni shmseg shmall"),
        SHM_INFO: (SHM_INFO_STRUCT, "used_ids shm_tot shm_rss shm_swp swap_attempts swap_successes"),
    },
    "QqqqiiQ",
    "shm_segsz shm_atime shm_dtime shm_ctime shm_cpid shm_lpid shm_nattch",
    "shm_segsz shm_cpid shm_lpid shm_nattch shm_atime shm_dtime shm_ctime",
)
_SEM_INFO: Final = (SEMINFO, "semmap semmni semmns semmnu semmsl semopm semume semusz semvmx semaem")
_SEM: Final = _Kind(
    "sem", SEM_STAT, {IPC_INFO: _SEM_INFO, SEM_INFO: _SEM_INFO}, "q8xq8xQ", "sem_otime sem_ctime sem_nsems"
)
_MSG_INFO: Final = (MSGINFO, "msgpool msgmap msgmax msgmnb msgmni msgssz msgtql msgseg")
_MSG: Final = _Kind(
    "msg",
    MSG_STAT,
    {IPC_INFO: _MSG_INFO, MSG_INFO: _MSG_INFO},
    "qqq8xQQii",
    "msg_stime msg_rtime msg_ctime msg_qnum msg_qbytes msg_lspid msg_lrpid",
)


def _buffer(kind: _Kind) -> Printer:
    """The last argument of a control call, behind the command."""

    def printer(shown: Shown, at: int) -> str:
        return kind.text(shown, at, shown.args[at - 1]) or pointer(shown.args[at])

    return printer


def _sembuf(num: int, op: int, flg: int) -> str:
    flags = flag_names(flg & 0xFFFF, SemopFlags, unknown="SEM_???")
    return f"{{sem_num={num}, sem_op={op}, sem_flg={flags}}}"


def _sembufs(shown: Shown, at: int) -> str:
    return array(shown, shown.args[at], shown.args[at + 1], SEMBUF, _sembuf)


def _msgbuf(shown: Shown, at: int) -> str:
    """A message: its size is the next argument, whatever was received."""
    ptr: Any = shown.args[at]
    mtype = None if shown.params[at].arg.out and shown.failed else shown.read_int(ptr, LONG)
    if mtype is None:
        return pointer(ptr)
    size = shown.args[at + 1] & 0xFFFFFFFFFFFFFFFF
    text = shown.peek(ptr, MTYPE_SIZE, min(size, shown.style.limit)) if size else b""
    if text is None:
        return pointer(ptr)
    return f"{{mtype={mtype}, mtext={shown.quote(text, cut=size > shown.style.limit)}}}"


IPC_PRINTERS: Final[dict[str, Printer]] = {
    "ipc_key": _key,
    "ipc_get_flags": _get_flags,
    "ipc_cmd": _command,
    "struct shmid_ds": _buffer(_SHM),
    "semun": _buffer(_SEM),
    "struct msqid_ds": _buffer(_MSG),
    "sembuf[]": _sembufs,
    "msgbuf": _msgbuf,
}
