"""The tunables under /proc/sys (kernel/sysctl.c; spec proc-kthreads 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union

from procession.include.linux.cred import CAP_FULL_SET
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import NGROUPS_MAX
from procession.include.linux.nsproxy import utsname
from procession.include.linux.pid import PID_MAX_LIMIT
from procession.kernel import pid

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UtsNamespace
    from procession.include.linux.sched import Task

__all__ = ("CtlTable", "root_table", "sysctl_init")

INT_MAX: Final = 0x7FFFFFFF
CORENAME_MAX: Final = 128
NEW_UTS_LEN: Final = 64

# Values that nothing but /proc/sys looks at, or that have no home of their own.
_DEFAULTS: Final = {"core_uses_pid": 0, "panic": 0, "entropy_avail": 4096, "poolsize": 4096}


class CtlTable(NamedTuple):
    """One file (struct ctl_table): store None if it is read-only."""

    mode: int
    show: Callable[[Task], bytes]
    store: Callable[[Task, bytes], None] | None = None


Tree = Mapping[str, Union[CtlTable, "Tree"]]


def sysctl_init(k: Kernel) -> None:
    """Set the defaults; those that a subsystem keeps are its own."""
    k.sysctls = dict(_DEFAULTS)


# Handlers.


def _parse_int(data: bytes) -> int:
    text = data.split(b"\0", 1)[0].split()
    try:
        return int(text[0], 0)
    except (IndexError, ValueError):
        raise LinuxError(Errno.EINVAL, "not a number") from None


def _int(
    get: Callable[[Kernel], int], put: Callable[[Kernel, int], None], low: int = -INT_MAX - 1, high: int = INT_MAX
) -> CtlTable:
    """An integer that a subsystem keeps, with its bounds (proc_dointvec_minmax)."""

    def show(current: Task) -> bytes:
        return b"%d\n" % get(current.kernel)

    def store(current: Task, data: bytes) -> None:
        put(current.kernel, _bounded(_parse_int(data), low, high))

    return CtlTable(0o644, show, store)


def _bounded(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise LinuxError(Errno.EINVAL, f"{low} to {high}")
    return value


def _other(name: str, mode: int = 0o644) -> CtlTable:
    """An integer that lives in this file's table."""

    def show(current: Task) -> bytes:
        return b"%d\n" % current.kernel.sysctls[name]

    def store(current: Task, data: bytes) -> None:
        current.kernel.sysctls[name] = _bounded(_parse_int(data), -INT_MAX - 1, INT_MAX)

    return CtlTable(mode, show, store if mode & 0o200 else None)


def _constant(value: int) -> CtlTable:
    return CtlTable(0o444, lambda _: b"%d\n" % value)


def _text(data: bytes, limit: int) -> str:
    """Return the first line of what was written, cut to limit bytes (proc_dostring)."""
    return data.split(b"\0", 1)[0].split(b"\n", 1)[0][:limit].decode("utf-8", "surrogateescape")


def _uts(get: Callable[[UtsNamespace], str], put: Callable[[UtsNamespace, str], None] | None = None) -> CtlTable:
    """A name of the reader's UTS namespace (proc_do_uts_string)."""

    def show(current: Task) -> bytes:
        return get(utsname(current)).encode("utf-8", "surrogateescape") + b"\n"

    if put is None:
        return CtlTable(0o444, show)

    def store(current: Task, data: bytes) -> None:
        put(utsname(current), _text(data, NEW_UTS_LEN))

    return CtlTable(0o644, show, store)


def _put_nodename(ns: UtsNamespace, name: str) -> None:
    ns.nodename = name


def _put_domainname(ns: UtsNamespace, name: str) -> None:
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


def _show_core_pattern(current: Task) -> bytes:
    return current.kernel.vfs.core_pattern.encode("utf-8", "surrogateescape") + b"\n"


def _store_core_pattern(current: Task, data: bytes) -> None:
    current.kernel.vfs.core_pattern = _text(data, CORENAME_MAX - 1)


def _show_pid_max(current: Task) -> bytes:
    return b"%d\n" % current.kernel.pid_max


def _store_pid_max(current: Task, data: bytes) -> None:
    k = current.kernel
    k.pid_max = _bounded(_parse_int(data), k.pid_max_min, PID_MAX_LIMIT)


def _show_cad_pid(current: Task) -> bytes:
    """The process that Ctrl-Alt-Del signals: init."""
    reaper = current.kernel.init_pid_ns.child_reaper
    return b"%d\n" % (pid.task_tgid_vnr(current, reaper) if reaper is not None else 0)


def _show_file_nr(current: Task) -> bytes:
    k = current.kernel
    return b"%d\t0\t%d\n" % (k.vfs.nr_files, k.vfs.max_files)


def _show_pipe_max_size(current: Task) -> bytes:
    return b"%d\n" % current.kernel.vfs.pipe_max_size


def _store_pipe_max_size(current: Task, data: bytes) -> None:
    value = _parse_int(data)
    if value < 4096:
        raise LinuxError(Errno.EINVAL, "at least a page")
    current.kernel.vfs.pipe_max_size = 1 << (value - 1).bit_length()


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


@cache
def root_table() -> dict[str, Any]:
    """Return the tree of names."""
    return {
        "kernel": {
            "sched_child_runs_first": _int(lambda k: k.sched.sysctl_sched_child_runs_first, _put_child_runs_first),
            "panic": _other("panic"),
            "core_uses_pid": _other("core_uses_pid"),
            "core_pattern": CtlTable(0o644, _show_core_pattern, _store_core_pattern),
            "cad_pid": CtlTable(0o600, _show_cad_pid),
            "threads-max": _int(lambda k: k.max_threads, _put_max_threads),
            "random": {
                "poolsize": _other("poolsize", 0o444),
                "entropy_avail": _other("entropy_avail", 0o444),
                "boot_id": CtlTable(0o444, _show_boot_id),
                "uuid": CtlTable(0o444, _show_uuid),
            },
            "pid_max": CtlTable(0o644, _show_pid_max, _store_pid_max),
            "ngroups_max": _constant(NGROUPS_MAX),
            "cap_last_cap": _constant(CAP_FULL_SET.bit_length() - 1),
            "ostype": _uts(lambda ns: ns.sysname),
            "osrelease": _uts(lambda ns: ns.release),
            "version": _uts(lambda ns: ns.version),
            "hostname": _uts(lambda ns: ns.nodename, _put_nodename),
            "domainname": _uts(lambda ns: ns.domainname, _put_domainname),
        },
        "vm": {
            "overcommit_memory": _int(lambda k: k.mm.overcommit_memory, _put_overcommit_memory, 0, 2),
            "overcommit_ratio": _int(lambda k: k.mm.overcommit_ratio, _put_overcommit_ratio),
            "max_map_count": _int(lambda k: k.mm.max_map_count, _put_max_map_count, 0),
            "mmap_min_addr": _int(lambda k: k.mm.mmap_min_addr, _put_mmap_min_addr, 0),
        },
        "fs": {
            "file-nr": CtlTable(0o444, _show_file_nr),
            "file-max": _int(lambda k: k.vfs.max_files, _put_max_files, 0),
            "nr_open": _int(lambda k: k.vfs.sysctl_nr_open, _put_nr_open, 64, 1024 * 1024),
            "suid_dumpable": _int(lambda k: k.vfs.suid_dumpable, _put_suid_dumpable, 0, 2),
            "pipe-max-size": CtlTable(0o644, _show_pipe_max_size, _store_pipe_max_size),
        },
    }
