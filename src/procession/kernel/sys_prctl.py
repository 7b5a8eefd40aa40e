"""prctl(2) (the part of kernel/sys.c, and cap_task_prctl of security/commoncap.c; spec 20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from procession.fs import exec
from procession.include.linux.cred import CAP_LAST_CAP, CAP_SETPCAP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.prctl import (
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAP_AMBIENT_IS_SET,
    PR_CAP_AMBIENT_LOWER,
    PR_CAP_AMBIENT_RAISE,
    PR_MCE_KILL_CLEAR,
    PR_MCE_KILL_DEFAULT,
    PR_MCE_KILL_EARLY,
    PR_MCE_KILL_LATE,
    PR_MCE_KILL_SET,
    SECBIT_KEEP_CAPS,
    SECBIT_KEEP_CAPS_LOCKED,
    SECBIT_NO_CAP_AMBIENT_RAISE,
    PrctlArg,
    PrctlArgs,
    PrctlOption,
)
from procession.include.linux.sched import TASK_COMM_LEN, threads_from
from procession.include.linux.seccomp import SECCOMP_MODE_FILTER, SECCOMP_MODE_STRICT
from procession.include.linux.signal import NSIG
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import UserPtr
from procession.kernel import capability, cred, seccomp, user_namespace
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_prctl",)

Option: TypeAlias = "Callable[[Task, Any, int, int, int], int]"

_SECURE_BITS: Final = 0x15
_SECURE_LOCKS: Final = 0x2A
_PR_TSC_ENABLE: Final = 1
_PR_TSC_SIGSEGV: Final = 2
_PF_MCE_PROCESS: Final = 0x80
_PF_MCE_EARLY: Final = 0x8000000


def _invalid(why: str) -> LinuxError:
    return LinuxError(Errno.EINVAL, f"prctl: {why}")


def _set_pdeathsig(current: Task, arg2: int, *rest: int) -> int:
    if arg2 > NSIG:
        raise _invalid("no signal")
    current.pdeath_signal = arg2
    return 0


def _get_pdeathsig(current: Task, arg2: UserPtr, *rest: int) -> int:
    uaccess.put_user(current, arg2, current.pdeath_signal, 4)
    return 0


def _get_dumpable(current: Task, *rest: int) -> int:
    assert current.mm is not None
    return current.mm.dumpable


def _set_dumpable(current: Task, arg2: int, *rest: int) -> int:
    if arg2 > 1:
        raise _invalid("dumpable")
    assert current.mm is not None
    current.mm.dumpable = arg2
    return 0


def _get_keepcaps(current: Task, *rest: int) -> int:
    return int(bool(current.cred.securebits & SECBIT_KEEP_CAPS))


def _set_keepcaps(current: Task, arg2: int, *rest: int) -> int:
    if arg2 > 1:
        raise _invalid("keepcaps")
    bits = current.cred.securebits
    if bits & SECBIT_KEEP_CAPS_LOCKED:
        raise LinuxError(Errno.EPERM, "SECURE_KEEP_CAPS is locked")
    _commit_securebits(current, bits | SECBIT_KEEP_CAPS if arg2 else bits & ~SECBIT_KEEP_CAPS)
    return 0


def _commit_securebits(current: Task, bits: int) -> None:
    new = cred.prepare_creds(current)
    new.securebits = bits
    cred.commit_creds(current, new)


def _get_timing(current: Task, *rest: int) -> int:
    return 0  # PR_TIMING_STATISTICAL, the only one


def _set_timing(current: Task, arg2: int, *rest: int) -> int:
    if arg2:
        raise _invalid("timing")
    return 0


def _set_name(current: Task, arg2: UserPtr, *rest: int) -> int:
    # What is longer is cut, and nothing beyond is looked at.
    try:
        name = uaccess.strncpy_from_user(current, arg2, TASK_COMM_LEN)
    except LinuxError as error:
        if error.errno != Errno.ENAMETOOLONG:
            raise
        name = uaccess.copy_from_user(current, arg2, TASK_COMM_LEN - 1)
    exec.set_task_comm(current, string.to_text(name[: TASK_COMM_LEN - 1]))
    return 0


def _get_name(current: Task, arg2: UserPtr, *rest: int) -> int:
    uaccess.copy_to_user(current, arg2, string.to_bytes(current.comm).ljust(TASK_COMM_LEN, b"\0"))
    return 0


def _get_seccomp(current: Task, *rest: int) -> int:
    return current.seccomp_mode


def _set_seccomp(current: Task, arg2: int, *rest: int) -> int:
    if arg2 == SECCOMP_MODE_FILTER and "SECCOMP_MODE_FILTER" in current.kernel.later:
        return seccomp.set_mode_filter(current, 0, rest[0])
    if current.seccomp_mode == SECCOMP_MODE_FILTER:
        raise _invalid("another seccomp mode is for good")
    if current.seccomp_mode:
        raise LinuxError(Errno.EPERM, "seccomp is for good")
    if arg2 != SECCOMP_MODE_STRICT:
        raise _invalid("seccomp mode")
    current.thread.set_tsc_mode(False)
    current.seccomp_mode = arg2
    return 0


def _capbset_read(current: Task, arg2: int, *rest: int) -> int:
    if arg2 > CAP_LAST_CAP:
        raise _invalid("no capability")
    return current.cred.cap_bset >> arg2 & 1


def _capbset_drop(current: Task, arg2: int, *rest: int) -> int:
    if not capability.ns_capable(current, user_namespace.admin_ns(current.kernel, current.cred), CAP_SETPCAP):
        raise LinuxError(Errno.EPERM, "CAP_SETPCAP")
    if arg2 > CAP_LAST_CAP:
        raise _invalid("no capability")
    new = cred.prepare_creds(current)
    new.cap_bset &= ~(1 << arg2)
    cred.commit_creds(current, new)
    return 0


def _get_tsc(current: Task, arg2: UserPtr, *rest: int) -> int:
    mode = _PR_TSC_ENABLE if current.thread.get_tsc_mode() else _PR_TSC_SIGSEGV
    uaccess.put_user(current, arg2, mode, 4)
    return 0


def _set_tsc(current: Task, arg2: int, *rest: int) -> int:
    if arg2 not in (_PR_TSC_ENABLE, _PR_TSC_SIGSEGV):
        raise _invalid("TSC mode")
    current.thread.set_tsc_mode(arg2 == _PR_TSC_ENABLE)
    return 0


def _get_securebits(current: Task, *rest: int) -> int:
    return current.cred.securebits


def _set_securebits(current: Task, arg2: int, *rest: int) -> int:
    bits = current.cred.securebits
    if (
        (bits & _SECURE_LOCKS) >> 1 & (bits ^ arg2)  # a locked bit would change
        or bits & _SECURE_LOCKS & ~arg2  # a lock would be opened
        or arg2 & ~(_SECURE_BITS | _SECURE_LOCKS)
        or not capability.own_capability(current, CAP_SETPCAP)
    ):
        raise LinuxError(Errno.EPERM, "securebits")
    _commit_securebits(current, arg2)
    return 0


def _set_timerslack(current: Task, arg2: int, *rest: int) -> int:
    current.timer_slack_ns = arg2 or current.default_timer_slack_ns
    return 0


def _get_timerslack(current: Task, *rest: int) -> int:
    return current.timer_slack_ns


def _task_perf_events(current: Task, *rest: int) -> int:
    return 0  # there are none to switch


def _mce_kill(current: Task, arg2: int, arg3: int, *rest: int) -> int:
    if any(rest) or (arg2 == PR_MCE_KILL_CLEAR and arg3) or arg2 not in (PR_MCE_KILL_CLEAR, PR_MCE_KILL_SET):
        raise _invalid("machine-check policy")
    if arg2 == PR_MCE_KILL_CLEAR:
        current.flags &= ~_PF_MCE_PROCESS
        return 0
    # As in 3.2, a policy that it does not know has begun to be set.
    current.flags |= _PF_MCE_PROCESS
    if arg3 == PR_MCE_KILL_EARLY:
        current.flags |= _PF_MCE_EARLY
    elif arg3 == PR_MCE_KILL_LATE:
        current.flags &= ~_PF_MCE_EARLY
    elif arg3 == PR_MCE_KILL_DEFAULT:
        current.flags &= ~(_PF_MCE_EARLY | _PF_MCE_PROCESS)
    else:
        raise _invalid("machine-check policy")
    return 0


def _mce_kill_get(current: Task, *args: int) -> int:
    if any(args):
        raise _invalid("machine-check policy")
    if not current.flags & _PF_MCE_PROCESS:
        return PR_MCE_KILL_DEFAULT
    return PR_MCE_KILL_EARLY if current.flags & _PF_MCE_EARLY else PR_MCE_KILL_LATE


# What came later.


def _set_child_subreaper(current: Task, arg2: int, *rest: int) -> int:
    """Adopt the orphans among one's descendants from now on, those there are included, or not any more."""
    current.signal.is_child_subreaper = bool(arg2)
    if arg2:
        with current.kernel.tasklist_lock.read():
            below = list(threads_from(current))
            while below:
                for child in below.pop().children:
                    # What is below one that knows has been told.
                    if not child.signal.has_child_subreaper and child.signal.sigcnt:
                        child.signal.has_child_subreaper = True
                        below += threads_from(child)
    return 0


def _get_child_subreaper(current: Task, arg2: UserPtr, *rest: int) -> int:
    uaccess.put_user(current, arg2, int(current.signal.is_child_subreaper), 4)
    return 0


def _set_no_new_privs(current: Task, arg2: int, *rest: int) -> int:
    if arg2 != 1 or any(rest):
        raise _invalid("no_new_privs")
    current.no_new_privs = True
    return 0


def _get_no_new_privs(current: Task, *args: int) -> int:
    if any(args):
        raise _invalid("no_new_privs")
    return int(current.no_new_privs)


def _cap_ambient(current: Task, arg2: int, arg3: int, *rest: int) -> int:
    """Look at or change the capabilities that an exec keeps (cap_task_prctl)."""
    if arg2 == PR_CAP_AMBIENT_CLEAR_ALL:
        if arg3 or any(rest):
            raise _invalid("PR_CAP_AMBIENT_CLEAR_ALL")
        return _set_ambient(current, 0)
    if arg3 > CAP_LAST_CAP or any(rest):
        raise _invalid("no capability")
    old, bit = current.cred, 1 << arg3
    if arg2 == PR_CAP_AMBIENT_IS_SET:
        return int(bool(old.cap_ambient & bit))
    if arg2 == PR_CAP_AMBIENT_LOWER:
        return _set_ambient(current, old.cap_ambient & ~bit)
    if arg2 != PR_CAP_AMBIENT_RAISE:
        raise _invalid("PR_CAP_AMBIENT")
    if not old.cap_permitted & old.cap_inheritable & bit or old.securebits & SECBIT_NO_CAP_AMBIENT_RAISE:
        raise LinuxError(Errno.EPERM, "an ambient capability has to be permitted and inheritable")
    return _set_ambient(current, old.cap_ambient | bit)


def _set_ambient(current: Task, caps: int) -> int:
    new = cred.prepare_creds(current)
    new.cap_ambient = caps
    cred.commit_creds(current, new)
    return 0


# Option -> the name in include/linux/later.py, and what it does.
_LATER: Final[dict[int, tuple[str, Option]]] = {
    36: ("PR_SET_CHILD_SUBREAPER", _set_child_subreaper),
    37: ("PR_SET_CHILD_SUBREAPER", _get_child_subreaper),
    38: ("PR_SET_NO_NEW_PRIVS", _set_no_new_privs),
    39: ("PR_SET_NO_NEW_PRIVS", _get_no_new_privs),
    47: ("PR_CAP_AMBIENT", _cap_ambient),
}

_OPTIONS: Final[dict[int, Option]] = {
    1: _set_pdeathsig,
    2: _get_pdeathsig,
    3: _get_dumpable,
    4: _set_dumpable,
    7: _get_keepcaps,
    8: _set_keepcaps,
    13: _get_timing,
    14: _set_timing,
    15: _set_name,
    16: _get_name,
    21: _get_seccomp,
    22: _set_seccomp,
    23: _capbset_read,
    24: _capbset_drop,
    25: _get_tsc,
    26: _set_tsc,
    27: _get_securebits,
    28: _set_securebits,
    29: _set_timerslack,
    30: _get_timerslack,
    31: _task_perf_events,
    32: _task_perf_events,
    33: _mce_kill,
    34: _mce_kill_get,
}

_WITH_POINTER: Final = frozenset({2, 15, 16, 25, 37})


@syscall
def sys_prctl(
    current: Task, option: PrctlOption, arg2: PrctlArg, arg3: PrctlArgs, arg4: PrctlArgs, arg5: PrctlArgs
) -> int:
    """Get or set a property of the process; raises EINVAL for what 3.2 does not know, EPERM, EFAULT (prctl(2))."""
    handler = _OPTIONS.get(option)
    if handler is None and option in _LATER and _LATER[option][0] in current.kernel.later:
        handler = _LATER[option][1]
    if handler is None:
        raise _invalid(f"option {option}")
    if not isinstance(arg2, int) and option not in _WITH_POINTER:
        raise LinuxError(Errno.EFAULT, "prctl: a buffer where a number belongs")
    return handler(current, arg2, arg3, arg4, arg5)
