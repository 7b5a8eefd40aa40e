"""The system calls that take what C's take. Made by scripts/python_calls.py from the declarations.

Paths are str or bytes; what a Pointer can be is said there.
"""
# ruff: noqa: D402, E501 -- docstrings as the declarations have them

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from procession.arch.python._constants import Constants
from procession.arch.python.buffer import path_of
from procession.arch.python.caller import Caller, Pointer
from procession.arch.python.traps import trap

__all__ = ("PlainCalls",)


class PlainCalls(Caller):
    """System calls as they are; the manual page of the same name says what they do."""

    __slots__ = ()

    def close(self, fd: int) -> Awaitable[int]:
        """Close a descriptor (close(2)). It is gone whatever is returned, so a restart makes no sense: EINTR."""
        return trap("close", fd)

    def lseek(self, fd: int, offset: int, whence: int = Constants.SEEK_SET) -> Awaitable[int]:
        """Move the file position (lseek(2)); whence up to SEEK_HOLE, which is 3.1's."""
        return trap("lseek", fd, offset, whence)

    def mprotect(self, start: int, length: int, prot: int) -> Awaitable[int]:
        """Change the protection of pages (mprotect(2)); raises EINVAL, ENOMEM, EACCES."""
        return trap("mprotect", start, length, prot)

    def munmap(self, addr: int, length: int) -> Awaitable[int]:
        """Unmap pages (munmap(2)); raises EINVAL, ENOMEM."""
        return trap("munmap", addr, length)

    def brk(self, brk: int = 0) -> Awaitable[int]:
        """Move the end of the heap; returns the end after the call, moved or not (brk(2) of the kernel)."""
        return trap("brk", brk)

    def rt_sigaction(self, sig: int, act: Pointer, oact: Pointer, sigsetsize: int) -> Awaitable[int]:
        """Set what a signal does, return what it did; raises EINVAL, EFAULT (sigaction(2))."""
        return self.syscall("rt_sigaction", sig, act, oact, sigsetsize)

    def rt_sigprocmask(self, how: int, nset: Pointer, oset: Pointer, sigsetsize: int) -> Awaitable[int]:
        """Change the set of blocked signals, return the old one; raises EINVAL, EFAULT (sigprocmask(2))."""
        return self.syscall("rt_sigprocmask", how, nset, oset, sigsetsize)

    def rt_sigreturn(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("rt_sigreturn", *args)

    def pread64(self, fd: int, buf: Pointer, count: int, pos: int) -> Awaitable[int]:
        """Read at a position (pread(2))."""
        return self.syscall("pread64", fd, buf, count, pos)

    def pwrite64(self, fd: int, buf: Pointer, count: int, pos: int) -> Awaitable[int]:
        """Write at a position (pwrite(2)); with O_APPEND at the end nevertheless."""
        return self.syscall("pwrite64", fd, buf, count, pos)

    def readv(self, fd: int, vec: Pointer, vlen: int) -> Awaitable[int]:
        """Read into several buffers (readv(2))."""
        return self.syscall("readv", fd, vec, vlen)

    def writev(self, fd: int, vec: Pointer, vlen: int) -> Awaitable[int]:
        """Write several buffers as one (writev(2))."""
        return self.syscall("writev", fd, vec, vlen)

    def access(self, filename: str | bytes, mode: int) -> Awaitable[int]:
        """Check what the real user may do (access(2))."""
        return trap("access", path_of(filename), mode)

    def select(self, n: int, inp: Pointer, outp: Pointer, exp: Pointer, tvp: Pointer) -> Awaitable[int]:
        """Wait until descriptors below n are ready to read, write, or have news (select(2))."""
        return self.syscall("select", n, inp, outp, exp, tvp)

    def sched_yield(self) -> Awaitable[int]:
        """Let others run first (sched_yield(2)): all of them if the task is a fair one, its equals if it is real-time."""
        return trap("sched_yield")

    def mremap(self, addr: int, old_len: int, new_len: int, flags: int, new_addr: int = 0) -> Awaitable[int]:
        """Resize or move a mapping (mremap(2)); raises EINVAL, EFAULT, ENOMEM, EAGAIN, EPERM."""
        return trap("mremap", addr, old_len, new_len, flags, new_addr)

    def msync(self, start: int, length: int, flags: int) -> Awaitable[int]:
        """Write changes of shared mappings to their files (msync(2)); raises EINVAL, EBUSY, ENOMEM for holes, ENOSPC."""
        return trap("msync", start, length, flags)

    def mincore(self, start: int, length: int, vec: Pointer) -> Awaitable[int]:
        """Store a byte per page, 1 if it is in memory (mincore(2)); raises EINVAL, ENOMEM, EFAULT."""
        return self.syscall("mincore", start, length, vec)

    def madvise(self, start: int, length: int, behavior: int) -> Awaitable[int]:
        """Advise on the use of memory (madvise(2)); raises EINVAL, ENOMEM for holes, EBADF, EACCES, ENOSYS."""
        return trap("madvise", start, length, behavior)

    def shmget(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("shmget", *args)

    def shmat(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("shmat", *args)

    def shmctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("shmctl", *args)

    def dup(self, fildes: int) -> Awaitable[int]:
        """Return the lowest free descriptor, leading to the same open file (dup(2))."""
        return trap("dup", fildes)

    def dup2(self, oldfd: int, newfd: int) -> Awaitable[int]:
        """Make newfd lead to the same open file, closing what it was (dup2(2))."""
        return trap("dup2", oldfd, newfd)

    def pause(self) -> Awaitable[int]:
        """Sleep until a signal has run a handler; always ends with ERESTARTNOHAND (pause(2))."""
        return trap("pause")

    def alarm(self, seconds: int) -> Awaitable[int]:
        """Have SIGALRM sent; returns the seconds the previous alarm had left (alarm(2))."""
        return trap("alarm", seconds)

    def getpid(self) -> Awaitable[int]:
        """Return the process id (getpid(2))."""
        return trap("getpid")

    def sendfile(self, out_fd: int, in_fd: int, offset: Pointer, count: int) -> Awaitable[int]:
        """Copy from a regular file to a descriptor inside the kernel (sendfile(2))."""
        return self.syscall("sendfile", out_fd, in_fd, offset, count)

    def socket(self, family: int, type: int, protocol: int) -> Awaitable[int]:
        """Make a socket (socket(2))."""
        return trap("socket", family, type, protocol)

    def connect(self, fd: int, uservaddr: Pointer, addrlen: int) -> Awaitable[int]:
        """Connect a socket (connect(2))."""
        return self.syscall("connect", fd, uservaddr, addrlen)

    def accept(self, fd: int, upeer_sockaddr: Pointer, upeer_addrlen: Pointer) -> Awaitable[int]:
        """Take a connection (accept(2))."""
        return self.syscall("accept", fd, upeer_sockaddr, upeer_addrlen)

    def sendto(self, fd: int, buff: Pointer, len: int, flags: int, addr: Pointer, addr_len: int) -> Awaitable[int]:
        """Send a message, perhaps to an address (sendto(2))."""
        return self.syscall("sendto", fd, buff, len, flags, addr, addr_len)

    def recvfrom(
        self, fd: int, ubuf: Pointer, size: int, flags: int, addr: Pointer, addr_len: Pointer
    ) -> Awaitable[int]:
        """Receive a message, and perhaps its sender's address (recvfrom(2))."""
        return self.syscall("recvfrom", fd, ubuf, size, flags, addr, addr_len)

    def sendmsg(self, fd: int, msg: Pointer, flags: int) -> Awaitable[int]:
        """Send pieces of memory as one message, with open files (sendmsg(2))."""
        return self.syscall("sendmsg", fd, msg, flags)

    def recvmsg(self, fd: int, msg: Pointer, flags: int) -> Awaitable[int]:
        """Receive a message into pieces of memory, with open files and credentials (recvmsg(2))."""
        return self.syscall("recvmsg", fd, msg, flags)

    def shutdown(self, fd: int, how: int) -> Awaitable[int]:
        """End a direction: 0 receiving, 1 sending, 2 both (shutdown(2)); 3.2 looks at no other bits, and refuses none."""
        return trap("shutdown", fd, how)

    def bind(self, fd: int, umyaddr: Pointer, addrlen: int) -> Awaitable[int]:
        """Give a socket a name (bind(2))."""
        return self.syscall("bind", fd, umyaddr, addrlen)

    def listen(self, fd: int, backlog: int) -> Awaitable[int]:
        """Accept connections (listen(2))."""
        return trap("listen", fd, backlog)

    def getsockname(self, fd: int, usockaddr: Pointer, usockaddr_len: Pointer) -> Awaitable[int]:
        """Store a socket's own name (getsockname(2))."""
        return self.syscall("getsockname", fd, usockaddr, usockaddr_len)

    def getpeername(self, fd: int, usockaddr: Pointer, usockaddr_len: Pointer) -> Awaitable[int]:
        """Store the name of the other end (getpeername(2)); raises ENOTCONN."""
        return self.syscall("getpeername", fd, usockaddr, usockaddr_len)

    def setsockopt(self, fd: int, level: int, optname: int, optval: Pointer, optlen: int) -> Awaitable[int]:
        """Set an option (setsockopt(2)); those without a meaning for local sockets are accepted, as in 3.2."""
        return self.syscall("setsockopt", fd, level, optname, optval, optlen)

    def getsockopt(self, fd: int, level: int, optname: int, optval: Pointer, optlen: Pointer) -> Awaitable[int]:
        """Return an option (getsockopt(2))."""
        return self.syscall("getsockopt", fd, level, optname, optval, optlen)

    def kill(self, pid: int, sig: int) -> Awaitable[int]:
        """Send to a process, a group (0, -pgid) or everybody (-1); raises ESRCH before EINVAL, EPERM (kill(2))."""
        return trap("kill", pid, sig)

    def semget(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("semget", *args)

    def semop(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("semop", *args)

    def semctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("semctl", *args)

    def shmdt(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("shmdt", *args)

    def msgget(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("msgget", *args)

    def msgsnd(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("msgsnd", *args)

    def msgrcv(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("msgrcv", *args)

    def msgctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("msgctl", *args)

    def flock(self, fd: int, cmd: int) -> Awaitable[int]:
        """Lock a whole file for its open file description (flock(2))."""
        return trap("flock", fd, cmd)

    def fsync(self, fd: int) -> Awaitable[int]:
        """Write a file back (fsync(2)); raises EBADF, EINVAL for pipes, sockets and devices."""
        return trap("fsync", fd)

    def fdatasync(self, fd: int) -> Awaitable[int]:
        """Write a file's data back (fdatasync(2))."""
        return trap("fdatasync", fd)

    def truncate(self, path: str | bytes, length: int) -> Awaitable[int]:
        """Set the size of a file by name (truncate(2))."""
        return trap("truncate", path_of(path), length)

    def ftruncate(self, fd: int, length: int) -> Awaitable[int]:
        """Set the size of an open file (ftruncate(2))."""
        return trap("ftruncate", fd, length)

    def chdir(self, filename: str | bytes) -> Awaitable[int]:
        """Change the working directory (chdir(2))."""
        return trap("chdir", path_of(filename))

    def fchdir(self, fd: int) -> Awaitable[int]:
        """Change the working directory to an open one (fchdir(2))."""
        return trap("fchdir", fd)

    def mkdir(self, pathname: str | bytes, mode: int = 0o777) -> Awaitable[int]:
        """Make a directory (mkdir(2))."""
        return trap("mkdir", path_of(pathname), mode)

    def rmdir(self, pathname: str | bytes) -> Awaitable[int]:
        """Remove an empty directory (rmdir(2))."""
        return trap("rmdir", path_of(pathname))

    def creat(self, pathname: str | bytes, mode: int) -> Awaitable[int]:
        """Open for writing, created or emptied (creat(2))."""
        return trap("creat", path_of(pathname), mode)

    def unlink(self, pathname: str | bytes) -> Awaitable[int]:
        """Remove a name; the file goes with its last name and its last open descriptor (unlink(2))."""
        return trap("unlink", path_of(pathname))

    def chmod(self, filename: str | bytes, mode: int) -> Awaitable[int]:
        """Set the permission bits (chmod(2))."""
        return trap("chmod", path_of(filename), mode)

    def fchmod(self, fd: int, mode: int) -> Awaitable[int]:
        """Set the permission bits of an open file (fchmod(2))."""
        return trap("fchmod", fd, mode)

    def chown(self, filename: str | bytes, user: int, group: int) -> Awaitable[int]:
        """Set owner and group (chown(2))."""
        return trap("chown", path_of(filename), user, group)

    def fchown(self, fd: int, user: int, group: int) -> Awaitable[int]:
        """Set owner and group of an open file (fchown(2))."""
        return trap("fchown", fd, user, group)

    def lchown(self, filename: str | bytes, user: int, group: int) -> Awaitable[int]:
        """Set owner and group, of a symbolic link itself (lchown(2))."""
        return trap("lchown", path_of(filename), user, group)

    def umask(self, mask: int) -> Awaitable[int]:
        """Set the mask of new files' modes, return the old one (umask(2))."""
        return trap("umask", mask)

    def ptrace(self, request: int, nr: int, addr: int, data: int) -> Awaitable[int]:
        """Trace another thread (ptrace(2), ptrace-x86 5)."""
        return trap("ptrace", request, nr, addr, data)

    def getuid(self) -> Awaitable[int]:
        """Return the real user id (getuid(2))."""
        return trap("getuid")

    def syslog(self, type: int, buf: Pointer, len: int) -> Awaitable[int]:
        """Read or control the kernel log; raises EPERM, EINVAL, EFAULT, ERESTARTSYS (syslog(2))."""
        return self.syscall("syslog", type, buf, len)

    def getgid(self) -> Awaitable[int]:
        """Return the real group id (getgid(2))."""
        return trap("getgid")

    def setuid(self, uid: int) -> Awaitable[int]:
        """Become uid: for good with CAP_SETUID, else effectively, back to the real or saved id; raises EPERM, EAGAIN."""
        return trap("setuid", uid)

    def setgid(self, gid: int) -> Awaitable[int]:
        """Set the group id: for good with CAP_SETGID, else effectively; raises EPERM (setgid(2))."""
        return trap("setgid", gid)

    def geteuid(self) -> Awaitable[int]:
        """Return the effective user id (geteuid(2))."""
        return trap("geteuid")

    def getegid(self) -> Awaitable[int]:
        """Return the effective group id (getegid(2))."""
        return trap("getegid")

    def setpgid(self, pid: int = 0, pgid: int = 0) -> Awaitable[int]:
        """Move a process, ourselves or a child that has not exec'ed, to a group of its session (setpgid(2))."""
        return trap("setpgid", pid, pgid)

    def getppid(self) -> Awaitable[int]:
        """Return the parent's process id, 0 if it is outside our namespace; a tracer is never reported (getppid(2))."""
        return trap("getppid")

    def getpgrp(self) -> Awaitable[int]:
        """Return our process group (getpgrp(2))."""
        return trap("getpgrp")

    def setsid(self) -> Awaitable[int]:
        """Begin a session, without a terminal; raises EPERM for a leader, also if our number names a group (setsid(2))."""
        return trap("setsid")

    def setreuid(self, ruid: int, euid: int) -> Awaitable[int]:
        """Set real and effective uid, -1 keeps one; raises EPERM, EAGAIN (setreuid(2))."""
        return trap("setreuid", ruid, euid)

    def setregid(self, rgid: int, egid: int) -> Awaitable[int]:
        """Set real and effective gid, -1 keeps one; raises EPERM (setregid(2))."""
        return trap("setregid", rgid, egid)

    def setresuid(self, ruid: int, euid: int, suid: int) -> Awaitable[int]:
        """Set real, effective and saved uid, -1 keeps one; raises EPERM, EAGAIN (setresuid(2))."""
        return trap("setresuid", ruid, euid, suid)

    def setresgid(self, rgid: int, egid: int, sgid: int) -> Awaitable[int]:
        """Set real, effective and saved gid, -1 keeps one; raises EPERM (setresgid(2))."""
        return trap("setresgid", rgid, egid, sgid)

    def getpgid(self, pid: int = 0) -> Awaitable[int]:
        """Return a process's group, 0 for ourselves; raises ESRCH (getpgid(2))."""
        return trap("getpgid", pid)

    def setfsuid(self, uid: int) -> Awaitable[int]:
        """Set the uid that files see; returns the old one, changed or not (setfsuid(2))."""
        return trap("setfsuid", uid)

    def setfsgid(self, gid: int) -> Awaitable[int]:
        """Set the gid that files see; returns the old one, changed or not (setfsgid(2))."""
        return trap("setfsgid", gid)

    def getsid(self, pid: int = 0) -> Awaitable[int]:
        """Return a process's session, 0 for ourselves; raises ESRCH (getsid(2))."""
        return trap("getsid", pid)

    def capget(self, header: Pointer, dataptr: Pointer) -> Awaitable[int]:
        """Return the capabilities of a thread; without dataptr only ask for the version. Raises EINVAL, ESRCH, EFAULT."""
        return self.syscall("capget", header, dataptr)

    def capset(self, header: Pointer, data: Pointer) -> Awaitable[int]:
        """Set the caller's capabilities; raises EINVAL, EFAULT, EPERM for another thread or for more than it may have."""
        return self.syscall("capset", header, data)

    def rt_sigpending(self, set: Pointer, sigsetsize: int) -> Awaitable[int]:
        """Return which blocked signals are pending; a shorter set is allowed. Raises EINVAL, EFAULT (sigpending(2))."""
        return self.syscall("rt_sigpending", set, sigsetsize)

    def rt_sigtimedwait(self, uthese: Pointer, uinfo: Pointer, uts: Pointer, sigsetsize: int) -> Awaitable[int]:
        """Take a signal of a set, waiting for one; raises EINVAL, EFAULT, EAGAIN at the timeout, EINTR (sigwaitinfo(2))."""
        return self.syscall("rt_sigtimedwait", uthese, uinfo, uts, sigsetsize)

    def rt_sigqueueinfo(self, pid: int, sig: int, uinfo: Pointer) -> Awaitable[int]:
        """Send to a process with a siginfo of one's own; raises EFAULT, EPERM, ESRCH, EINVAL, EAGAIN (sigqueue(3))."""
        return self.syscall("rt_sigqueueinfo", pid, sig, uinfo)

    def rt_sigsuspend(self, unewset: Pointer, sigsetsize: int) -> Awaitable[int]:
        """Sleep with another mask until a handler has run; raises EINVAL, EFAULT, ERESTARTNOHAND (sigsuspend(2))."""
        return self.syscall("rt_sigsuspend", unewset, sigsetsize)

    def sigaltstack(self, uss: Pointer, uoss: Pointer) -> Awaitable[int]:
        """Set and return the stack of SA_ONSTACK handlers; raises EFAULT, EPERM, EINVAL, ENOMEM (sigaltstack(2))."""
        return self.syscall("sigaltstack", uss, uoss)

    def utime(self, filename: str | bytes, times: Pointer) -> Awaitable[int]:
        """Set times in seconds (utime(2))."""
        return self.syscall("utime", filename, times)

    def mknod(self, filename: str | bytes, mode: int, dev: int = 0) -> Awaitable[int]:
        """Make a file that is no directory (mknod(2))."""
        return trap("mknod", path_of(filename), mode, dev)

    def uselib(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("uselib", *args)

    def personality(self, personality: int) -> Awaitable[int]:
        """Set how the system presents itself, return what it was; never fails (personality(2))."""
        return trap("personality", personality)

    def ustat(self, dev: int, ubuf: Pointer) -> Awaitable[int]:
        """Describe a mounted file system by device (ustat(2)); raises EINVAL."""
        return self.syscall("ustat", dev, ubuf)

    def statfs(self, pathname: str | bytes, buf: Pointer) -> Awaitable[int]:
        """Describe the file system that holds a file (statfs(2))."""
        return self.syscall("statfs", pathname, buf)

    def fstatfs(self, fd: int, buf: Pointer) -> Awaitable[int]:
        """Describe the file system that holds an open file (fstatfs(2))."""
        return self.syscall("fstatfs", fd, buf)

    def sysfs(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("sysfs", *args)

    def getpriority(self, which: int = Constants.PRIO_PROCESS, who: int = 0) -> Awaitable[int]:
        """Return 20 - nice of the most favoured of the threads; raises EINVAL, ESRCH (getpriority(2))."""
        return trap("getpriority", which, who)

    def setpriority(self, which: int, who: int, niceval: int) -> Awaitable[int]:
        """Set the nice value of a thread, of a group's or a user's threads."""
        return trap("setpriority", which, who, niceval)

    def sched_setparam(self, nr: int, param: Pointer) -> Awaitable[int]:
        """Change a thread's real-time priority (sched_setparam(2)); raises EINVAL, EFAULT, ESRCH, EPERM."""
        return self.syscall("sched_setparam", nr, param)

    def sched_getparam(self, nr: int, param: Pointer) -> Awaitable[int]:
        """Read a thread's real-time priority (sched_getparam(2)); raises EINVAL, ESRCH, EFAULT."""
        return self.syscall("sched_getparam", nr, param)

    def sched_getscheduler(self, nr: int = 0) -> Awaitable[int]:
        """Return a thread's policy, with RESET_ON_FORK if set (sched_getscheduler(2)); raises EINVAL, ESRCH."""
        return trap("sched_getscheduler", nr)

    def sched_get_priority_max(self, policy: int) -> Awaitable[int]:
        """Return the highest priority of a policy (sched_get_priority_max(2)); raises EINVAL."""
        return trap("sched_get_priority_max", policy)

    def sched_get_priority_min(self, policy: int) -> Awaitable[int]:
        """Return the lowest priority of a policy (sched_get_priority_min(2)); raises EINVAL."""
        return trap("sched_get_priority_min", policy)

    def sched_rr_get_interval(self, nr: int, interval: Pointer) -> Awaitable[int]:
        """Read how long a thread may run before its equals are due (sched_rr_get_interval(2))."""
        return self.syscall("sched_rr_get_interval", nr, interval)

    def mlock(self, start: int, length: int) -> Awaitable[int]:
        """Lock pages in memory (mlock(2)); raises EPERM, ENOMEM, EAGAIN, EINVAL."""
        return trap("mlock", start, length)

    def munlock(self, start: int, length: int) -> Awaitable[int]:
        """Unlock pages (munlock(2)); raises ENOMEM, EINVAL."""
        return trap("munlock", start, length)

    def mlockall(self, flags: int) -> Awaitable[int]:
        """Lock all pages, now or in future mappings (mlockall(2)); raises EINVAL, EPERM, ENOMEM."""
        return trap("mlockall", flags)

    def munlockall(self) -> Awaitable[int]:
        """Unlock all pages (munlockall(2))."""
        return trap("munlockall")

    def vhangup(self) -> Awaitable[int]:
        """Hang up the controlling terminal, if there is one (vhangup(2)); raises EPERM."""
        return trap("vhangup")

    def modify_ldt(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("modify_ldt", *args)

    def pivot_root(self, new_root: str | bytes, put_old: str | bytes) -> Awaitable[int]:
        """Not modelled: EINVAL, as 3.2 answers when the root is not a mount point that can move (pivot_root(2))."""
        return trap("pivot_root", path_of(new_root), path_of(put_old))

    def _sysctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("_sysctl", *args)

    def prctl(self, option: int, arg2: Pointer = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> Awaitable[int]:
        """Get or set a property of the process; raises EINVAL for what 3.2 does not know, EPERM, EFAULT (prctl(2))."""
        return self.syscall("prctl", option, arg2, arg3, arg4, arg5)

    def arch_prctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("arch_prctl", *args)

    def adjtimex(self, txc: Pointer) -> Awaitable[int]:
        """Report the state of the clock's discipline: not synchronised (adjtimex(2))."""
        return self.syscall("adjtimex", txc)

    def chroot(self, filename: str | bytes) -> Awaitable[int]:
        """Change the root directory (chroot(2)); the working directory stays where it is."""
        return trap("chroot", path_of(filename))

    def sync(self) -> Awaitable[int]:
        """Write everything back (sync(2))."""
        return trap("sync")

    def acct(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("acct", *args)

    def settimeofday(self, tv: Pointer, tz: Pointer) -> Awaitable[int]:
        """Set the time of day (settimeofday(2)); raises EFAULT, EINVAL, EPERM without CAP_SYS_TIME."""
        return self.syscall("settimeofday", tv, tz)

    def umount2(self, name: str | bytes, flags: int) -> Awaitable[int]:
        """Take a mount away (umount(2)); raises EINVAL, EPERM, EBUSY. MNT_DETACH does not look whether it is used."""
        return trap("umount2", path_of(name), flags)

    def swapon(self, path: str | bytes, flags: int) -> Awaitable[int]:
        """Add swap space (swapon(2)); raises EPERM, ENOSYS."""
        return trap("swapon", path_of(path), flags)

    def swapoff(self, path: str | bytes) -> Awaitable[int]:
        """Take swap space away (swapoff(2)); raises EPERM, ENOSYS."""
        return trap("swapoff", path_of(path))

    def reboot(self, magic1: int, magic2: int, cmd: int, arg: Pointer) -> Awaitable[int]:
        """Stop the machine; raises EPERM, EINVAL (reboot(2))."""
        return self.syscall("reboot", magic1, magic2, cmd, arg)

    def setdomainname(self, name: Pointer, len: int) -> Awaitable[int]:
        """Set the NIS domain name of the UTS namespace; raises EPERM, EINVAL, EFAULT (setdomainname(2))."""
        return self.syscall("setdomainname", name, len)

    def iopl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("iopl", *args)

    def ioperm(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("ioperm", *args)

    def create_module(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("create_module", *args)

    def init_module(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("init_module", *args)

    def delete_module(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("delete_module", *args)

    def get_kernel_syms(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("get_kernel_syms", *args)

    def query_module(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("query_module", *args)

    def quotactl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("quotactl", *args)

    def nfsservctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("nfsservctl", *args)

    def getpmsg(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("getpmsg", *args)

    def putpmsg(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("putpmsg", *args)

    def afs_syscall(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("afs_syscall", *args)

    def tuxcall(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("tuxcall", *args)

    def security(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("security", *args)

    def gettid(self) -> Awaitable[int]:
        """Return the thread id (gettid(2))."""
        return trap("gettid")

    def readahead(self, fd: int, offset: int, count: int) -> Awaitable[int]:
        """Read a part of a file ahead of its use (readahead(2)); raises EBADF, and EINVAL: no file here has readpage."""
        return trap("readahead", fd, offset, count)

    def setxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int, flags: int) -> Awaitable[int]:
        """setxattr(2)."""
        return self.syscall("setxattr", pathname, name, value, size, flags)

    def lsetxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int, flags: int) -> Awaitable[int]:
        """lsetxattr(2)."""
        return self.syscall("lsetxattr", pathname, name, value, size, flags)

    def fsetxattr(self, fd: int, name: Pointer, value: Pointer, size: int, flags: int) -> Awaitable[int]:
        """fsetxattr(2)."""
        return self.syscall("fsetxattr", fd, name, value, size, flags)

    def getxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int) -> Awaitable[int]:
        """getxattr(2)."""
        return self.syscall("getxattr", pathname, name, value, size)

    def lgetxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int) -> Awaitable[int]:
        """lgetxattr(2)."""
        return self.syscall("lgetxattr", pathname, name, value, size)

    def fgetxattr(self, fd: int, name: Pointer, value: Pointer, size: int) -> Awaitable[int]:
        """fgetxattr(2)."""
        return self.syscall("fgetxattr", fd, name, value, size)

    def listxattr(self, pathname: str | bytes, list: Pointer, size: int) -> Awaitable[int]:
        """Return an empty list (listxattr(2))."""
        return self.syscall("listxattr", pathname, list, size)

    def llistxattr(self, pathname: str | bytes, list: Pointer, size: int) -> Awaitable[int]:
        """Return an empty list (llistxattr(2))."""
        return self.syscall("llistxattr", pathname, list, size)

    def flistxattr(self, fd: int, list: Pointer, size: int) -> Awaitable[int]:
        """Return an empty list (flistxattr(2))."""
        return self.syscall("flistxattr", fd, list, size)

    def removexattr(self, pathname: str | bytes, name: Pointer) -> Awaitable[int]:
        """removexattr(2)."""
        return self.syscall("removexattr", pathname, name)

    def lremovexattr(self, pathname: str | bytes, name: Pointer) -> Awaitable[int]:
        """lremovexattr(2)."""
        return self.syscall("lremovexattr", pathname, name)

    def fremovexattr(self, fd: int, name: Pointer) -> Awaitable[int]:
        """fremovexattr(2)."""
        return self.syscall("fremovexattr", fd, name)

    def tkill(self, pid: int, sig: int) -> Awaitable[int]:
        """Send to one thread; raises EINVAL, ESRCH, EPERM, EAGAIN (tkill(2))."""
        return trap("tkill", pid, sig)

    def set_thread_area(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("set_thread_area", *args)

    def io_setup(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("io_setup", *args)

    def io_destroy(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("io_destroy", *args)

    def io_getevents(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("io_getevents", *args)

    def io_submit(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("io_submit", *args)

    def io_cancel(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("io_cancel", *args)

    def get_thread_area(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return self.syscall("get_thread_area", *args)

    def lookup_dcookie(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("lookup_dcookie", *args)

    def epoll_ctl_old(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("epoll_ctl_old", *args)

    def epoll_wait_old(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("epoll_wait_old", *args)

    def remap_file_pages(self, start: int, size: int, prot: int, pgoff: int, flags: int) -> Awaitable[int]:
        """Rearrange the pages of a mapping (remap_file_pages(2)); not modelled: raises EINVAL."""
        return trap("remap_file_pages", start, size, prot, pgoff, flags)

    def getdents64(self, fd: int, dirent: Pointer, count: int) -> Awaitable[int]:
        """Store directory entries (getdents64(2))."""
        return self.syscall("getdents64", fd, dirent, count)

    def set_tid_address(self, tidptr: Pointer) -> Awaitable[int]:
        """Set where the thread's number is cleared when it ends; never fails (set_tid_address(2))."""
        return self.syscall("set_tid_address", tidptr)

    def restart_syscall(self) -> Awaitable[int]:
        """Go on with an interrupted call that knows how; raises EINTR if there is none."""
        return trap("restart_syscall")

    def semtimedop(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("semtimedop", *args)

    def fadvise64(self, fd: int, offset: int, length: int, advice: int) -> Awaitable[int]:
        """Advise on the use of a file, to no effect here (posix_fadvise(2)); raises EBADF, ESPIPE, EINVAL."""
        return trap("fadvise64", fd, offset, length, advice)

    def timer_create(self, which_clock: int, timer_event_spec: Pointer, created_timer_id: Pointer) -> Awaitable[int]:
        """Make a timer that is not armed (timer_create(2))."""
        return self.syscall("timer_create", which_clock, timer_event_spec, created_timer_id)

    def timer_settime(self, timer_id: int, flags: int, new_setting: Pointer, old_setting: Pointer) -> Awaitable[int]:
        """Arm a timer, or disarm it with a value of zero (timer_settime(2)); raises EINVAL, EFAULT, ESRCH."""
        return self.syscall("timer_settime", timer_id, flags, new_setting, old_setting)

    def timer_gettime(self, timer_id: int, setting: Pointer) -> Awaitable[int]:
        """Read a timer (timer_gettime(2)); raises EINVAL, EFAULT."""
        return self.syscall("timer_gettime", timer_id, setting)

    def timer_getoverrun(self, timer_id: int) -> Awaitable[int]:
        """Return how many expiries the last signal stood for beside its own (timer_getoverrun(2)); raises EINVAL."""
        return trap("timer_getoverrun", timer_id)

    def timer_delete(self, timer_id: int) -> Awaitable[int]:
        """Remove a timer (timer_delete(2)); raises EINVAL."""
        return trap("timer_delete", timer_id)

    def clock_settime(self, which_clock: int, tp: Pointer) -> Awaitable[int]:
        """Set CLOCK_REALTIME, the only one that can be set (clock_settime(2)); raises EINVAL, EFAULT, EPERM."""
        return self.syscall("clock_settime", which_clock, tp)

    def clock_getres(self, which_clock: int, tp: Pointer) -> Awaitable[int]:
        """Read a clock's resolution (clock_getres(2)); raises EINVAL, EFAULT."""
        return self.syscall("clock_getres", which_clock, tp)

    def tgkill(self, tgid: int, pid: int, sig: int) -> Awaitable[int]:
        """Send to one thread of a given process; raises EINVAL, ESRCH, EPERM, EAGAIN (tgkill(2))."""
        return trap("tgkill", tgid, pid, sig)

    def utimes(self, filename: str | bytes, utimes: Pointer) -> Awaitable[int]:
        """Set times in microseconds (utimes(2))."""
        return self.syscall("utimes", filename, utimes)

    def vserver(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return self.syscall("vserver", *args)

    def mbind(self, start: int, length: int, mode: int, nmask: Pointer, maxnode: int, flags: int) -> Awaitable[int]:
        """Set the NUMA policy of pages (mbind(2)); raises ENOSYS."""
        return self.syscall("mbind", start, length, mode, nmask, maxnode, flags)

    def set_mempolicy(self, mode: int, nmask: Pointer, maxnode: int) -> Awaitable[int]:
        """Set the NUMA policy of a thread (set_mempolicy(2)); raises ENOSYS."""
        return self.syscall("set_mempolicy", mode, nmask, maxnode)

    def get_mempolicy(self, policy: Pointer, nmask: Pointer, maxnode: int, addr: int, flags: int) -> Awaitable[int]:
        """Return the NUMA policy (get_mempolicy(2)); raises ENOSYS."""
        return self.syscall("get_mempolicy", policy, nmask, maxnode, addr, flags)

    def mq_open(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("mq_open", *args)

    def mq_unlink(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("mq_unlink", *args)

    def mq_timedsend(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("mq_timedsend", *args)

    def mq_timedreceive(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("mq_timedreceive", *args)

    def mq_notify(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("mq_notify", *args)

    def mq_getsetattr(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("mq_getsetattr", *args)

    def kexec_load(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("kexec_load", *args)

    def add_key(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("add_key", *args)

    def request_key(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("request_key", *args)

    def keyctl(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("keyctl", *args)

    def ioprio_set(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("ioprio_set", *args)

    def ioprio_get(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("ioprio_get", *args)

    def inotify_init(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("inotify_init", *args)

    def inotify_add_watch(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("inotify_add_watch", *args)

    def inotify_rm_watch(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("inotify_rm_watch", *args)

    def migrate_pages(self, pid: int, maxnode: int, old_nodes: Pointer, new_nodes: Pointer) -> Awaitable[int]:
        """Move a process's pages between nodes (migrate_pages(2)); raises ENOSYS."""
        return self.syscall("migrate_pages", pid, maxnode, old_nodes, new_nodes)

    def mkdirat(self, dfd: int, pathname: str | bytes, mode: int) -> Awaitable[int]:
        """Make a directory (mkdirat(2))."""
        return trap("mkdirat", dfd, path_of(pathname), mode)

    def mknodat(self, dfd: int, filename: str | bytes, mode: int, dev: int) -> Awaitable[int]:
        """Make a file that is no directory (mknodat(2))."""
        return trap("mknodat", dfd, path_of(filename), mode, dev)

    def fchownat(self, dfd: int, filename: str | bytes, user: int, group: int, flag: int) -> Awaitable[int]:
        """Set owner and group of a file named relative to a directory (fchownat(2))."""
        return trap("fchownat", dfd, path_of(filename), user, group, flag)

    def futimesat(self, dfd: int, filename: str | bytes, utimes: Pointer) -> Awaitable[int]:
        """Set times in microseconds (futimesat(2))."""
        return self.syscall("futimesat", dfd, filename, utimes)

    def newfstatat(self, dfd: int, filename: str | bytes, statbuf: Pointer, flag: int) -> Awaitable[int]:
        """Describe a file named relative to a directory (fstatat(2))."""
        return self.syscall("newfstatat", dfd, filename, statbuf, flag)

    def unlinkat(self, dfd: int, pathname: str | bytes, flag: int) -> Awaitable[int]:
        """Remove a name, or with AT_REMOVEDIR an empty directory (unlinkat(2))."""
        return trap("unlinkat", dfd, path_of(pathname), flag)

    def renameat(self, olddfd: int, oldname: str | bytes, newdfd: int, newname: str | bytes) -> Awaitable[int]:
        """Move a name, replacing what is there (renameat(2))."""
        return trap("renameat", olddfd, path_of(oldname), newdfd, path_of(newname))

    def linkat(
        self, olddfd: int, oldname: str | bytes, newdfd: int, newname: str | bytes, flags: int
    ) -> Awaitable[int]:
        """Give a file another name (linkat(2)); raises EXDEV across mounts, EPERM for a directory."""
        return trap("linkat", olddfd, path_of(oldname), newdfd, path_of(newname), flags)

    def symlinkat(self, oldname: str | bytes, newdfd: int, newname: str | bytes) -> Awaitable[int]:
        """Make a symbolic link with any text (symlinkat(2))."""
        return trap("symlinkat", path_of(oldname), newdfd, path_of(newname))

    def readlinkat(self, dfd: int, path: str | bytes, buf: Pointer, bufsiz: int) -> Awaitable[int]:
        """Store a symbolic link's text without a NUL and return its length, cut to bufsiz (readlinkat(2))."""
        return self.syscall("readlinkat", dfd, path, buf, bufsiz)

    def fchmodat(self, dfd: int, filename: str | bytes, mode: int) -> Awaitable[int]:
        """Set the permission bits of a file named relative to a directory (fchmodat(2); the call has no flags)."""
        return trap("fchmodat", dfd, path_of(filename), mode)

    def faccessat(self, dfd: int, filename: str | bytes, mode: int) -> Awaitable[int]:
        """Check what the real user may do (faccessat(2), without its library's flags)."""
        return trap("faccessat", dfd, path_of(filename), mode)

    def pselect6(self, n: int, inp: Pointer, outp: Pointer, exp: Pointer, tsp: Pointer, sig: Pointer) -> Awaitable[int]:
        """Select with a timeout in ns and, at *sig, the address and size of another signal mask (pselect(2))."""
        return self.syscall("pselect6", n, inp, outp, exp, tsp, sig)

    def ppoll(self, ufds: Pointer, nfds: int, tsp: Pointer, sigmask: Pointer, sigsetsize: int) -> Awaitable[int]:
        """Poll with another signal mask and a timeout in ns (ppoll(2))."""
        return self.syscall("ppoll", ufds, nfds, tsp, sigmask, sigsetsize)

    def unshare(self, unshare_flags: int) -> Awaitable[int]:
        """Stop sharing parts of the process (unshare(2))."""
        return trap("unshare", unshare_flags)

    def set_robust_list(self, head: Pointer, length: int) -> Awaitable[int]:
        """Register the calling thread's list of robust locks (set_robust_list(2)); raises EINVAL."""
        return self.syscall("set_robust_list", head, length)

    def get_robust_list(self, nr: int, head_ptr: Pointer, len_ptr: Pointer) -> Awaitable[int]:
        """Read a thread's registration (get_robust_list(2)); raises ESRCH, EPERM, EFAULT."""
        return self.syscall("get_robust_list", nr, head_ptr, len_ptr)

    def splice(
        self, fd_in: int, off_in: Pointer, fd_out: int, off_out: Pointer, len: int, flags: int
    ) -> Awaitable[int]:
        """Move data between a pipe and a file (splice(2)): EINVAL."""
        return self.syscall("splice", fd_in, off_in, fd_out, off_out, len, flags)

    def tee(self, fdin: int, fdout: int, len: int, flags: int) -> Awaitable[int]:
        """Copy data between pipes (tee(2)): EINVAL."""
        return trap("tee", fdin, fdout, len, flags)

    def sync_file_range(self, fd: int, offset: int, nbytes: int, flags: int) -> Awaitable[int]:
        """Write a part of a file back (sync_file_range(2)); raises EINVAL, EBADF, ESPIPE."""
        return trap("sync_file_range", fd, offset, nbytes, flags)

    def vmsplice(self, fd: int, iov: Pointer, nr_segs: int, flags: int) -> Awaitable[int]:
        """Put user pages into a pipe (vmsplice(2)): EINVAL."""
        return self.syscall("vmsplice", fd, iov, nr_segs, flags)

    def move_pages(
        self, pid: int, nr_pages: int, pages: Pointer, nodes: Pointer, status: Pointer, flags: int
    ) -> Awaitable[int]:
        """Move single pages between nodes (move_pages(2)); raises ENOSYS."""
        return self.syscall("move_pages", pid, nr_pages, pages, nodes, status, flags)

    def utimensat(self, dfd: int, filename: str | bytes, utimes: Pointer, flags: int) -> Awaitable[int]:
        """Set times in nanoseconds (utimensat(2), futimens(3))."""
        return self.syscall("utimensat", dfd, filename, utimes, flags)

    def epoll_pwait(
        self, epfd: int, events: Pointer, maxevents: int, timeout: int, sigmask: Pointer, sigsetsize: int
    ) -> Awaitable[int]:
        """epoll_wait with another signal mask (epoll_pwait(2))."""
        return self.syscall("epoll_pwait", epfd, events, maxevents, timeout, sigmask, sigsetsize)

    def timerfd_create(self, clockid: int = Constants.CLOCK_MONOTONIC, flags: int = 0) -> Awaitable[int]:
        """Make a timer on CLOCK_REALTIME or CLOCK_MONOTONIC (timerfd_create(2)); raises EINVAL, EMFILE."""
        return trap("timerfd_create", clockid, flags)

    def fallocate(self, fd: int, mode: int, offset: int, len: int) -> Awaitable[int]:
        """Reserve space (fallocate(2)): EOPNOTSUPP, as on 3.2's tmpfs, after the checks that come first."""
        return trap("fallocate", fd, mode, offset, len)

    def timerfd_gettime(self, ufd: int, otmr: Pointer) -> Awaitable[int]:
        """Store the time to the next expiry, and the period (timerfd_gettime(2)); raises EBADF, EINVAL, EFAULT."""
        return self.syscall("timerfd_gettime", ufd, otmr)

    def accept4(self, fd: int, upeer_sockaddr: Pointer, upeer_addrlen: Pointer, flags: int) -> Awaitable[int]:
        """Take a connection (accept4(2))."""
        return self.syscall("accept4", fd, upeer_sockaddr, upeer_addrlen, flags)

    def signalfd4(self, ufd: int, user_mask: Pointer, sizemask: int, flags: int) -> Awaitable[int]:
        """Make a descriptor that reads the signals in the set, or give ufd another set (signalfd4(2))."""
        return self.syscall("signalfd4", ufd, user_mask, sizemask, flags)

    def eventfd2(self, count: int, flags: int) -> Awaitable[int]:
        """Make a counter (eventfd2(2)): flags EFD_SEMAPHORE, EFD_NONBLOCK, EFD_CLOEXEC; raises EINVAL, EMFILE."""
        return trap("eventfd2", count, flags)

    def epoll_create1(self, flags: int) -> Awaitable[int]:
        """Make an epoll object (epoll_create1(2)); raises EINVAL, EMFILE."""
        return trap("epoll_create1", flags)

    def dup3(self, oldfd: int, newfd: int, flags: int) -> Awaitable[int]:
        """Make newfd lead to the same open file, closing what it was (dup3(2))."""
        return trap("dup3", oldfd, newfd, flags)

    def pipe2(self, fildes: Pointer, flags: int) -> Awaitable[int]:
        """Make a pipe (pipe2(2)): flags O_CLOEXEC and O_NONBLOCK; O_DIRECT is younger than 3.2."""
        return self.syscall("pipe2", fildes, flags)

    def inotify_init1(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("inotify_init1", *args)

    def preadv(self, fd: int, vec: Pointer, vlen: int, pos_l: int, pos_h: int) -> Awaitable[int]:
        """Read into several buffers at a position (preadv(2)); all of it is in pos_l."""
        return self.syscall("preadv", fd, vec, vlen, pos_l, pos_h)

    def pwritev(self, fd: int, vec: Pointer, vlen: int, pos_l: int, pos_h: int) -> Awaitable[int]:
        """Write several buffers at a position (pwritev(2)); all of it is in pos_l."""
        return self.syscall("pwritev", fd, vec, vlen, pos_l, pos_h)

    def rt_tgsigqueueinfo(self, tgid: int, pid: int, sig: int, uinfo: Pointer) -> Awaitable[int]:
        """As rt_sigqueueinfo, to one thread; raises EFAULT, EINVAL, EPERM, ESRCH, EAGAIN."""
        return self.syscall("rt_tgsigqueueinfo", tgid, pid, sig, uinfo)

    def perf_event_open(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("perf_event_open", *args)

    def recvmmsg(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("recvmmsg", *args)

    def fanotify_init(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("fanotify_init", *args)

    def fanotify_mark(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("fanotify_mark", *args)

    def name_to_handle_at(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("name_to_handle_at", *args)

    def open_by_handle_at(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("open_by_handle_at", *args)

    def clock_adjtime(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("clock_adjtime", *args)

    def syncfs(self, fd: int) -> Awaitable[int]:
        """Write a file system back (syncfs(2)); raises EBADF."""
        return trap("syncfs", fd)

    def sendmmsg(self, *args: Any) -> Awaitable[int]:
        """Raise OSError with ENOSYS: not supported."""
        return self.syscall("sendmmsg", *args)

    def setns(self, fd: int, nstype: int) -> Awaitable[int]:
        """Enter the namespace behind an open /proc/PID/ns file: UTS, IPC or network only in 3.2 (setns(2))."""
        return trap("setns", fd, nstype)

    def process_vm_readv(
        self, pid: int, lvec: Pointer, liovcnt: int, rvec: Pointer, riovcnt: int, flags: int
    ) -> Awaitable[int]:
        """Copy from another process (process_vm_readv(2)); raises EINVAL, EFAULT, ESRCH, EPERM, ENOMEM."""
        return self.syscall("process_vm_readv", pid, lvec, liovcnt, rvec, riovcnt, flags)

    def process_vm_writev(
        self, pid: int, lvec: Pointer, liovcnt: int, rvec: Pointer, riovcnt: int, flags: int
    ) -> Awaitable[int]:
        """Copy to another process (process_vm_writev(2)); raises EINVAL, EFAULT, ESRCH, EPERM, ENOMEM."""
        return self.syscall("process_vm_writev", pid, lvec, liovcnt, rvec, riovcnt, flags)
