"""The system calls of x86-64, by number (arch/x86/include/asm/unistd_64.h); 3.2 ends at 311."""

from __future__ import annotations

from typing import Final

__all__ = ("LATER_CALLS", "NI_SYSCALLS", "NR", "NR_SYSCALLS", "SYSCALL_NAMES", "syscall_name")

# In the order of their numbers.
_NAMES: Final = """
    read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
    rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise
    shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket connect accept
    sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt
    getsockopt clone fork vfork execve exit wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv
    msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat
    link unlink symlink readlink chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo
    times ptrace getuid syslog getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid
    setregid getgroups setgroups setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget
    capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib
    personality ustat statfs fstatfs sysfs getpriority setpriority sched_setparam sched_getparam
    sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
    mlock munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl arch_prctl adjtimex setrlimit
    chroot sync acct settimeofday mount umount2 swapon swapoff reboot sethostname setdomainname iopl ioperm
    create_module init_module delete_module get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg
    afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr
    listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity
    sched_getaffinity set_thread_area io_setup io_destroy io_getevents io_submit io_cancel get_thread_area
    lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64 set_tid_address
    restart_syscall semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes
    vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify
    mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get inotify_init
    inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat
    unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list
    get_robust_list splice tee sync_file_range vmsplice move_pages utimensat epoll_pwait signalfd timerfd_create
    eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2
    inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark
    prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv
    process_vm_writev
"""

SYSCALL_NAMES: Final[dict[int, str]] = dict(enumerate(_NAMES.split()))
NR_SYSCALLS: Final = len(SYSCALL_NAMES)
NR: Final[dict[str, int]] = {name: nr for nr, name in SYSCALL_NAMES.items()}

# Numbers that 3.2 has reserved, but answers with ENOSYS on this architecture.
NI_SYSCALLS: Final = frozenset(
    {
        "uselib",
        "create_module",
        "get_kernel_syms",
        "query_module",
        "nfsservctl",
        "getpmsg",
        "putpmsg",
        "afs_syscall",
        "tuxcall",
        "security",
        "set_thread_area",
        "get_thread_area",
        "epoll_ctl_old",
        "epoll_wait_old",
        "vserver",
    }
)

# Calls that came after 3.2, for those who ask in vain: number -> (name, how many arguments it has).
LATER_CALLS: Final[dict[int, tuple[str, int]]] = {
    312: ("kcmp", 5),
    313: ("finit_module", 3),
    314: ("sched_setattr", 3),
    315: ("sched_getattr", 4),
    316: ("renameat2", 5),
    317: ("seccomp", 3),
    318: ("getrandom", 3),
    319: ("memfd_create", 2),
    320: ("kexec_file_load", 5),
    321: ("bpf", 3),
    322: ("execveat", 5),
    323: ("userfaultfd", 1),
    324: ("membarrier", 3),
    325: ("mlock2", 3),
    326: ("copy_file_range", 6),
    327: ("preadv2", 6),
    328: ("pwritev2", 6),
    329: ("pkey_mprotect", 4),
    330: ("pkey_alloc", 2),
    331: ("pkey_free", 1),
    332: ("statx", 5),
    333: ("io_pgetevents", 6),
    334: ("rseq", 4),
    424: ("pidfd_send_signal", 4),
    425: ("io_uring_setup", 2),
    426: ("io_uring_enter", 6),
    427: ("io_uring_register", 4),
    428: ("open_tree", 3),
    429: ("move_mount", 5),
    430: ("fsopen", 2),
    431: ("fsconfig", 5),
    432: ("fsmount", 3),
    433: ("fspick", 3),
    434: ("pidfd_open", 2),
    435: ("clone3", 2),
    436: ("close_range", 3),
    437: ("openat2", 4),
    438: ("pidfd_getfd", 3),
    439: ("faccessat2", 4),
    440: ("process_madvise", 5),
    441: ("epoll_pwait2", 6),
    442: ("mount_setattr", 5),
    443: ("quotactl_fd", 4),
    444: ("landlock_create_ruleset", 3),
    445: ("landlock_add_rule", 4),
    446: ("landlock_restrict_self", 2),
    447: ("memfd_secret", 1),
    448: ("process_mrelease", 2),
    449: ("futex_waitv", 5),
    450: ("set_mempolicy_home_node", 4),
    451: ("cachestat", 4),
    452: ("fchmodat2", 4),
    453: ("map_shadow_stack", 3),
    454: ("futex_wake", 4),
    455: ("futex_wait", 6),
    456: ("futex_requeue", 4),
    457: ("statmount", 4),
    458: ("listmount", 4),
    462: ("mseal", 3),
}


def syscall_name(nr: int) -> str:
    """Return the name of call nr, whether 3.2 has it or not; "syscall_NR" if nobody has."""
    name = SYSCALL_NAMES.get(nr)
    if name is None:
        name = LATER_CALLS[nr][0] if nr in LATER_CALLS else f"syscall_{nr:#x}"
    return name
