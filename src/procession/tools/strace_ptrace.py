"""How strace prints what a tracer asks: the request says what the other arguments of ptrace(2) are."""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import Final

from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.ptrace import Ptrace
from procession.include.linux.signal import NSIG, signame
from procession.tools.strace_args import flag_names, hexadecimal, pointer, value_name
from procession.tools.strace_structs import STRUCTS, Printer, Shown

__all__ = ("PTRACE_PRINTERS",)


class PtraceO(IntFlag):
    """Options of a tracer, later ones too: strace knows them, 3.2 does not."""

    TRACESYSGOOD = 0x1
    TRACEFORK = 0x2
    TRACEVFORK = 0x4
    TRACECLONE = 0x8
    TRACEEXEC = 0x10
    TRACEVFORKDONE = 0x20
    TRACEEXIT = 0x40
    TRACESECCOMP = 0x80
    EXITKILL = 0x100000
    SUSPEND_SECCOMP = 0x200000


class Nt(IntEnum):
    """Sets of registers, by the types of notes in a core file."""

    PRSTATUS = 1
    FPREGSET = 2
    TASKSTRUCT = 4
    AUXV = 6
    LWPSTATUS = 16
    X86_XSTATE = 0x202
    PRXFPREG = 0x46E62B7F


_GENERAL: Final = (
    "r15",
    "r14",
    "r13",
    "r12",
    "rbp",
    "rbx",
    "r11",
    "r10",
    "r9",
    "r8",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
)
_USER_REGS: Final = (
    *_GENERAL,
    "orig_rax",
    "rip",
    "cs",
    "eflags",
    "rsp",
    "ss",
    "fs_base",
    "gs_base",
    "ds",
    "es",
    "fs",
    "gs",
)
_REGS: Final = struct.Struct(f"<{len(_USER_REGS)}Q")
# Offsets into struct user that strace names, in steps of a word; those behind ss it takes for ss and more.
_NAMES: Final = [f"8*{'EFL' if name == 'eflags' else name.upper()}" for name in _USER_REGS[:21]]
_PARTS: Final = {216: "u_fpvalid", 224: "i387", 736: "u_tsize", 744: "u_dsize", 752: "u_ssize", 760: "start_code"} | {
    768: "start_stack",
    776: "signal",
    784: "reserved",
    792: "u_ar0",
    800: "u_fpstate",
    808: "magic",
    816: "u_comm",
    848: "u_debugreg",
}
_USER_SIZE: Final = 912

_PID_ALONE: Final = frozenset({Ptrace.KILL, Ptrace.ATTACH, Ptrace.INTERRUPT, Ptrace.LISTEN})
_REGISTERS: Final = frozenset({Ptrace.GETREGS, Ptrace.SETREGS, Ptrace.GETFPREGS, Ptrace.SETFPREGS})
_SIGNALS: Final = frozenset(
    {
        Ptrace.CONT,
        Ptrace.SINGLESTEP,
        Ptrace.SINGLEBLOCK,
        Ptrace.SYSCALL,
        Ptrace.SYSEMU,
        Ptrace.SYSEMU_SINGLESTEP,
        Ptrace.DETACH,
    }
)
_OPTIONS: Final = frozenset({Ptrace.SETOPTIONS, Ptrace.OLDSETOPTIONS, Ptrace.SEIZE})
_WORDS: Final = frozenset({Ptrace.PEEKTEXT, Ptrace.PEEKDATA, Ptrace.PEEKUSER})
_IOVEC: Final = struct.Struct("<QQ")
_WORD: Final = struct.Struct("<Q")


def _pid(shown: Shown, at: int) -> str | None:
    return None if shown.args[0] == Ptrace.TRACEME else str(shown.args[at])


def _user_offset(offset: int) -> str:
    """A place in struct user."""
    if offset == _USER_SIZE:
        return "sizeof(struct user)"
    if not 0 <= offset < _USER_SIZE:
        return hexadecimal(offset)
    if offset < 216:
        name, start = _NAMES[min(offset // 8, 20)], min(offset // 8, 20) * 8
    else:
        start = max(place for place in _PARTS if place <= offset)
        name = f"offsetof(struct user, {_PARTS[start]})"
    return f"{name}+{offset - start}" if offset != start else name


def _addr(shown: Shown, at: int) -> str | None:
    request, addr = shown.args[0], shown.args[at]
    if request == Ptrace.TRACEME or request in _PID_ALONE or request in _REGISTERS:
        return None
    if request in (Ptrace.PEEKUSER, Ptrace.POKEUSER):
        return _user_offset(addr & ULONG_MAX)
    if request in (Ptrace.GETREGSET, Ptrace.SETREGSET):
        return value_name(addr & 0xFFFFFFFF, Nt, "NT_")
    return pointer(addr)


def _signal(data: int) -> str:
    return signame(data) if 0 < data <= NSIG else str(data if data < 1 << 31 else data - (1 << 32))


def _registers(shown: Shown, at: int) -> str:
    values = shown.read(shown.args[at], _REGS)
    if values is None:
        return pointer(shown.args[at])
    return "{" + ", ".join(f"{name}={hexadecimal(value)}" for name, value in zip(_USER_REGS, values, strict=True)) + "}"


def _data(shown: Shown, at: int) -> str | None:
    request, data = shown.args[0], shown.args[at]
    if request == Ptrace.TRACEME or request in _PID_ALONE:
        return None
    if isinstance(data, int):
        if request in _SIGNALS:
            return _signal(data & 0xFFFFFFFF)
        if request in _OPTIONS:
            return flag_names(data & ULONG_MAX, PtraceO, "PTRACE_O_")
    if request in (Ptrace.GETREGSET, Ptrace.SETREGSET):
        vec = shown.read(data, _IOVEC)
        return pointer(data) if vec is None else f"{{iov_base={pointer(vec[0])}, iov_len={vec[1]}}}"
    if request == Ptrace.SETSIGINFO:
        return STRUCTS["siginfo_t"](shown, at)
    if request == Ptrace.SETREGS:
        return _registers(shown, at)
    if shown.failed:
        return pointer(data)
    return _answer(shown, at)


def _answer(shown: Shown, at: int) -> str | None:
    """What a request that went well has stored."""
    request, data = shown.args[0], shown.args[at]
    if request in _WORDS or request == Ptrace.GETEVENTMSG:
        word = shown.read(data, _WORD)
        if word is None:
            return pointer(data)
        return f"[{word[0]}]" if request == Ptrace.GETEVENTMSG else f"[{hexadecimal(word[0])}]"
    if request == Ptrace.GETSIGINFO:
        return STRUCTS["siginfo_t"](shown, at)
    if request == Ptrace.GETREGS:
        return _registers(shown, at)
    return pointer(data)


PTRACE_PRINTERS: Final[dict[str, Printer]] = {"ptrace_pid": _pid, "ptrace_addr": _addr, "ptrace_data": _data}
