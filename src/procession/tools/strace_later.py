"""How strace prints what calls take that came after 3.2."""

from __future__ import annotations

import struct
from typing import Final

from procession.include.linux.clone3 import CLONE_ARGS, CLONE_ARGS_SIZE_VER0, CLONE_INTO_CGROUP, CLONE_PIDFD
from procession.include.linux.errno import Errno
from procession.include.linux.fcntl import O_CREAT, AtFlags
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.openat2 import OPEN_HOW, TMPFILE_BIT, Resolve
from procession.include.linux.sched import (
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_PARENT_SETTID,
    CLONE_SETTLS,
    CloneFlags,
    SchedPolicy,
)
from procession.include.linux.sched_attr import (
    FUTEX2_PRIVATE,
    FUTEX2_SIZE_U32,
    FUTEX_WAITV,
    KCMP_FILE,
    MEMBARRIER_CMD_FLAG_CPU,
    MEMBARRIER_CMD_QUERY,
    SCHED_ATTR,
    SCHED_ATTR_SIZE_VER0,
    SCHED_FLAG_ALL,
    SCHED_FLAG_KEEP_PARAMS,
    SCHED_FLAG_KEEP_POLICY,
    Kcmp,
    Membarrier,
)
from procession.include.linux.seccomp import (
    SECCOMP_GET_ACTION_AVAIL,
    SECCOMP_RET_ACTION_FULL,
    SECCOMP_SET_MODE_FILTER,
    SeccompFilterFlags,
)
from procession.include.linux.signal import signame
from procession.include.linux.stat import (
    AT_STATX_DONT_SYNC,
    AT_STATX_FORCE_SYNC,
    AT_STATX_SYNC_TYPE,
    STATX,
    STATX_ATTR_MOUNT_ROOT,
    StatxMask,
)
from procession.tools.strace_args import comment_time, constant, flag_names, hexadecimal, pointer, quote, value_name
from procession.tools.strace_files import file_mode, open_flags
from procession.tools.strace_structs import INT, UINT, Printer, Shown, array

__all__ = ("LATER_PRINTERS", "LATER_RESULTS", "sock_fprog")


def _random_buf(shown: Shown, at: int) -> str:
    """Bytes, all of them in hexadecimal."""
    if shown.failed:
        return pointer(shown.args[at])
    count = min(shown.ret or 0, shown.args[at + 1])
    raw = shown.peek(shown.args[at], 0, min(count, shown.style.limit))
    if raw is None:
        return pointer(shown.args[at])
    return quote(raw, cut=count > len(raw), hexed="all")


def _open_how(shown: Shown, at: int) -> str:
    ptr, size = shown.args[at], shown.args[at + 1]
    fields = shown.read(ptr, OPEN_HOW) if size >= OPEN_HOW.size else None
    if fields is None:
        return pointer(ptr)
    flags, mode, resolve = fields
    text = f"{{flags={open_flags(flags)}" + (f"|{flags >> 32 << 32:#x}" if flags >> 32 else "")
    if flags & (O_CREAT | TMPFILE_BIT) or mode:
        text += f", mode=0{mode:02o}" if mode else ", mode=000"
    text += f", resolve={flag_names(resolve, Resolve, 'RESOLVE_')}"
    return text + (", ...}" if size > OPEN_HOW.size else "}")


def _faccessat_flags(shown: Shown, at: int) -> str:
    # The same bit has another name where something is removed.
    return flag_names(shown.args[at] & UINT_MAX, AtFlags, "AT_").replace("AT_REMOVEDIR", "AT_EACCESS")


_SYNC: Final = {
    0: "AT_STATX_SYNC_AS_STAT",
    AT_STATX_FORCE_SYNC: "AT_STATX_FORCE_SYNC",
    AT_STATX_DONT_SYNC: "AT_STATX_DONT_SYNC",
    AT_STATX_SYNC_TYPE: "AT_STATX_FORCE_SYNC|AT_STATX_DONT_SYNC",
}


def _statx_flags(shown: Shown, at: int) -> str:
    value = shown.args[at] & 0xFFFFFFFF
    kind, rest = value & AT_STATX_SYNC_TYPE, value & ~AT_STATX_SYNC_TYPE
    return f"{_SYNC[kind]}|{flag_names(rest, AtFlags, 'AT_')}" if rest else _SYNC[kind]


def _statx(shown: Shown, at: int) -> str:
    fields = shown.read(shown.args[at], STATX)
    if fields is None or shown.failed:
        return pointer(shown.args[at])
    mask, blksize, attributes, nlink, uid, gid, mode, ino, size, blocks, attributes_mask, *rest = fields
    text = f"{{stx_mask={flag_names(mask, StatxMask, '', None, 'STATX_???')}"
    if not shown.style.abbrev:
        text += f", stx_blksize={blksize}"
    text += f", stx_attributes={_attributes(attributes)}"
    if not shown.style.abbrev:
        text += f", stx_nlink={nlink}, stx_uid={uid}, stx_gid={gid}"
    text += f", stx_mode={file_mode(mode)}"
    if not shown.style.abbrev:
        text += f", stx_ino={ino}"
    text += f", stx_size={size}"
    if shown.style.abbrev:
        return text + ", ...}"
    text += f", stx_blocks={blocks}, stx_attributes_mask={_attributes(attributes_mask)}"
    for name, sec, nsec in zip(("a", "b", "c", "m"), rest[0:8:2], rest[1:8:2], strict=True):
        if name == "b" and not mask & StatxMask.STATX_BTIME:
            continue
        text += f", stx_{name}time={{tv_sec={sec}, tv_nsec={nsec}}}{comment_time(sec, nsec, 9)}"
    rdev_major, rdev_minor, dev_major, dev_minor, mnt_id = rest[8:]
    text += f", stx_rdev_major={rdev_major}, stx_rdev_minor={rdev_minor}, stx_dev_major={dev_major}"
    return f"{text}, stx_dev_minor={dev_minor}, stx_mnt_id={mnt_id:#x}}}"


def _attributes(value: int) -> str:
    return "STATX_ATTR_MOUNT_ROOT" if value & STATX_ATTR_MOUNT_ROOT else "0"


def _clone_args(shown: Shown, at: int) -> str:
    ptr, size = shown.args[at], shown.args[at + 1]
    if not isinstance(ptr, int) or size < CLONE_ARGS_SIZE_VER0 or not shown.style.verbose:
        return pointer(ptr)
    raw = shown.peek(ptr, 0, min(size, CLONE_ARGS.size))
    if raw is None:
        return pointer(ptr)
    fields = CLONE_ARGS.unpack(raw.ljust(CLONE_ARGS.size, bytes(1)))
    flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup = fields
    parts = [f"flags={flag_names(flags, CloneFlags, 'CLONE_')}"]
    if flags & CLONE_PIDFD:
        parts.append(f"pidfd={pointer(pidfd)}")
    if flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID):
        parts.append(f"child_tid={pointer(child_tid)}")
    if flags & CLONE_PARENT_SETTID:
        parts.append(f"parent_tid={pointer(parent_tid)}")
    parts.append(f"exit_signal={signame(exit_signal) if exit_signal else 0}")
    parts += [f"stack={pointer(stack)}", f"stack_size={hexadecimal(stack_size)}"]
    if flags & CLONE_SETTLS:
        parts.append(f"tls={pointer(tls)}")
    if set_tid or set_tid_size:
        parts.append(f"set_tid={array(shown, set_tid, min(set_tid_size, 32), INT, str)}, set_tid_size={set_tid_size}")
    if flags & CLONE_INTO_CGROUP:
        parts.append(f"cgroup={cgroup}")
    return "{" + ", ".join(parts) + "}" + _clone_results(shown, flags, pidfd, parent_tid)


def _clone_results(shown: Shown, flags: int, pidfd: int, parent_tid: int) -> str:
    """What a successful clone3(2) has stored."""
    if shown.failed:
        return ""
    found = []
    if flags & CLONE_PIDFD:
        found.append(f"pidfd=[{shown.read_int(pidfd, INT)}]")
    if flags & CLONE_PARENT_SETTID:
        found.append(f"parent_tid=[{shown.read_int(parent_tid, INT)}]")
    return f" => {{{', '.join(found)}}}" if found else ""


def _sched_attr(shown: Shown, at: int) -> str:
    fields = shown.read(shown.args[at], SCHED_ATTR)
    return pointer(shown.args[at]) if fields is None else _sched_attr_text(*fields)


def _sched_attr_given(shown: Shown, at: int) -> str:
    """What the caller wants, and what its size should have been."""
    fields, size = shown.read(shown.args[at], SCHED_ATTR), shown.before.get(at)
    if fields is None or size is None:
        return pointer(shown.args[at])
    text = _sched_attr_text(size, *fields[1:]) if not 0 < size < SCHED_ATTR_SIZE_VER0 else f"{{size={size}}}"
    return text + (f" => {{size={fields[0]}}}" if shown.ret == -Errno.E2BIG else "")


_SCHED_DEADLINE: Final = 6
_SCHED_FLAGS: Final = (
    "RESET_ON_FORK",
    "RECLAIM",
    "DL_OVERRUN",
    "KEEP_POLICY",
    "KEEP_PARAMS",
    "UTIL_CLAMP_MIN",
    "UTIL_CLAMP_MAX",
)


def _sched_attr_text(size: int, policy: int, flags: int, nice: int, priority: int, *rest: int) -> str:
    runtime, deadline, period, util_min, util_max = rest
    names = [f"SCHED_FLAG_{name}" for bit, name in enumerate(_SCHED_FLAGS) if flags >> bit & 1]
    left = flags & ~SCHED_FLAG_ALL
    text = "|".join(names + ([hex(left)] if left else [])) or "0"
    out = f"{{size={size}"
    if not flags & (SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS):
        name = "SCHED_DEADLINE" if policy == _SCHED_DEADLINE else value_name(policy, SchedPolicy, "SCHED_")
        out += f", sched_policy={name}"
    out += f", sched_flags={text}"
    if not flags & SCHED_FLAG_KEEP_PARAMS:
        out += f", sched_nice={nice}, sched_priority={priority}, sched_runtime={runtime}"
        out += f", sched_deadline={deadline}, sched_period={period}"
    if size >= SCHED_ATTR.size:
        out += f", sched_util_min={util_min}, sched_util_max={util_max}"
    return out + (", ...}" if size > SCHED_ATTR.size else "}")


def _futex_waitv(shown: Shown, at: int) -> str:
    def one(val: int, uaddr: int, flags: int, reserved: int) -> str:
        rest = flags & ~(FUTEX2_PRIVATE | FUTEX2_SIZE_U32)
        names = ["FUTEX_32"] if flags & FUTEX2_SIZE_U32 else []
        if flags & FUTEX2_PRIVATE:
            names.append("FUTEX_PRIVATE_FLAG")
        if rest or not names:
            names.append(hexadecimal(rest) if names or not rest else f"{rest:#x} /* FUTEX_??? */")
        extra = f", __reserved={reserved:#x}" if reserved else ""
        return f"{{val={hexadecimal(val)}, uaddr={pointer(uaddr)}, flags={'|'.join(names)}{extra}}}"

    return array(shown, shown.args[at], shown.args[at + 1], FUTEX_WAITV, one)


# seccomp(2).

_FPROG: Final = struct.Struct("<H6xQ")


def sock_fprog(shown: Shown, ptr: object) -> str:
    """A program in classic BPF: how long, and where."""
    fields = shown.read(ptr, _FPROG)
    return pointer(ptr) if fields is None else f"{{len={fields[0]}, filter={pointer(fields[1])}}}"


_ACTIONS: Final = {
    0x80000000: "KILL_PROCESS",
    0x00000000: "KILL_THREAD",
    0x00030000: "TRAP",
    0x00050000: "ERRNO",
    0x7FC00000: "USER_NOTIF",
    0x7FF00000: "TRACE",
    0x7FFC0000: "LOG",
    0x7FFF0000: "ALLOW",
}


def _seccomp_flags(shown: Shown, at: int) -> str:
    value = shown.args[at]
    if shown.args[0] == SECCOMP_SET_MODE_FILTER:
        return flag_names(value, SeccompFilterFlags, "SECCOMP_FILTER_FLAG_")
    return hexadecimal(value)


def _seccomp_arg(shown: Shown, at: int) -> str:
    op, ptr = shown.args[0], shown.args[at]
    if op == SECCOMP_SET_MODE_FILTER:
        return sock_fprog(shown, ptr)
    action = shown.read_int(ptr, UINT) if op == SECCOMP_GET_ACTION_AVAIL else None
    if action is None:
        return pointer(ptr)
    name = _ACTIONS.get(action & SECCOMP_RET_ACTION_FULL)
    return f"[SECCOMP_RET_{name}]" if name else f"[{action:#x} /* SECCOMP_RET_??? */]"


# rseq(2).


def _hexadecimal(shown: Shown, at: int) -> str:
    return hexadecimal(shown.args[at])


# membarrier(2), kcmp(2).


def _membarrier_result(shown: Shown, ret: int) -> str | None:
    """What there is, by name."""
    if shown.args[0] != MEMBARRIER_CMD_QUERY or not ret:
        return None
    names = [f"MEMBARRIER_CMD_{member.name}" for member in Membarrier if member and ret & member]
    return f"{ret:#x} ({'|'.join(names)})"


def _membarrier_flags(shown: Shown, at: int) -> str:
    """The flags, and the CPU that they speak of."""
    flags = shown.args[at]
    if not flags & MEMBARRIER_CMD_FLAG_CPU:
        return f"{flags:#x} /* MEMBARRIER_CMD_FLAG_??? */" if flags else "0"
    rest, cpu = flags & ~MEMBARRIER_CMD_FLAG_CPU, (shown.args[at + 1] & UINT_MAX ^ 1 << 31) - (1 << 31)
    return f"MEMBARRIER_CMD_FLAG_CPU{f'|{rest:#x}' if rest else ''}, {cpu}"


def _kcmp_idx(shown: Shown, at: int) -> str | None:
    kind = shown.args[2]
    if kind == KCMP_FILE:
        return shown.descriptor((shown.args[at] & UINT_MAX ^ 1 << 31) - (1 << 31))
    return None if kind in Kcmp.__members__.values() else hexadecimal(shown.args[at])


LATER_RESULTS: Final = {"membarrier_cmd": _membarrier_result}


LATER_PRINTERS: Final[dict[str, Printer]] = {
    "faccessat_flags": _faccessat_flags,
    "futex_waitv[]": _futex_waitv,
    "hexadecimal": _hexadecimal,
    "kcmp_idx": _kcmp_idx,
    "membarrier_flags": _membarrier_flags,
    "membarrier_cmd": lambda shown, at: constant(shown.args[at], shown.params[at].arg),
    "random_buf": _random_buf,
    "seccomp_arg": _seccomp_arg,
    "seccomp_flags": _seccomp_flags,
    "statx_flags": _statx_flags,
    "struct clone_args": _clone_args,
    "struct open_how": _open_how,
    "struct sched_attr": _sched_attr,
    "struct sched_attr given": _sched_attr_given,
    "struct statx": _statx,
}
