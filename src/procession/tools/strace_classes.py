"""strace's classes of system calls: what -e trace=%file and the like stand for."""

from __future__ import annotations

from typing import Final

from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.init import vmlinux  # noqa: F401 -- links every call in

__all__ = ("CLASSES", "members")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NETWORK: Final = _words(
    "socket connect accept accept4 sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername "
    "socketpair setsockopt getsockopt sendfile sendmmsg recvmmsg getpmsg putpmsg"
)
_STAT: Final = _words("stat lstat fstat newfstatat statx")

# As strace(1) has them; most of those about files and descriptors come from the declarations.
CLASSES: Final = {
    "clock": _words("adjtimex clock_adjtime clock_getres clock_gettime clock_settime gettimeofday settimeofday time"),
    "creds": _words(
        "getuid getgid geteuid getegid setuid setgid setreuid setregid setresuid getresuid setresgid getresgid "
        "setfsuid setfsgid getgroups setgroups capget capset prctl"
    ),
    "fstat": _words("fstat newfstatat statx"),
    "fstatfs": _words("fstatfs"),
    "ipc": _words("msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget"),
    "lstat": _words("lstat"),
    "memory": _words(
        "brk mmap munmap mprotect mremap madvise msync mlock mlock2 munlock mlockall munlockall mincore "
        "remap_file_pages mbind set_mempolicy get_mempolicy migrate_pages move_pages io_setup io_destroy shmat shmdt "
        "pkey_mprotect"
    ),
    "net": _NETWORK,
    "network": _NETWORK,
    "process": _words(
        "fork vfork clone clone3 execve execveat exit exit_group wait4 waitid kill tkill tgkill rt_sigqueueinfo "
        "rt_tgsigqueueinfo pidfd_open pidfd_send_signal"
    ),
    "pure": _words("getpid getppid getpgrp gettid getuid getgid geteuid getegid"),
    "signal": _words(
        "kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait "
        "rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack pause signalfd signalfd4 pidfd_send_signal"
    ),
    "stat": _words("stat"),
    "%%stat": _STAT,
    "statfs": _words("statfs"),
    "%%statfs": _words("statfs fstatfs ustat"),
}
# Of calls without a declaration, and of those whose declaration does not say it.
_FILE: Final = _words(
    "acct getcwd quotactl uselib inotify_add_watch fanotify_mark name_to_handle_at execveat statx renameat2 openat2 "
    "faccessat2 fchmodat2 mount_setattr move_mount fspick open_tree"
)
_DESC: Final = _words(
    "sendfile mq_open mq_timedsend mq_timedreceive mq_notify mq_getsetattr inotify_init inotify_init1 "
    "inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark perf_event_open name_to_handle_at "
    "open_by_handle_at finit_module renameat2 memfd_create kexec_file_load bpf execveat userfaultfd copy_file_range "
    "preadv2 pwritev2 statx openat2 faccessat2 pidfd_open pidfd_send_signal pidfd_getfd close_range"
)
_DESCRIPTORS: Final = frozenset({"descriptor", "fd", "int[2]", "pollfd[]", "fd_set"})


def members(name: str) -> frozenset[str] | None:
    """Return the calls of a class, whose name may have % before it; None if there is no such class."""
    bare = name if name in CLASSES else name.removeprefix("%")
    if bare == "file":
        return _FILE | {call.name for call in SYSCALLS.values() if "path" in _kinds(call)}
    if bare == "desc":
        return _DESC | {call.name for call in SYSCALLS.values() if _kinds(call) & _DESCRIPTORS} - _NETWORK
    return CLASSES.get(bare)


def _kinds(call: Syscall) -> set[str]:
    return {param.arg.kind for param in call.params} | {call.result.kind}
