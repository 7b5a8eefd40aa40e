"""How strace prints the arguments of keyctl(2)."""

from __future__ import annotations

from typing import Any, Final

from procession.include.linux.errno import Errno
from procession.include.linux.key import KeyctlOp, KeySpec
from procession.include.linux.limits import UINT_MAX
from procession.tools.strace_args import hexadecimal, pointer, value_name
from procession.tools.strace_files import iovec
from procession.tools.strace_structs import Printer, Shown

__all__ = ("KEY_PRINTERS",)

# Of each operation's arguments: k a key, d a number, u an unsigned one, e an errno, x permissions, r where requested
# keys go, s a string, b memory whose length the next one is, o memory that was stored to, v a struct iovec array.
_KINDS: Final = {
    KeyctlOp.GET_KEYRING_ID: "kd",
    KeyctlOp.JOIN_SESSION_KEYRING: "s",
    KeyctlOp.UPDATE: "kbu",
    KeyctlOp.REVOKE: "k",
    KeyctlOp.CHOWN: "kdd",
    KeyctlOp.SETPERM: "kx",
    KeyctlOp.DESCRIBE: "kou",
    KeyctlOp.CLEAR: "k",
    KeyctlOp.LINK: "kk",
    KeyctlOp.UNLINK: "kk",
    KeyctlOp.SEARCH: "kssk",
    KeyctlOp.READ: "kou",
    KeyctlOp.INSTANTIATE: "kbuk",
    KeyctlOp.NEGATE: "kuk",
    KeyctlOp.SET_REQKEY_KEYRING: "r",
    KeyctlOp.SET_TIMEOUT: "ku",
    KeyctlOp.ASSUME_AUTHORITY: "k",
    KeyctlOp.GET_SECURITY: "kou",
    KeyctlOp.SESSION_TO_PARENT: "",
    KeyctlOp.REJECT: "kuek",
    KeyctlOp.INSTANTIATE_IOV: "kvuk",
}
_ACTIONS: Final = ("VIEW", "READ", "WRITE", "SEARCH", "LINK", "SETATTR")
_WHOSE: Final = (("POS", 24), ("USR", 16), ("GRP", 8), ("OTH", 0))
_REQKEY: Final = (
    "NO_CHANGE",
    "DEFAULT",
    "THREAD_KEYRING",
    "PROCESS_KEYRING",
    "SESSION_KEYRING",
    "USER_KEYRING",
    "USER_SESSION_KEYRING",
    "GROUP_KEYRING",
    "REQUESTOR_KEYRING",
)


def _signed(value: int) -> int:
    value &= UINT_MAX
    return value - (1 << 32) if value >> 31 else value


def _permissions(value: int) -> str:
    names = [
        f"KEY_{whose}_{action}"
        for whose, shift in _WHOSE
        for bit, action in enumerate(_ACTIONS)
        if value >> shift + bit & 1
    ]
    left = value & ~0x3F3F3F3F
    if left:
        names.append(f"{left:#x}" if names else f"{left:#x} /* KEY_??? */")
    return "|".join(names) or "0"


def _reqkey(value: int) -> str:
    if -1 <= value < len(_REQKEY) - 1:
        return f"KEY_REQKEY_DEFL_{_REQKEY[value + 1]}"
    return f"{value} /* KEY_REQKEY_DEFL_??? */"


def _key(value: int) -> str:
    return value_name(value, KeySpec, "KEY_SPEC_") if KeySpec.REQUESTOR_KEYRING <= value < 0 else str(value)


def _number(kind: str, value: int) -> str:
    if kind == "k":
        return _key(_signed(value))
    if kind == "x":
        return _permissions(value & UINT_MAX)
    if kind == "r":
        return _reqkey(_signed(value))
    if kind == "e":
        return Errno(value).name if value in Errno.__members__.values() else str(value & UINT_MAX)
    return str(value & UINT_MAX if kind == "u" else _signed(value))


def _memory(shown: Shown, at: int, kind: str, value: Any) -> str:
    if kind == "s":
        return "NULL" if isinstance(value, int) and not value else shown.string(value, shown.style.limit)
    length = shown.args[at + 1]
    if kind == "v":
        return iovec(shown, value, length & UINT_MAX, size=None)
    if kind == "o":
        if shown.failed or not isinstance(shown.ret, int):
            return pointer(value)
        length = min(length, shown.ret)
    return shown.data(value, length)


def _keyctl_arg(shown: Shown, at: int) -> str | None:
    kinds = _KINDS.get(shown.args[0])
    value = shown.args[at]
    if kinds is None:
        return hexadecimal(value) if isinstance(value, int) else pointer(value)
    if at > len(kinds):
        return None
    kind = kinds[at - 1]
    if kind in "sbov":
        return _memory(shown, at, kind, value)
    return _number(kind, value) if isinstance(value, int) else pointer(value)


KEY_PRINTERS: Final[dict[str, Printer]] = {"keyctl_arg": _keyctl_arg}
