"""How strace prints arguments by Arg.kind: the plain kinds, and the table of all."""

from __future__ import annotations

from typing import Any, Final

from procession.include.linux.binfmts import UserStrings
from procession.include.linux.fcntl import O_CREAT
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.openat2 import TMPFILE_BIT
from procession.include.linux.sched import (
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_PARENT_SETTID,
    CLONE_SETTLS,
    CSIGNAL,
    CloneFlags,
)
from procession.include.linux.signal import signame
from procession.include.linux.syscalls import Syscall
from procession.tools.strace_aio import AIO_PRINTERS
from procession.tools.strace_args import constant, date_text, flag_names, hexadecimal, number, pointer
from procession.tools.strace_commands import COMMAND_RESULTS, COMMANDS
from procession.tools.strace_files import FILES, FILES_AFTER, device, file_mode, open_flags
from procession.tools.strace_ipc import IPC_PRINTERS
from procession.tools.strace_keys import KEY_PRINTERS
from procession.tools.strace_later import LATER_PRINTERS, LATER_RESULTS
from procession.tools.strace_mqueue import MQUEUE_PRINTERS, ioprio_text
from procession.tools.strace_ptrace import PTRACE_PRINTERS
from procession.tools.strace_sockets import SOCKET_PRINTERS
from procession.tools.strace_structs import AFTER, LONG, STRUCTS, Printer, Shown
from procession.tools.strace_syslog import SYSLOG_PRINTERS

__all__ = ("PRINTERS", "after", "argument", "clone_rest", "is_clone", "join", "raw_arguments", "result")


# A remount, a bind, a move, a change of propagation.
_NOT_NEW: Final = 0x20 | 0x1000 | 0x2000 | 0x20000 | 0x40000 | 0x80000 | 0x100000

# Plain kinds.


def _int(shown: Shown, at: int) -> str:
    arg, value = shown.params[at].arg, shown.args[at]
    if not isinstance(value, int):
        return pointer(value)
    return number(value, arg) if arg.flags is None and arg.values is None else constant(value, arg)


def _mode(shown: Shown, at: int) -> str | None:
    value = shown.args[at]
    # Only a call that makes a file has a mode.
    if at and shown.params[at - 1].arg.kind == "open_flags" and not shown.args[at - 1] & (O_CREAT | TMPFILE_BIT):
        return None
    return octal(value)


def octal(value: int) -> str:
    """Permissions: at least three digits, or two and the 0 before them."""
    return f"0{value & 0xFFFFFFFF:02o}" if value else "000"


def _clone_flags(shown: Shown, at: int) -> str:
    value = shown.args[at] & ULONG_MAX
    flags = flag_names(value & ~CSIGNAL, CloneFlags, "CLONE_", "")
    sig = signame(value & CSIGNAL) if value & CSIGNAL else ""
    return "|".join(part for part in (flags, sig) if part) or "0"


def _dev(shown: Shown, at: int) -> str | None:
    # mknod(2) looks at it for a device only.
    if at and shown.params[at - 1].arg.kind == "file_mode":
        kind = shown.args[at - 1] & 0o170000
        return device(shown.args[at]) if kind in (0o020000, 0o060000) else None
    return device(shown.args[at])


def _offset(shown: Shown, at: int) -> str:
    return hex(shown.args[at]) if shown.args[at] else "0"


def _mremap_addr(shown: Shown, at: int) -> str | None:
    return pointer(shown.args[at]) if shown.args[at - 1] & 2 else None


def _outbuf(shown: Shown, at: int) -> str:
    if shown.failed:
        return pointer(shown.args[at])
    return shown.data(shown.args[at], min(shown.ret or 0, shown.args[at + 1]))


def _mount_type(shown: Shown, at: int) -> str:
    # Looked at for a new mount only.
    if shown.args[at + 1] & _NOT_NEW:
        return pointer(shown.args[at])
    return shown.short_string(shown.args[at])


def _strings(ptr: object) -> tuple[bytes, ...]:
    """Return what a Python program passes for argv or envp; some other buffer has none."""
    return ptr.strings if isinstance(ptr, UserStrings) else ()


def _argv(shown: Shown, at: int) -> str:
    ptr = shown.args[at]
    if not isinstance(ptr, int):
        return "[" + ", ".join(map(shown.quote, _strings(ptr))) + "]"
    items, whole = _pointers(shown, ptr)
    if not items and not whole:
        return pointer(ptr)
    texts = [shown.short_string(item) for item in items[: shown.items(len(items))]]
    dots = ["..."] if len(items) > len(texts) or not whole else []
    return "[" + ", ".join(texts + dots) + "]"


def _envp(shown: Shown, at: int) -> str:
    ptr = shown.args[at]
    if not shown.style.abbrev:
        return _argv(shown, at)
    if not isinstance(ptr, int):
        return f"/* {len(_strings(ptr))} vars */"
    items, whole = _pointers(shown, ptr)
    if not items and not whole:
        return pointer(ptr)
    return f"{pointer(ptr)} /* {len(items)} var{'s' if len(items) != 1 else ''}{'' if whole else ', unterminated'} */"


def _pointers(shown: Shown, ptr: int) -> tuple[list[int], bool]:
    """Return the pointers before the NULL, and whether there is one."""
    out: list[int] = []
    while ptr and len(out) < 65536:
        value = shown.read_int(ptr + 8 * len(out), LONG)
        if value is None:
            break
        if not value:
            return out, True
        out.append(value & ULONG_MAX)
    return out, False


def _personality(shown: Shown, at: int) -> str:
    value = shown.args[at]
    return "0xffffffff" if value == 0xFFFFFFFF else constant(value, shown.params[at].arg)


PRINTERS: Final[dict[str, Printer]] = (
    STRUCTS
    | FILES
    | PTRACE_PRINTERS
    | SOCKET_PRINTERS
    | KEY_PRINTERS
    | LATER_PRINTERS
    | IPC_PRINTERS
    | COMMANDS
    | SYSLOG_PRINTERS
    | MQUEUE_PRINTERS
    | AIO_PRINTERS
    | {
        "int": _int,
        "unsigned": lambda shown, at: str(shown.args[at] & (1 << shown.params[at].arg.bits) - 1),
        "addr": lambda shown, at: pointer(shown.args[at]),
        "ptr": lambda shown, at: pointer(shown.args[at]),
        "descriptor": lambda shown, at: shown.descriptor(shown.args[at]),
        "fd": lambda shown, at: shown.descriptor(shown.args[at]),
        "uid": lambda shown, at: str(shown.args[at]) if shown.args[at] != 0xFFFFFFFF else "-1",
        "signal": lambda shown, at: signame(shown.args[at]),
        "mode": _mode,
        "file_mode": lambda shown, at: file_mode(shown.args[at]),
        "dev": _dev,
        "offset": _offset,
        "hidden": lambda _shown, _at: None,
        "mremap_addr": _mremap_addr,
        "personality": _personality,
        "open_flags": lambda shown, at: open_flags(shown.args[at]),
        "clone_flags": _clone_flags,
        "path": lambda shown, at: shown.string(shown.args[at]),
        "link_text": lambda shown, at: shown.string(shown.args[at]),
        "string": lambda shown, at: shown.short_string(shown.args[at]),
        "outstring": lambda shown, at: pointer(shown.args[at]) if shown.failed else shown.string(shown.args[at]),
        "buf": lambda shown, at: shown.data(shown.args[at], shown.args[at + 1]),
        "outbuf": _outbuf,
        "argv": _argv,
        "envp": _envp,
        "mount_type": _mount_type,
    }
)

# Kinds that say themselves what becomes of an argument that a failed call was to fill in; others show the address.
_KNOW_FAILURE: Final = frozenset(
    {
        "fcntl_arg",
        "ioctl_arg",
        "prctl_arg",
        "ptrace_data",
        "arch_prctl_arg",
        "keyctl_arg",
        "iovec",
        "remaining",
        "outbuf",
        "syslog_buf",
        "outstring",
        "offset *",
        "socklen",
        "sockaddr",
        "struct msghdr",
        "struct mmsghdr[]",
        "struct mmsghdr[] sent",
        "struct sched_attr given",
        "sockopt_value",
        "struct shmid_ds",
        "semun",
        "struct msqid_ds",
        "path",
        "link_text",
        "string",
        "struct clone_args",
    }
)
# What a failed call was given shows its address, too, when it stands behind an argument to be filled in.
_READ_AT_EXIT: Final = frozenset(STRUCTS | FILES) - {"struct timespec"} | {"timeout"}

_AFTER: Final = AFTER | FILES_AFTER


def argument(shown: Shown, at: int) -> str | None:
    """Return the text of one argument, None if the call does not have it this time."""
    arg = shown.params[at].arg
    if shown.failed and arg.kind not in _KNOW_FAILURE and (arg.out or arg.kind in _READ_AT_EXIT):
        return pointer(shown.args[at])
    return PRINTERS[arg.kind](shown, at)


def after(shown: Shown) -> str:
    """Return what a successful call's arguments have to say behind the result: empty, or beginning with a blank."""
    found = [_AFTER[param.arg.kind](shown, at) for at, param in enumerate(shown.params) if param.arg.kind in _AFTER]
    texts = [text for text in found if text]
    return f" ({', '.join(texts)})" if texts else ""


def result(shown: Shown, arg: Any) -> str:
    """Return the result of a call that has not failed; arg: what its declaration says of it."""
    ret = shown.ret or 0
    for param in shown.params:
        kind = param.arg.kind
        if kind in COMMAND_RESULTS or kind in LATER_RESULTS:
            text = (COMMAND_RESULTS.get(kind) or LATER_RESULTS[kind])(shown, ret)
            if text is not None:
                return text
    if arg.kind == "addr":
        return pointer(ret)
    if arg.kind == "mode":
        return octal(ret)
    if arg.kind == "signal":
        return f"{ret} ({signame(ret)})"
    if arg.kind == "ioprio":
        return f"{ret} ({ioprio_text(ret)})"
    if arg.kind == "time":
        return f"{ret} ({date_text(ret)})"
    if arg.kind == "personality":
        return f"{hexadecimal(ret)} ({constant(ret, arg)})"
    if arg.values is not None:
        return f"{hexadecimal(ret)} ({constant(ret, arg)})"
    if arg.kind == "descriptor":
        return shown.descriptor(ret)
    return str(ret) + after(shown)


def join(shown: Shown, start: int, stop: int) -> tuple[str, bool]:
    """Return the text of some arguments, and whether there is any."""
    texts = [argument(shown, at) for at in range(start, stop)]
    present = [text for text in texts if text is not None]
    return ", ".join(present), bool(present)


def is_clone(call: Syscall | None) -> bool:
    """Whether it is the call whose arguments strace prints by name, the stack before the flags."""
    return call is not None and bool(call.params) and call.params[0].arg.kind == "clone_flags"


def clone_rest(shown: Shown) -> str:
    """Those of clone(2)'s other arguments that its flags give a meaning."""
    flags, _stack, parent_tid, child_tid, tls = shown.args
    out = ""
    if flags & CLONE_PARENT_SETTID:
        out += f", parent_tid={pointer(parent_tid) if shown.failed else PRINTERS['int *'](shown, 2)}"
    if flags & CLONE_SETTLS:
        out += f", tls={pointer(tls)}"
    if flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID):
        out += f", child_tidptr={pointer(child_tid)}"
    return out


def raw_arguments(shown: Shown) -> str:
    """Return all arguments as the numbers that they are."""
    return ", ".join(
        hexadecimal(value & (1 << param.arg.bits) - 1) if isinstance(value, int) else pointer(value)
        for value, param in zip(shown.args, shown.params, strict=True)
    )
