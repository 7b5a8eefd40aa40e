"""What came after 3.2 and can be switched on, a name each: the call's, or the constant's by which it is asked for.

Kernel.later has the names that are on, and is empty unless the machine was made with some. A call is declared with
@later_syscall and is in the machine's table only where it is on; a flag or an option is looked up in Kernel.later where
it is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable
import re
from typing import Final

__all__ = ("ALL", "LATER", "later_names", "release_of")

ALL: Final = "all"

# Name -> the version that brought it, and what it is.
LATER: Final[dict[str, tuple[str, str]]] = {
    "IFLA_EXT_MASK": ("3.3", "rtnetlink: a question about an interface may say what of it is wanted"),
    "PR_SET_CHILD_SUBREAPER": ("3.4", "prctl: orphans go to an ancestor that asks for them; PR_GET_CHILD_SUBREAPER"),
    "PR_SET_NO_NEW_PRIVS": ("3.5", "prctl: exec grants nothing any more; PR_GET_NO_NEW_PRIVS"),
    "SECCOMP_MODE_FILTER": ("3.5", "prctl(PR_SET_SECCOMP): a filter of system calls in classic BPF"),
    "kcmp": ("3.5", "whether two processes share something"),
    "children": ("3.5", "/proc/PID/task/TID/children"),
    "exit_code": ("3.5", "/proc/PID/stat: where data, heap, arguments and environment are; the exit code"),
    "CLONE_NEWPID": ("3.8", "unshare: children in a pid namespace of their own"),
    "CLONE_NEWUSER": (
        "3.8",
        "user namespaces of anybody's, which map ids: /proc/PID/uid_map, gid_map, projid_map, setgroups",
    ),
    "setns": ("3.8", "setns for pid, user and mount namespaces; links to them in /proc/PID/ns"),
    "O_TMPFILE": ("3.11", "open: a file without a name"),
    "sched_setattr": ("3.14", "scheduling policy, nice value and priority in one"),
    "sched_getattr": ("3.14", "the same, read"),
    "renameat2": ("3.15", "rename with RENAME_NOREPLACE, RENAME_EXCHANGE"),
    "F_OFD_SETLK": ("3.15", "fcntl: record locks of an open file; F_OFD_GETLK, F_OFD_SETLKW"),
    "seccomp": ("3.17", "filters of system calls, and what of them there is"),
    "getrandom": ("3.17", "random bytes, of the machine's seed"),
    "memfd_create": ("3.17", "a file in memory without a name; seals: F_ADD_SEALS, F_GET_SEALS"),
    "thread-self": ("3.17", "/proc/thread-self"),
    "execveat": ("3.19", "exec of a file that is open, or relative to a directory"),
    "membarrier": ("4.3", "memory barriers on all CPUs"),
    "NSpid": ("4.1", "/proc/PID/status: numbers in all pid namespaces; NStgid, NSpgid, NSsid"),
    "PR_CAP_AMBIENT": ("4.3", "prctl: capabilities that an exec keeps"),
    "mlock2": ("4.4", "mlock with MLOCK_ONFAULT"),
    "RssAnon": ("4.5", "/proc/PID/status: memory by kind: RssAnon, RssFile, RssShmem"),
    "EPOLLEXCLUSIVE": ("4.5", "epoll_ctl: wake one of those who wait, not all"),
    "MADV_FREE": ("4.5", "madvise: the pages may go"),
    "copy_file_range": ("4.5", "copy from a file to another"),
    "preadv2": ("4.6", "preadv with flags: RWF_NOWAIT and others"),
    "pwritev2": ("4.6", "pwritev with flags: RWF_APPEND and others"),
    "Umask": ("4.7", "/proc/PID/status: the mask of new files' modes"),
    "NS_GET_USERNS": (
        "4.9",
        'ioctl on a namespace, where "setns" is on: NS_GET_PARENT, NS_GET_NSTYPE, NS_GET_OWNER_UID',
    ),
    "max_user_namespaces": ("4.9", '/proc/sys/user: how many namespaces a user may have, where "CLONE_NEWUSER" is on'),
    "statx": ("4.11", "stat with a mask of what is wanted"),
    "pid_for_children": ("4.12", '/proc/PID/ns/pid_for_children, where "setns" is on'),
    "CoreDumping": ("4.15", "/proc/PID/status: whether a core is being written"),
    "MAP_FIXED_NOREPLACE": ("4.17", "mmap: at this address, if nothing is there"),
    "rseq": ("4.18", "restartable sequences"),
    "pidfd_send_signal": ("5.1", "kill by a descriptor"),
    "CLONE_PIDFD": ("5.2", "clone: a descriptor of the child"),
    "pidfd_open": ("5.3", "a descriptor of a process, which can be polled for its end"),
    "clone3": ("5.3", "clone with a structure: CLONE_INTO_CGROUP is not offered"),
    "P_PIDFD": ("5.4", "waitid for a descriptor's process"),
    "openat2": ("5.6", "openat with RESOLVE_…"),
    "pidfd_getfd": ("5.6", "a copy of another process's descriptor"),
    "faccessat2": ("5.8", "faccessat with AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH"),
    "setns-pidfd": ("5.8", 'setns with a descriptor of a process: several namespaces at once, where "setns" is on'),
    "close_range": ("5.9", "close many descriptors, or mark them CLOSE_RANGE_CLOEXEC"),
    "Seccomp_filters": ("5.9", "/proc/PID/status: how many filters of system calls there are"),
    "epoll_pwait2": ("5.11", "epoll_pwait with nanoseconds"),
    "futex_waitv": ("5.16", "wait for one of several futexes"),
    "AT_RSEQ_FEATURE_SIZE": ("6.3", "auxiliary vector: what rseq knows to write; AT_RSEQ_ALIGN"),
    "fchmodat2": ("6.6", "fchmodat with AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH"),
    "Kthread": ("6.8", "/proc/PID/status: whether it is a thread of the kernel"),
}

_RELEASE: Final = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}", re.ASCII)


def later_names(later: str | Iterable[str]) -> frozenset[str]:
    """Return the names that are meant: "all", one of them, several with commas between, or a collection of them.

    Raises ValueError for a name that there is not.
    """
    given = [name.strip() for name in later.split(",")] if isinstance(later, str) else list(later)
    names: set[str] = set()
    for name in given:
        if name == ALL:
            names.update(LATER)
        elif name in LATER:
            names.add(name)
        elif name or not isinstance(later, str):
            raise ValueError(f"later: nothing later than 3.2 is called {name!r} here; `procession run --later help`")
    return frozenset(names)


def release_of(release: str) -> bytes:
    """Return what uname(2) says as a release, three numbers with dots between; raises ValueError."""
    if not _RELEASE.fullmatch(release):
        raise ValueError(f"release: three numbers like 5.10.0 expected, not {release!r}")
    return release.encode()
