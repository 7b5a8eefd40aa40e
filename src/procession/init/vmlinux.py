"""What the linker does for Linux: pull in every file that declares system calls, whoever else uses it."""

from procession.arch.x86 import process, signal  # noqa: F401 -- importing declares
from procession.drivers.char import random  # noqa: F401 -- importing declares
from procession.fs import (  # noqa: F401 -- importing declares
    copy_file_range,
    dcache,
    eventfd,
    eventpoll,
    exec,
    fcntl,
    ioctl,
    ioprio,
    locks,
    namei_modify,
    namespace_mount,
    open,
    openat2,
    pipe,
    read_write,
    readdir,
    select,
    signalfd,
    splice,
    stat,
    statfs,
    statx,
    sync,
    timerfd,
    utimes,
    xattr,
)
from procession.ipc import mqueue_syscalls, msg, sem, shm  # noqa: F401 -- importing declares
from procession.kernel import (  # noqa: F401 -- importing declares
    acct,
    capability,
    clone3,
    exec_domain,
    exit,
    exit_wait,
    fork,
    fork_mm,
    futex,
    futex_robust,
    groups,
    hrtimer,
    itimer,
    nsproxy,
    pidfd,
    posix_timers,
    printk,
    ptrace_request,
    sched_syscalls,
    seccomp,
    signal_syscalls,
    sys,
    sys_ids,
    sys_prctl,
    time,
    timer,
)
from procession.mm import fadvise, madvise, memfd, mempolicy, mincore, mlock, mmap, mprotect, mremap, msync, process_vm_access  # noqa: F401 -- importing declares
from procession.net import socket  # noqa: F401 -- importing declares
from procession.security.keys import keyctl  # noqa: F401 -- importing declares
