"""Filters of system calls in classic BPF (kernel/seccomp.c, net/core/filter.c, as of 6.18).

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
    BPF_MEMWORDS,
    BPF_MISC,
    BPF_MUL,
    BPF_NEG,
    BPF_OP_MASK,
    BPF_OR,
    BPF_RET,
    BPF_RSH,
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

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("SeccompFilter", "act", "run_filters", "set_mode_filter", "sys_seccomp")

_DATA_SIZE: Final = 64
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

Instruction = tuple[int, int, int, int]


class SeccompFilter:
    """A filter, and those that were installed before it (struct seccomp_filter). total: instructions of all of them."""

    __slots__ = ("prev", "prog", "total")

    def __init__(self, prog: list[Instruction], prev: SeccompFilter | None) -> None:
        self.prog = prog
        self.prev = prev
        self.total: int = len(prog) + (0 if prev is None else prev.total + 4)


# Programs.


def _check_program(prog: list[Instruction]) -> None:
    """Refuse a program that could do anything but compute and end (bpf_check_classic, seccomp_check_filter)."""
    size = len(prog)
    for pc, (code, jt, jf, k) in enumerate(prog):
        kind = code & BPF_CLASS_MASK
        if code not in _KNOWN:
            raise LinuxError(Errno.EINVAL, f"filter: instruction {code:#x}")
        if code == BPF_ALU | BPF_DIV and not k:
            raise LinuxError(Errno.EINVAL, "filter: division by 0")
        if code in (BPF_ALU | BPF_LSH, BPF_ALU | BPF_RSH) and k >= 32:
            raise LinuxError(Errno.EINVAL, "filter: a wide shift")
        if (kind in (BPF_ST, BPF_STX) or code in (BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM)) and k >= BPF_MEMWORDS:
            raise LinuxError(Errno.EINVAL, "filter: no such word of memory")
        far = k if code == BPF_JMP | BPF_JA else max(jt, jf)
        if kind == BPF_JMP and pc + far + 1 >= size:
            raise LinuxError(Errno.EINVAL, "filter: a jump beyond the end")
        if code == BPF_LD | BPF_ABS and (k & 3 or k >= _DATA_SIZE):
            raise LinuxError(Errno.EINVAL, "filter: no such word of seccomp_data")
    if prog[-1][0] not in (BPF_RET | BPF_K, BPF_RET | BPF_A):
        raise LinuxError(Errno.EINVAL, "filter: its end is no return")
    _check_load_and_stores(prog)


def _check_load_and_stores(prog: list[Instruction]) -> None:
    """Refuse a program that reads memory which it may not have written (check_load_and_stores)."""
    valid = 0
    masks = [0xFFFF] * len(prog)
    for pc, (code, jt, jf, k) in enumerate(prog):
        valid &= masks[pc]
        if code in (BPF_ST, BPF_STX):
            valid |= 1 << k
        elif code in (BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM):
            if not valid >> k & 1:
                raise LinuxError(Errno.EINVAL, "filter: memory that was never written")
        elif code == BPF_JMP | BPF_JA:
            masks[pc + 1 + k] &= valid
            valid = 0xFFFF
        elif code & BPF_CLASS_MASK == BPF_JMP:
            masks[pc + 1 + jt] &= valid
            masks[pc + 1 + jf] &= valid
            valid = 0xFFFF


def _run(prog: list[Instruction], data: tuple[int, ...]) -> int:
    """Run a program over the 16 words of a seccomp_data; returns what it returns."""
    a = x = pc = 0
    mem = [0] * BPF_MEMWORDS
    while True:
        code, jt, jf, k = prog[pc]
        pc += 1
        kind = code & BPF_CLASS_MASK
        operand = x if code & BPF_X else k
        if kind == BPF_JMP:
            pc += k if code == BPF_JMP | BPF_JA else jt if _compare(code & BPF_OP_MASK, a, operand) else jf
        elif kind == BPF_RET:
            return a if code & BPF_A else k
        elif kind == BPF_LD:
            a = _load(code, k, mem, data)
        elif kind == BPF_LDX:
            x = _load(code & ~BPF_LDX, k, mem, data)
        elif kind == BPF_ALU:
            if code == BPF_ALU | BPF_DIV | BPF_X and not x:
                return 0
            a = _compute(code & BPF_OP_MASK, a, operand)
        elif kind == BPF_ST:
            mem[k] = a
        elif kind == BPF_STX:
            mem[k] = x
        elif code & BPF_TXA:
            a = x
        else:
            x = a


def _compare(op: int, a: int, operand: int) -> bool:
    if op == BPF_JEQ:
        return a == operand
    if op == BPF_JGT:
        return a > operand
    return a >= operand if op == BPF_JGE else bool(a & operand)


def _load(code: int, k: int, mem: list[int], data: tuple[int, ...]) -> int:
    if code == BPF_LD | BPF_ABS:
        return data[k >> 2]
    if code == BPF_LD | BPF_MEM:
        return mem[k]
    return k if code == BPF_LD | BPF_IMM else _DATA_SIZE


def _compute(op: int, a: int, operand: int) -> int:
    if op == BPF_ADD:
        a += operand
    elif op == BPF_SUB:
        a -= operand
    elif op == BPF_MUL:
        a *= operand
    elif op == BPF_DIV:
        a //= operand
    elif op == BPF_AND:
        a &= operand
    elif op == BPF_OR:
        a |= operand
    elif op == BPF_XOR:
        a ^= operand
    elif op == BPF_LSH:
        a <<= operand & 31
    elif op == BPF_RSH:
        a >>= operand & 31
    else:
        a = -a
    return a & UINT_MAX


def run_filters(current: Task, nr: int, arch: int, ip: int, args: tuple[int, ...]) -> int:
    """Return what current's filters say of a call: of several the gravest action (seccomp_run_filters)."""
    data = SECCOMP_WORDS.unpack(SECCOMP_DATA.pack(nr, arch, ip, *args))
    verdict = SECCOMP_RET_ALLOW
    f: SeccompFilter | None = current.seccomp_filter
    while f is not None:
        answer = _run(f.prog, data)
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
    if not current.no_new_privs and not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EACCES, "a filter without no_new_privs")
    prog = list(SOCK_FILTER.iter_unpack(uaccess.copy_from_user(current, where, length * SOCK_FILTER.size)))
    _check_program(prog)
    made = SeccompFilter(prog, current.seccomp_filter)
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
