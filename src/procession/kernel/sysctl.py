"""The tunables under /proc/sys (kernel/sysctl.c; spec proc-kthreads 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union

from procession.include.linux.cred import CAP_LAST_CAP, CAP_SETPCAP, CAP_SYS_MODULE, CAP_SYS_RAWIO
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, NGROUPS_MAX, UINT_MAX, ULONG_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.nsproxy import utsname
from procession.include.linux.pid import PID_MAX_LIMIT
from procession.include.linux.sysctl import CtlTablePoll
from procession.include.linux.utsname import NEW_UTS_LEN, UTS_PROC_DOMAINNAME, UTS_PROC_HOSTNAME
from procession.kernel import capability, pid, utsname_sysctl
from procession.lib import string, vsprintf
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UtsNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("CtlTable", "root_table", "sysctl_init")

CORENAME_MAX: Final = 128
_TMPBUFLEN: Final = 22
_WSPACE_SEP: Final = b" \t\n"

# Values that nothing but /proc/sys looks at, or that have no home of their own.
_DEFAULTS: Final = {"core_uses_pid": 0, "panic": 0, "entropy_avail": 4096, "poolsize": 4096}


class CtlTable(NamedTuple):
    """One file (struct ctl_table): store None if it is read-only."""

    mode: int
    show: Callable[[Task], bytes]
    store: Callable[[Task, UserPtr, int], int] | None = None  # returns how much of it was taken
    poll: str = ""  # whose changes are polled for, in Kernel.sysctl_polls


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


def _each_long(current: Task, buf: UserPtr, count: int, fields: int, store: StoreLong) -> int:
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

    return _each_long(current, buf, count, len(puts), store)


def proc_doulongvec_minmax(
    current: Task, buf: UserPtr, count: int, put: PutInt, low: int = 0, high: int = ULONG_MAX
) -> int:
    """Store an unsigned long; one that is negative or out of bounds is passed over in silence. Returns as a write."""

    def store(field: int, value: int, negative: bool) -> None:
        if not negative and low <= value <= high:
            put(current.kernel, value)

    return _each_long(current, buf, count, 1, store)


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


def _int(get: GetInt, put: PutInt, low: int = -INT_MAX - 1, high: int = INT_MAX, mode: int = 0o644) -> CtlTable:
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


def _ulong(get: GetInt, put: PutInt, low: int = 0, high: int = ULONG_MAX) -> CtlTable:
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

    table = _int(lambda k: k.sysctls[name], put, mode=mode)
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


def _put_overcommit_memory(k: Kernel, value: int) -> None:
    k.mm.overcommit_memory = value


def _put_overcommit_ratio(k: Kernel, value: int) -> None:
    k.mm.overcommit_ratio = value


def _put_child_runs_first(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_child_runs_first = value


def _put_max_map_count(k: Kernel, value: int) -> None:
    k.mm.max_map_count = value


def _put_mmap_min_addr(k: Kernel, value: int) -> None:
    k.mm.mmap_min_addr = value


def _put_max_files(k: Kernel, value: int) -> None:
    k.vfs.max_files = value


def _put_nr_open(k: Kernel, value: int) -> None:
    k.vfs.sysctl_nr_open = value


def _put_suid_dumpable(k: Kernel, value: int) -> None:
    k.vfs.suid_dumpable = value


def _put_panic_on_oom(k: Kernel, value: int) -> None:
    k.mm.panic_on_oom = value


def _put_oom_kill_allocating_task(k: Kernel, value: int) -> None:
    k.mm.oom_kill_allocating_task = value


def _put_oom_dump_tasks(k: Kernel, value: int) -> None:
    k.mm.oom_dump_tasks = value


def _put_print_fatal_signals(k: Kernel, value: int) -> None:
    k.print_fatal_signals = value


def _put_show_unhandled_signals(k: Kernel, value: int) -> None:
    k.show_unhandled_signals = value


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


def _put_core_pipe_limit(k: Kernel, value: int) -> None:
    k.vfs.core_pipe_limit = value


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


def _store_mmap_min_addr(current: Task, buf: UserPtr, count: int) -> int:
    if not capability.capable(current, CAP_SYS_RAWIO):
        raise LinuxError(Errno.EPERM, "needs CAP_SYS_RAWIO")
    return proc_doulongvec_minmax(current, buf, count, _put_mmap_min_addr)


def _show_mmap_min_addr(current: Task) -> bytes:
    return b"%d\n" % current.kernel.mm.mmap_min_addr


def _show_cad_pid(current: Task) -> bytes:
    """The process that Ctrl-Alt-Del signals: init."""
    reaper = current.kernel.init_pid_ns.child_reaper
    return b"%d\n" % (pid.task_tgid_vnr(current, reaper) if reaper is not None else 0)


def _bset(get: GetInt, put: PutInt) -> CtlTable:
    """Capabilities that helpers may have: two ints, the low one first; bits can only be taken away (proc_cap_handler).

    Raises EPERM without CAP_SETPCAP and CAP_SYS_MODULE.
    """

    def show(current: Task) -> bytes:
        value = get(current.kernel)
        return b"%d\t%d\n" % (value & UINT_MAX, value >> 32)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        if not capability.capable(current, CAP_SETPCAP) or not capability.capable(current, CAP_SYS_MODULE):
            raise LinuxError(Errno.EPERM, "needs CAP_SETPCAP and CAP_SYS_MODULE")
        # What is not written keeps its value.
        value = get(current.kernel)
        words = [value & UINT_MAX, value >> 32]
        taken = []

        def put_word(field: int, word: int, negative: bool) -> None:
            taken.append(word)
            if not negative:
                words[field] = word

        done = _each_long(current, buf, count, 2, put_word)
        if len(taken) == 1 and uaccess.copy_from_user(current, buf, 1, count - 1) in (b" ", b"\t", b"\n"):
            raise LinuxError(Errno.EINVAL, "a blank, and no second number")
        put(current.kernel, value & (words[0] & UINT_MAX | words[1] << 32))
        return done

    return CtlTable(0o600, show, store)


def _put_umh_bset(k: Kernel, value: int) -> None:
    k.kthreads.usermodehelper_bset = value


def _put_umh_inheritable(k: Kernel, value: int) -> None:
    k.kthreads.usermodehelper_inheritable = value


def _show_file_nr(current: Task) -> bytes:
    k = current.kernel
    return b"%d\t0\t%d\n" % (k.vfs.nr_files, k.vfs.max_files)


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
        "sched_child_runs_first": _int(lambda k: k.sched.sysctl_sched_child_runs_first, _put_child_runs_first),
        "panic": _other("panic"),
        "core_uses_pid": _other("core_uses_pid"),
        "core_pattern": CtlTable(0o644, _show_core_pattern, _store_core_pattern),
        "core_pipe_limit": _int(lambda k: k.vfs.core_pipe_limit, _put_core_pipe_limit),
        "cad_pid": CtlTable(0o600, _show_cad_pid),
        "threads-max": _int(lambda k: k.max_threads, _put_max_threads),
        "print-fatal-signals": _int(lambda k: k.print_fatal_signals, _put_print_fatal_signals),
        "printk": CtlTable(0o644, _show_printk, _store_printk),
        "printk_ratelimit": _int(lambda k: k.log.ratelimit_seconds, _put_ratelimit_seconds),
        "printk_ratelimit_burst": _int(lambda k: k.log.ratelimit_burst, _put_ratelimit_burst),
        "dmesg_restrict": _int(lambda k: k.log.dmesg_restrict, _put_dmesg_restrict, 0, 1),
        "random": _random_table(),
        "usermodehelper": {
            "bset": _bset(lambda k: k.kthreads.usermodehelper_bset, _put_umh_bset),
            "inheritable": _bset(lambda k: k.kthreads.usermodehelper_inheritable, _put_umh_inheritable),
        },
        "pid_max": _int(lambda k: k.pid_max, _put_pid_max),
        "ngroups_max": _constant(NGROUPS_MAX),
        "cap_last_cap": _constant(CAP_LAST_CAP),
        **_uts_table(),
    }


def _vm_table() -> dict[str, Any]:
    """Return /proc/sys/vm."""
    return {
        "panic_on_oom": _int(lambda k: k.mm.panic_on_oom, _put_panic_on_oom, 0, 2),
        "oom_kill_allocating_task": _int(lambda k: k.mm.oom_kill_allocating_task, _put_oom_kill_allocating_task),
        "oom_dump_tasks": _int(lambda k: k.mm.oom_dump_tasks, _put_oom_dump_tasks),
        "overcommit_memory": _int(lambda k: k.mm.overcommit_memory, _put_overcommit_memory, 0, 2),
        "overcommit_ratio": _int(lambda k: k.mm.overcommit_ratio, _put_overcommit_ratio),
        "max_map_count": _int(lambda k: k.mm.max_map_count, _put_max_map_count, 0),
        "mmap_min_addr": CtlTable(0o644, _show_mmap_min_addr, _store_mmap_min_addr),
    }


def _fs_table() -> dict[str, Any]:
    """Return /proc/sys/fs."""
    return {
        "file-nr": CtlTable(0o444, _show_file_nr),
        "file-max": _ulong(lambda k: k.vfs.max_files, _put_max_files),
        "nr_open": _int(lambda k: k.vfs.sysctl_nr_open, _put_nr_open, 64, 1024 * 1024),
        "suid_dumpable": _int(lambda k: k.vfs.suid_dumpable, _put_suid_dumpable, 0, 2),
        "pipe-max-size": _int(lambda k: k.vfs.pipe_max_size, _put_pipe_max_size, PAGE_SIZE),
    }


@cache
def root_table() -> dict[str, Any]:
    """Return the tree of names."""
    return {
        "kernel": _kern_table(),
        "vm": _vm_table(),
        "debug": {"exception-trace": _int(lambda k: k.show_unhandled_signals, _put_show_unhandled_signals)},
        "fs": _fs_table(),
    }
