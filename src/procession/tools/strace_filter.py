"""Which calls and signals strace shows: the argument of -e."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import re
from typing import Final

from procession.arch.x86.syscall_table import LATER_CALLS, SYSCALL_NAMES
from procession.include.linux.signal import NSIG, signame
from procession.include.linux.syscalls import SYSCALLS, Syscall

__all__ = ("CLASSES", "Filter", "parse_filters")

# Sets of calls for -e trace=%class, as in strace(1); those about files and descriptors come from the declarations.
CLASSES: Final = {
    "process": frozenset(
        {
            "fork",
            "vfork",
            "clone",
            "clone3",
            "execve",
            "execveat",
            "exit",
            "exit_group",
            "wait4",
            "waitid",
            "kill",
            "tkill",
            "tgkill",
            "rt_sigqueueinfo",
            "rt_tgsigqueueinfo",
            "pidfd_open",
            "pidfd_send_signal",
        }
    ),
    "signal": frozenset(
        {
            "kill",
            "tkill",
            "tgkill",
            "rt_sigaction",
            "rt_sigprocmask",
            "rt_sigreturn",
            "rt_sigpending",
            "rt_sigsuspend",
            "rt_sigtimedwait",
            "rt_sigqueueinfo",
            "rt_tgsigqueueinfo",
            "sigaltstack",
            "pause",
            "signalfd",
            "signalfd4",
            "pidfd_send_signal",
        }
    ),
    "memory": frozenset(
        {
            "brk",
            "mmap",
            "munmap",
            "mprotect",
            "mremap",
            "madvise",
            "msync",
            "mlock",
            "munlock",
            "mlockall",
            "munlockall",
            "mincore",
            "remap_file_pages",
            "mbind",
            "set_mempolicy",
            "get_mempolicy",
            "migrate_pages",
            "move_pages",
        }
    ),
    "network": frozenset(
        {
            "socket",
            "connect",
            "accept",
            "accept4",
            "sendto",
            "recvfrom",
            "sendmsg",
            "recvmsg",
            "shutdown",
            "bind",
            "listen",
            "getsockname",
            "getpeername",
            "socketpair",
            "setsockopt",
            "getsockopt",
            "sendfile",
            "sendmmsg",
            "recvmmsg",
            "getpmsg",
            "putpmsg",
        }
    ),
    "creds": frozenset(
        {
            "getuid",
            "getgid",
            "geteuid",
            "getegid",
            "setuid",
            "setgid",
            "setreuid",
            "setregid",
            "setresuid",
            "getresuid",
            "setresgid",
            "getresgid",
            "setfsuid",
            "setfsgid",
            "getgroups",
            "setgroups",
            "capget",
            "capset",
            "prctl",
        }
    ),
}
_DESCRIPTORS: Final = frozenset({"descriptor", "fd", "int[2]", "pollfd[]", "fd_set"})


@dataclass(slots=True)
class Filter:
    """What to show."""

    call: Callable[[str], bool] | None = None
    signal: Callable[[str], bool] | None = None


def parse_filters(expressions: Sequence[str]) -> Filter:
    """Return what several -e mean together; raises ValueError.

    trace=a,b,%class,/regex or trace=!a; signal=SIGINT,… or signal=!…; without a word before the sign: trace.
    """
    out = Filter()
    for expression in expressions:
        what, equals, names = expression.partition("=")
        if not equals:
            what, names = "trace", expression
        if what in ("trace", "t"):
            out.call = _calls(expression, names)
        elif what in ("signal", "signals", "s"):
            out.signal = _signals(expression, names)
        else:
            raise ValueError(f"-e {expression}: only trace=… and signal=… are known")
    return out


def _calls(expression: str, names: str) -> Callable[[str], bool]:
    negate = names.startswith("!")
    known = {*SYSCALL_NAMES.values(), *(name for name, _ in LATER_CALLS.values())}
    chosen: set[str] = set()
    for item in filter(None, names.removeprefix("!").split(",")):
        name = item.removeprefix("?")
        bare = name.removeprefix("%")
        if name in ("all", "none"):
            chosen |= known if name == "all" else set()
        elif bare in CLASSES:
            chosen |= CLASSES[bare]
        elif bare in ("file", "desc"):
            chosen |= {call.name for call in SYSCALLS.values() if _is_about(call, bare)}
        elif name.startswith("/"):
            chosen |= {call for call in known if _search(expression, name[1:], call)}
        elif name in known:
            chosen.add(name)
        elif name == item:
            raise ValueError(f"-e {expression}: invalid system call {name!r}")
    return lambda name: (name in chosen) != negate


def _search(expression: str, pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error as error:
        raise ValueError(f"-e {expression}: {error}") from error


def _is_about(call: Syscall, what: str) -> bool:
    kinds = {param.arg.kind for param in call.params} | {call.result.kind}
    return "path" in kinds if what == "file" else bool(kinds & _DESCRIPTORS)


def _signals(expression: str, names: str) -> Callable[[str], bool]:
    negate = names.startswith("!")
    known = {signame(n) for n in range(1, NSIG + 1)}
    chosen: set[str] = set()
    for item in filter(None, names.removeprefix("!").split(",")):
        name = item.upper()
        name = signame(int(name)) if name.isdigit() else "SIG" + name.removeprefix("SIG")
        if item in ("all", "none"):
            chosen |= known if item == "all" else set()
        elif name in known:
            chosen.add(name)
        else:
            raise ValueError(f"-e {expression}: invalid signal {item!r}")
    return lambda name: (name in chosen) != negate
