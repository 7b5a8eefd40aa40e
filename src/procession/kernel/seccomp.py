"""Filters of system calls in classic BPF (kernel/seccomp.c, as of 6.18).

Differs: they hold for ELF programs, not for Python ones. SECCOMP_RET_USER_NOTIF is refused: no filter gets a listener.
The limit on all filters of a task counts instructions as they are given, not as Linux translates them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import MAX_ERRNO, Errno, LinuxError
from procession.include.linux.filter import (
    BPF_A,
    BPF_ABS,
    BPF_ADD,
    BPF_ALU,
    BPF_AND,
    BPF_CLASS_MASK,
    BPF_DIV,
    BPF_IMM,
    BPF_JA,
    BPF_JEQ,
    BPF_JGE,
    BPF_JGT,
    BPF_JMP,
    BPF_JSET,
    BPF_K,
    BPF_LD,
    BPF_LDX,
    BPF_LEN,
    BPF_LSH,
    BPF_MAXINSNS,
    BPF_MEM,
    BPF_MISC,
    BPF_MUL,
    BPF_NEG,
    BPF_OR,
    BPF_RET,
    BPF_RSH,
    BPF_S_ANC_SECCOMP_LD_W,
    BPF_ST,
    BPF_STX,
    BPF_SUB,
    BPF_TAX,
    BPF_TXA,
    BPF_X,
    BPF_XOR,
    SOCK_FILTER,
    SOCK_FPROG,
)
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.ptrace import PTRACE_EVENT_SECCOMP, ptrace_event_enabled
from procession.include.linux.sched import threads_from
from procession.include.linux.seccomp import (
    MAX_INSNS_PER_PATH,
    SECCOMP_DATA,
    SECCOMP_FILTER_FLAG_LOG,
    SECCOMP_FILTER_FLAG_NEW_LISTENER,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    SECCOMP_FILTER_FLAG_TSYNC,
    SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
    SECCOMP_GET_ACTION_AVAIL,
    SECCOMP_MODE_FILTER,
    SECCOMP_MODE_STRICT,
    SECCOMP_RET_ACTION_FULL,
    SECCOMP_RET_ALLOW,
    SECCOMP_RET_DATA,
    SECCOMP_RET_ERRNO,
    SECCOMP_RET_KILL_PROCESS,
    SECCOMP_RET_KILL_THREAD,
    SECCOMP_RET_LOG,
    SECCOMP_RET_TRACE,
    SECCOMP_RET_TRAP,
    SECCOMP_SET_MODE_FILTER,
    SECCOMP_SET_MODE_STRICT,
    SECCOMP_WORDS,
    SYS_SECCOMP,
    SeccompArg,
    SeccompFlagsArg,
    SeccompOpArg,
)
from procession.include.linux.signal import SIGSYS, Siginfo
from procession.include.linux.syscalls import later_syscall
from procession.kernel import capability, exit, pid, ptrace, signal_send
from procession.mm import uaccess
from procession.net.core.filter import Packet, sk_chk_filter, sk_run_filter

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.core.filter import Program

__all__ = ("SeccompFilter", "act", "run_filters", "set_mode_filter", "sys_seccomp")

_FLAGS: Final = (
    SECCOMP_FILTER_FLAG_TSYNC
    | SECCOMP_FILTER_FLAG_LOG
    | SECCOMP_FILTER_FLAG_SPEC_ALLOW
    | SECCOMP_FILTER_FLAG_TSYNC_ESRCH
)
_ACTIONS: Final = (
    SECCOMP_RET_KILL_PROCESS,
    SECCOMP_RET_KILL_THREAD,
    SECCOMP_RET_TRAP,
    SECCOMP_RET_ERRNO,
    SECCOMP_RET_TRACE,
    SECCOMP_RET_LOG,
    SECCOMP_RET_ALLOW,
)
_OPERATIONS: Final = (BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_LSH, BPF_RSH, BPF_XOR)
_JUMPS: Final = (BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET)
_KNOWN: Final = frozenset(
    (
        BPF_LD | BPF_ABS,
        BPF_LD | BPF_LEN,
        BPF_LD | BPF_IMM,
        BPF_LD | BPF_MEM,
        BPF_LDX | BPF_LEN,
        BPF_LDX | BPF_IMM,
        BPF_LDX | BPF_MEM,
        BPF_ST,
        BPF_STX,
        BPF_RET | BPF_K,
        BPF_RET | BPF_A,
        BPF_ALU | BPF_NEG,
        BPF_MISC | BPF_TAX,
        BPF_MISC | BPF_TXA,
        BPF_JMP | BPF_JA,
        *(BPF_ALU | op | operand for op in _OPERATIONS for operand in (BPF_K, BPF_X)),
        *(BPF_JMP | op | operand for op in _JUMPS for operand in (BPF_K, BPF_X)),
    )
)


class SeccompFilter:
    """A filter, and those that were installed before it (struct seccomp_filter). total: instructions of all of them."""

    __slots__ = ("prev", "prog", "total")

    def __init__(self, prog: Program, prev: SeccompFilter | None) -> None:
        self.prog = prog
        self.prev = prev
        self.total: int = len(prog) + (0 if prev is None else prev.total + 4)


# Programs.


def _seccomp_check_filter(prog: Program) -> Program:
    """Return a program as it runs over a seccomp_data; raises EINVAL if it looks beyond that (seccomp_check_filter)."""
    found = []
    for code, jt, jf, k in prog:
        if code in (BPF_ALU | BPF_LSH, BPF_ALU | BPF_RSH) and k >= 32:
            raise LinuxError(Errno.EINVAL, "filter: a wide shift")
        if code == BPF_LD | BPF_ABS:
            if k & 3 or k >= SECCOMP_DATA.size:
                raise LinuxError(Errno.EINVAL, "filter: no such word of seccomp_data")
            found.append((BPF_LD | BPF_S_ANC_SECCOMP_LD_W, jt, jf, k))
        elif code in (BPF_LD | BPF_LEN, BPF_LDX | BPF_LEN):
            found.append((code & BPF_CLASS_MASK | BPF_IMM, jt, jf, SECCOMP_DATA.size))
        else:
            found.append((code, jt, jf, k))
    return found


def run_filters(current: Task, nr: int, arch: int, ip: int, args: tuple[int, ...]) -> int:
    """Return what current's filters say of a call: of several the gravest action (seccomp_run_filters)."""
    data = Packet(b"", {}, SECCOMP_WORDS.unpack(SECCOMP_DATA.pack(nr, arch, ip, *args)))
    verdict = SECCOMP_RET_ALLOW
    f: SeccompFilter | None = current.seccomp_filter
    while f is not None:
        answer = sk_run_filter(f.prog, data)
        if _gravity(answer) < _gravity(verdict):
            verdict = answer
        f = f.prev
    return verdict


def _gravity(answer: int) -> int:
    """Return the action as a signed number: the lower, the graver."""
    action = answer & SECCOMP_RET_ACTION_FULL
    return action - (1 << 32) if action >> 31 else action


async def act(current: Task, nr: int, arch: int, ip: int, verdict: int) -> tuple[bool, int]:
    """Do what the filters have decided; returns whether the call is made after all, and if not its result.

    May end the thread or the process (__seccomp_filter).
    """
    action, data = verdict & SECCOMP_RET_ACTION_FULL, verdict & SECCOMP_RET_DATA
    if action in (SECCOMP_RET_ALLOW, SECCOMP_RET_LOG):
        return True, 0
    if action == SECCOMP_RET_ERRNO:
        return False, -min(data, MAX_ERRNO)
    info = Siginfo(signo=SIGSYS, errno=data, code=SYS_SECCOMP, addr=ip, value=(arch << 32 | nr & UINT_MAX))
    if action == SECCOMP_RET_TRAP:
        signal_send.force_sig_info(SIGSYS, info, current)
        return False, nr
    if action == SECCOMP_RET_TRACE:
        if not ptrace_event_enabled(current, PTRACE_EVENT_SECCOMP):
            return False, -Errno.ENOSYS
        await ptrace.ptrace_event(current, PTRACE_EVENT_SECCOMP, data)
        return True, 0
    # SECCOMP_RET_KILL_PROCESS, KILL_THREAD, and what nobody knows.
    if action == SECCOMP_RET_KILL_THREAD and current.signal.live > 1:
        await exit.do_exit(current, SIGSYS)
    sighand = current.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        sighand.action[SIGSYS - 1] = sighand.action[SIGSYS - 1].reset()
    signal_send.force_sig_info(SIGSYS, info, current)
    return False, nr


# Installing.


def _prepare_filter(current: Task, ptr: UserPtr) -> SeccompFilter:
    """Return the filter that a struct sock_fprog describes; raises EFAULT, EINVAL, EACCES, ENOMEM."""
    length, where = SOCK_FPROG.unpack(uaccess.copy_from_user(current, ptr, SOCK_FPROG.size))
    if not 1 <= length <= BPF_MAXINSNS:
        raise LinuxError(Errno.EINVAL, f"a filter of {length} instructions")
    if not current.no_new_privs and not capability.nsown_capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EACCES, "a filter without no_new_privs")
    prog = list(SOCK_FILTER.iter_unpack(uaccess.copy_from_user(current, where, length * SOCK_FILTER.size)))
    sk_chk_filter(prog, _KNOWN)
    made = SeccompFilter(_seccomp_check_filter(prog), current.seccomp_filter)
    if made.total > MAX_INSNS_PER_PATH:
        raise LinuxError(Errno.ENOMEM, "too many instructions in all filters")
    return made


def _may_assign(current: Task, mode: int) -> None:
    if current.seccomp_mode not in (0, mode):
        raise LinuxError(Errno.EINVAL, "another seccomp mode is for good")


def set_mode_filter(current: Task, flags: int, filter: UserPtr) -> int:
    """Install a filter (seccomp_set_mode_filter); returns 0, or with TSYNC the thread that cannot take it."""
    if flags & SECCOMP_FILTER_FLAG_NEW_LISTENER:
        current.kernel.not_modelled("seccomp: SECCOMP_FILTER_FLAG_NEW_LISTENER")
        raise LinuxError(Errno.EINVAL, "seccomp: SECCOMP_FILTER_FLAG_NEW_LISTENER")
    if flags & ~_FLAGS:
        raise LinuxError(Errno.EINVAL, "seccomp: unknown flags")
    made = _prepare_filter(current, filter)
    _may_assign(current, SECCOMP_MODE_FILTER)
    others = [t for t in threads_from(current)[1:] if not t.exit_state] if flags & SECCOMP_FILTER_FLAG_TSYNC else []
    for t in others:
        if not _can_sync(t, current.seccomp_filter):
            if flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH:
                raise LinuxError(Errno.ESRCH, "a thread has a filter of its own")
            return pid.task_pid_vnr(current, t)
    for t in (current, *others):
        t.seccomp_filter = made
        t.seccomp_mode = SECCOMP_MODE_FILTER
        t.no_new_privs = t.no_new_privs or current.no_new_privs
    return 0


def _can_sync(t: Task, ours: SeccompFilter | None) -> bool:
    """Whether a thread has no filter, or one of ours (seccomp_can_sync_threads)."""
    if not t.seccomp_mode:
        return True
    f = ours
    while f is not None and f is not t.seccomp_filter:
        f = f.prev
    return t.seccomp_mode == SECCOMP_MODE_FILTER and f is not None


@later_syscall
def sys_seccomp(current: Task, op: SeccompOpArg, flags: SeccompFlagsArg, uargs: SeccompArg) -> int:
    """Let a filter decide about every later call, or ask what there is (seccomp(2)).

    Raises EINVAL, EFAULT, EACCES without no_new_privs or CAP_SYS_ADMIN, EOPNOTSUPP for an action, ENOMEM, ESRCH.
    """
    if op == SECCOMP_SET_MODE_FILTER:
        return set_mode_filter(current, flags, uargs)
    if flags or (op == SECCOMP_SET_MODE_STRICT and uargs):
        raise LinuxError(Errno.EINVAL, "seccomp: flags or arguments")
    if op == SECCOMP_SET_MODE_STRICT:
        _may_assign(current, SECCOMP_MODE_STRICT)
        current.thread.set_tsc_mode(False)
        current.seccomp_mode = SECCOMP_MODE_STRICT
        return 0
    if op == SECCOMP_GET_ACTION_AVAIL:
        if uaccess.get_user(current, uargs, 4) not in _ACTIONS:
            raise LinuxError(Errno.EOPNOTSUPP, "no such action")
        return 0
    raise LinuxError(Errno.EINVAL, f"seccomp: operation {op}")
