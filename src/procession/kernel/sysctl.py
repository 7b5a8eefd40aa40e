"""The tunables under /proc/sys (kernel/sysctl.c; spec proc-kthreads 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union

from procession.include.linux.cred import CAP_LAST_CAP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, NGROUPS_MAX, UINT_MAX, ULONG_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.nsproxy import utsname
from procession.include.linux.pid import PID_MAX_LIMIT
from procession.include.linux.sysctl import CtlTablePoll
from procession.include.linux.utsname import NEW_UTS_LEN, UTS_PROC_DOMAINNAME, UTS_PROC_HOSTNAME
from procession.ipc import ipc_sysctl, mq_sysctl
from procession.kernel import sched_sysctl, utsname_sysctl
from procession.lib import string, vsprintf
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UtsNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "CtlTable",
    "PutInt",
    "each_long",
    "int_table",
    "proc_dointvec",
    "proc_dostring",
    "proc_doulongvec_minmax",
    "root_table",
    "sysctl_init",
    "ulong_table",
)

CORENAME_MAX: Final = 128
_TMPBUFLEN: Final = 22
_WSPACE_SEP: Final = b" \t\n"

# Values that nothing but /proc/sys looks at, or that have no home of their own.
_DEFAULTS: Final = {"core_uses_pid": 0, "panic": 0, "entropy_avail": 4096, "poolsize": 4096}


# Whether a task is as good as what owns a value (ctl_table_root.permissions).
Owner = Callable[["Task"], bool]


class CtlTable(NamedTuple):
    """One file (struct ctl_table): store None if it is read-only."""

    mode: int
    show: Callable[[Task], bytes]
    store: Callable[[Task, UserPtr, int], int] | None = None  # returns how much of it was taken
    poll: str = ""  # whose changes are polled for, in Kernel.sysctl_polls
    owner: Owner | None = None  # since 3.8: who has its owner's rights; None: root and his group, as in 3.2


GetInt = Callable[["Kernel"], int]
PutInt = Callable[["Kernel", int], None]
StoreLong = Callable[[int, int, bool], None]  # field, value, whether it is negative
Tree = Mapping[str, Union[CtlTable, "Tree"]]


def sysctl_init(k: Kernel) -> None:
    """Set the defaults; those that a subsystem keeps are its own."""
    k.sysctls = dict(_DEFAULTS)
    for name in (UTS_PROC_HOSTNAME, UTS_PROC_DOMAINNAME):
        k.sysctl_polls[name] = CtlTablePoll(k.wait_queue_head("table->poll->wait"))


# Handlers.


def proc_get_long(text: bytes) -> tuple[int, bool, int]:
    """Return the number that text begins with, its lowest 64 bits; whether a - stands before it; and where it ends.

    Raises EINVAL if there is none, if it is too long to be looked at, or if no blank follows.
    """
    looked_at = text[: _TMPBUFLEN - 1].split(b"\0", 1)[0]
    negative = looked_at[:1] == b"-" and len(text) > 1
    start = 1 if negative else 0
    if not looked_at[start : start + 1].isdigit():
        raise LinuxError(Errno.EINVAL, "not a number")
    value, length = vsprintf.simple_strtoul(looked_at[start:])
    end = start + length
    if end == _TMPBUFLEN - 1:
        raise LinuxError(Errno.EINVAL, "a number of too many digits")
    if end < len(text) and text[end] not in _WSPACE_SEP:
        raise LinuxError(Errno.EINVAL, "no blank behind the number")
    return value, negative, end


def each_long(current: Task, buf: UserPtr, count: int, fields: int, store: StoreLong) -> int:
    """Hand store the numbers that are written, fields of them at most; returns the bytes that were used up.

    Raises EFAULT, EINVAL: whoever stands before the number that is wrong has been stored.
    """
    if not count:
        return 0
    text = uaccess.copy_from_user(current, buf, min(count, PAGE_SIZE - 1))
    left = text
    for field in range(fields):
        left = string.skip_spaces(left)
        if not left:
            if not field:
                raise LinuxError(Errno.EINVAL, "nothing but blanks")
            break
        value, negative, end = proc_get_long(left)
        store(field, value, negative)
        left = left[end:]
    return count - len(string.skip_spaces(left))


def proc_dointvec(current: Task, buf: UserPtr, count: int, puts: Sequence[PutInt]) -> int:
    """Store ints, of which too large ones are cut; a put raises EINVAL for those it does not take. Returns as a write.

    puts: one for each field.
    """

    def store(field: int, value: int, negative: bool) -> None:
        value = -value if negative else value
        puts[field](current.kernel, (value + INT_MAX + 1 & UINT_MAX) - INT_MAX - 1)

    return each_long(current, buf, count, len(puts), store)


def proc_doulongvec_minmax(
    current: Task, buf: UserPtr, count: int, put: PutInt, low: int = 0, high: int = ULONG_MAX
) -> int:
    """Store an unsigned long; one that is negative or out of bounds is passed over in silence. Returns as a write."""

    def store(field: int, value: int, negative: bool) -> None:
        if not negative and low <= value <= high:
            put(current.kernel, value)

    return each_long(current, buf, count, 1, store)


def proc_dostring(current: Task, buf: UserPtr, count: int, maxlen: int) -> bytes | None:
    """Return what is written, up to its first NUL or newline, of at most maxlen bytes with its end; None for nothing.

    Raises EFAULT.
    """
    if not count:
        return None
    # The buffer is looked at byte by byte, and not beyond the end of the string.
    text = uaccess.copy_from_user_partial(current, buf, min(count, PAGE_SIZE))
    if len(text) < count and b"\0" not in text and b"\n" not in text:
        text = uaccess.copy_from_user(current, buf, count)
    return text.split(b"\0", 1)[0].split(b"\n", 1)[0][: maxlen - 1]


def int_table(get: GetInt, put: PutInt, low: int = -INT_MAX - 1, high: int = INT_MAX, mode: int = 0o644) -> CtlTable:
    """An int that a subsystem keeps, with its bounds (proc_dointvec_minmax)."""

    def bounded(k: Kernel, value: int) -> None:
        if not low <= value <= high:
            raise LinuxError(Errno.EINVAL, f"{low} to {high}")
        put(k, value)

    def show(current: Task) -> bytes:
        return b"%d\n" % get(current.kernel)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        return proc_dointvec(current, buf, count, (bounded,))

    return CtlTable(mode, show, store)


def ulong_table(get: GetInt, put: PutInt, low: int = 0, high: int = ULONG_MAX) -> CtlTable:
    """An unsigned long that a subsystem keeps (proc_doulongvec_minmax)."""

    def show(current: Task) -> bytes:
        return b"%d\n" % get(current.kernel)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        return proc_doulongvec_minmax(current, buf, count, put, low, high)

    return CtlTable(0o644, show, store)


def _other(name: str, mode: int = 0o644) -> CtlTable:
    """An int that lives in this file's table."""

    def put(k: Kernel, value: int) -> None:
        k.sysctls[name] = value

    table = int_table(lambda k: k.sysctls[name], put, mode=mode)
    return table if mode & 0o200 else table._replace(store=None)


def _constant(value: int) -> CtlTable:
    return CtlTable(0o444, lambda _: b"%d\n" % value)


def _uts(
    get: Callable[[UtsNamespace], bytes], put: Callable[[UtsNamespace, bytes], None] | None = None, poll: str = ""
) -> CtlTable:
    """A name of the reader's UTS namespace (proc_do_uts_string)."""

    def show(current: Task) -> bytes:
        return get(utsname(current)) + b"\n"

    if put is None:
        return CtlTable(0o444, show)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        try:
            name = proc_dostring(current, buf, count, NEW_UTS_LEN + 1)
            if name is not None:
                put(utsname(current), name)
        finally:
            # Whoever waits is told of every attempt.
            utsname_sysctl.uts_proc_notify(current.kernel, poll)
        return count

    return CtlTable(0o644, show, store, poll)


def _put_nodename(ns: UtsNamespace, name: bytes) -> None:
    ns.nodename = name


def _put_domainname(ns: UtsNamespace, name: bytes) -> None:
    ns.domainname = name


def _put_max_threads(k: Kernel, value: int) -> None:
    k.max_threads = value


def _put_max_files(k: Kernel, value: int) -> None:
    k.vfs.max_files = value


def _show_aio_nr(current: Task) -> bytes:
    return b"%d\n" % current.kernel.vfs.aio_nr


def _put_aio_max_nr(k: Kernel, value: int) -> None:
    k.vfs.aio_max_nr = value


def _put_nr_open(k: Kernel, value: int) -> None:
    k.vfs.sysctl_nr_open = value


def _put_suid_dumpable(k: Kernel, value: int) -> None:
    k.vfs.suid_dumpable = value


def _put_print_fatal_signals(k: Kernel, value: int) -> None:
    k.print_fatal_signals = value


def _put_show_unhandled_signals(k: Kernel, value: int) -> None:
    k.show_unhandled_signals = value


def _put_vdso32_enabled(k: Kernel, value: int) -> None:
    k.x86.vdso32_enabled = value


def _put_ratelimit_seconds(k: Kernel, value: int) -> None:
    k.log.ratelimit_seconds = value


def _put_ratelimit_burst(k: Kernel, value: int) -> None:
    k.log.ratelimit_burst = value


def _put_dmesg_restrict(k: Kernel, value: int) -> None:
    k.log.dmesg_restrict = value


def _show_core_pattern(current: Task) -> bytes:
    return current.kernel.vfs.core_pattern + b"\n"


def _store_core_pattern(current: Task, buf: UserPtr, count: int) -> int:
    pattern = proc_dostring(current, buf, count, CORENAME_MAX)
    if pattern is not None:
        current.kernel.vfs.core_pattern = pattern
    return count


def _put_pid_max(k: Kernel, value: int) -> None:
    if not k.pid_max_min <= value <= PID_MAX_LIMIT:
        raise LinuxError(Errno.EINVAL, f"{k.pid_max_min} to {PID_MAX_LIMIT}")
    k.pid_max = value


def _put_printk(index: int) -> PutInt:
    def put(k: Kernel, value: int) -> None:
        k.log.console_printk[index] = value

    return put


def _show_printk(current: Task) -> bytes:
    return b"%d\t%d\t%d\t%d\n" % tuple(current.kernel.log.console_printk)


def _store_printk(current: Task, buf: UserPtr, count: int) -> int:
    return proc_dointvec(current, buf, count, [_put_printk(index) for index in range(4)])


def _put_maxkeys(k: Kernel, value: int) -> None:
    k.keys.maxkeys = value


def _put_maxbytes(k: Kernel, value: int) -> None:
    k.keys.maxbytes = value


def _put_root_maxkeys(k: Kernel, value: int) -> None:
    k.keys.root_maxkeys = value


def _put_root_maxbytes(k: Kernel, value: int) -> None:
    k.keys.root_maxbytes = value


def _put_gc_delay(k: Kernel, value: int) -> None:
    k.keys.gc_delay = value


def _keys_table() -> dict[str, Any]:
    """Return /proc/sys/kernel/keys."""
    return {
        "maxkeys": int_table(lambda k: k.keys.maxkeys, _put_maxkeys, 1),
        "maxbytes": int_table(lambda k: k.keys.maxbytes, _put_maxbytes, 1),
        "root_maxkeys": int_table(lambda k: k.keys.root_maxkeys, _put_root_maxkeys, 1),
        "root_maxbytes": int_table(lambda k: k.keys.root_maxbytes, _put_root_maxbytes, 1),
        "gc_delay": int_table(lambda k: k.keys.gc_delay, _put_gc_delay, 0),
    }


def _put_acct(index: int) -> PutInt:
    def put(k: Kernel, value: int) -> None:
        k.acct_parm[index] = value

    return put


def _show_acct(current: Task) -> bytes:
    return b"%d\t%d\t%d\n" % tuple(current.kernel.acct_parm)


def _store_acct(current: Task, buf: UserPtr, count: int) -> int:
    return proc_dointvec(current, buf, count, [_put_acct(index) for index in range(3)])


def _show_file_nr(current: Task) -> bytes:
    k = current.kernel
    return b"%d\t0\t%d\n" % (k.vfs.nr_files, k.vfs.max_files)


def _put_leases_enable(k: Kernel, value: int) -> None:
    k.vfs.leases_enable = value


def _put_lease_break_time(k: Kernel, value: int) -> None:
    k.vfs.lease_break_time = value


def _put_dir_notify_enable(k: Kernel, value: int) -> None:
    k.vfs.dir_notify_enable = value


def _put_pipe_max_size(k: Kernel, value: int) -> None:
    k.vfs.pipe_max_size = 1 << (value - 1).bit_length()


def _uuid(raw: bytes) -> str:
    """Return 16 random bytes as a version 4 UUID."""
    out = bytearray(raw)
    out[6] = out[6] & 0x0F | 0x40
    out[8] = out[8] & 0x3F | 0x80
    text = out.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _show_uuid(current: Task) -> bytes:
    return _uuid(current.kernel.chooser.random_bytes(16)).encode() + b"\n"


def _show_boot_id(current: Task) -> bytes:
    k = current.kernel
    if not k.boot_id:
        k.boot_id = _uuid(k.chooser.random_bytes(16))
    return k.boot_id.encode() + b"\n"


def _random_table() -> dict[str, Any]:
    """Return /proc/sys/kernel/random."""
    return {
        "poolsize": _other("poolsize", 0o444),
        "entropy_avail": _other("entropy_avail", 0o444),
        "boot_id": CtlTable(0o444, _show_boot_id),
        "uuid": CtlTable(0o444, _show_uuid),
    }


def _uts_table() -> dict[str, Any]:
    """Return what /proc/sys/kernel has of names."""
    return {
        "ostype": _uts(lambda ns: ns.sysname),
        "osrelease": _uts(lambda ns: ns.release),
        "version": _uts(lambda ns: ns.version),
        "hostname": _uts(lambda ns: ns.nodename, _put_nodename, UTS_PROC_HOSTNAME),
        "domainname": _uts(lambda ns: ns.domainname, _put_domainname, UTS_PROC_DOMAINNAME),
    }


def _kern_table() -> dict[str, Any]:
    """Return /proc/sys/kernel."""
    return {
        **sched_sysctl.sched_table(int_table),
        "panic": _other("panic"),
        "core_uses_pid": _other("core_uses_pid"),
        "core_pattern": CtlTable(0o644, _show_core_pattern, _store_core_pattern),
        "acct": CtlTable(0o644, _show_acct, _store_acct),
        "threads-max": int_table(lambda k: k.max_threads, _put_max_threads),
        "print-fatal-signals": int_table(lambda k: k.print_fatal_signals, _put_print_fatal_signals),
        "printk": CtlTable(0o644, _show_printk, _store_printk),
        "printk_ratelimit": int_table(lambda k: k.log.ratelimit_seconds, _put_ratelimit_seconds),
        "printk_ratelimit_burst": int_table(lambda k: k.log.ratelimit_burst, _put_ratelimit_burst),
        "dmesg_restrict": int_table(lambda k: k.log.dmesg_restrict, _put_dmesg_restrict, 0, 1),
        "random": _random_table(),
        "keys": _keys_table(),
        "pid_max": int_table(lambda k: k.pid_max, _put_pid_max),
        "ngroups_max": _constant(NGROUPS_MAX),
        "cap_last_cap": _constant(CAP_LAST_CAP),
        **_uts_table(),
        **ipc_sysctl.ipc_kern_table(),
    }


def _fs_table() -> dict[str, Any]:
    """Return /proc/sys/fs."""
    return {
        "file-nr": CtlTable(0o444, _show_file_nr),
        "file-max": ulong_table(lambda k: k.vfs.max_files, _put_max_files),
        "aio-nr": CtlTable(0o444, _show_aio_nr),
        "aio-max-nr": ulong_table(lambda k: k.vfs.aio_max_nr, _put_aio_max_nr),
        "nr_open": int_table(lambda k: k.vfs.sysctl_nr_open, _put_nr_open, 64, 1024 * 1024),
        "leases-enable": int_table(lambda k: k.vfs.leases_enable, _put_leases_enable),
        "dir-notify-enable": int_table(lambda k: k.vfs.dir_notify_enable, _put_dir_notify_enable),
        "lease-break-time": int_table(lambda k: k.vfs.lease_break_time, _put_lease_break_time),
        "suid_dumpable": int_table(lambda k: k.vfs.suid_dumpable, _put_suid_dumpable, 0, 2),
        "mqueue": mq_sysctl.mq_sysctl_dir(),
        "pipe-max-size": int_table(lambda k: k.vfs.pipe_max_size, _put_pipe_max_size, PAGE_SIZE),
    }


@cache
def root_table() -> dict[str, Any]:
    """Return the tree of names."""
    return {
        "kernel": _kern_table(),
        "debug": {"exception-trace": int_table(lambda k: k.show_unhandled_signals, _put_show_unhandled_signals)},
        "fs": _fs_table(),
        "abi": {"vsyscall32": int_table(lambda k: k.x86.vdso32_enabled, _put_vdso32_enabled)},
    }
