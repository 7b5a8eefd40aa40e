"""The system calls that take what C's take. Made by scripts/python_calls.py from the declarations.

Paths are str or bytes; what a Pointer can be is said there.
"""
# ruff: noqa: E501 -- docstrings as the declarations have them

from __future__ import annotations

from typing import Any

from procession.arch.python._constants import Constants
from procession.arch.python.buffer import path_of
from procession.arch.python.caller import Caller, Pointer
from procession.arch.python.traps import trap

__all__ = ("PlainCalls",)


class PlainCalls(Caller):
    """System calls as they are; the manual page of the same name says what they do."""

    __slots__ = ()

    async def close(self, fd: int) -> int:
        """Close a descriptor (close(2)). It is gone whatever is returned, so a restart makes no sense: EINTR."""
        return await trap("close", fd)

    async def lseek(self, fd: int, offset: int, whence: int = Constants.SEEK_SET) -> int:
        """Move the file position (lseek(2)); whence up to SEEK_HOLE, which is 3.1's."""
        return await trap("lseek", fd, offset, whence)

    async def mprotect(self, start: int, length: int, prot: int) -> int:
        """Change the protection of pages (mprotect(2)); raises EINVAL, ENOMEM, EACCES."""
        return await trap("mprotect", start, length, prot)

    async def munmap(self, addr: int, length: int) -> int:
        """Unmap pages (munmap(2)); raises EINVAL, ENOMEM."""
        return await trap("munmap", addr, length)

    async def brk(self, brk: int = 0) -> int:
        """Move the end of the heap; returns the end after the call, moved or not (brk(2) of the kernel)."""
        return await trap("brk", brk)

    async def rt_sigaction(self, sig: int, act: Pointer, oact: Pointer, sigsetsize: int) -> int:
        """Set what a signal does, return what it did; raises EINVAL, EFAULT (sigaction(2))."""
        return await self.syscall("rt_sigaction", sig, act, oact, sigsetsize)

    async def rt_sigprocmask(self, how: int, nset: Pointer, oset: Pointer, sigsetsize: int) -> int:
        """Change the set of blocked signals, return the old one; raises EINVAL, EFAULT (sigprocmask(2))."""
        return await self.syscall("rt_sigprocmask", how, nset, oset, sigsetsize)

    async def rt_sigreturn(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("rt_sigreturn", *args)

    async def pread64(self, fd: int, buf: Pointer, count: int, pos: int) -> int:
        """Read at a position (pread(2))."""
        return await self.syscall("pread64", fd, buf, count, pos)

    async def pwrite64(self, fd: int, buf: Pointer, count: int, pos: int) -> int:
        """Write at a position (pwrite(2)); with O_APPEND at the end nevertheless."""
        return await self.syscall("pwrite64", fd, buf, count, pos)

    async def readv(self, fd: int, vec: Pointer, vlen: int) -> int:
        """Read into several buffers (readv(2))."""
        return await self.syscall("readv", fd, vec, vlen)

    async def writev(self, fd: int, vec: Pointer, vlen: int) -> int:
        """Write several buffers as one (writev(2))."""
        return await self.syscall("writev", fd, vec, vlen)

    async def access(self, filename: str | bytes, mode: int) -> int:
        """Check what the real user may do (access(2))."""
        return await trap("access", path_of(filename), mode)

    async def select(self, n: int, inp: Pointer, outp: Pointer, exp: Pointer, tvp: Pointer) -> int:
        """Wait until descriptors below n are ready to read, write, or have news (select(2))."""
        return await self.syscall("select", n, inp, outp, exp, tvp)

    async def sched_yield(self) -> int:
        """Let others run first (sched_yield(2)): all of them if the task is a fair one, its equals if it is real-time."""
        return await trap("sched_yield")

    async def mremap(self, addr: int, old_len: int, new_len: int, flags: int, new_addr: int = 0) -> int:
        """Resize or move a mapping (mremap(2)); raises EINVAL, EFAULT, ENOMEM, EAGAIN, EPERM."""
        return await trap("mremap", addr, old_len, new_len, flags, new_addr)

    async def msync(self, start: int, length: int, flags: int) -> int:
        """Write changes of shared mappings to their files (msync(2)); raises EINVAL, EBUSY, ENOMEM for holes, ENOSPC."""
        return await trap("msync", start, length, flags)

    async def mincore(self, start: int, length: int, vec: Pointer) -> int:
        """Store a byte per page, 1 if it is in memory (mincore(2)); raises EINVAL, ENOMEM, EFAULT."""
        return await self.syscall("mincore", start, length, vec)

    async def madvise(self, start: int, length: int, behavior: int) -> int:
        """Advise on the use of memory (madvise(2)); raises EINVAL, ENOMEM for holes, EBADF, EACCES, ENOSYS."""
        return await trap("madvise", start, length, behavior)

    async def shmget(self, key: int, size: int, shmflg: int) -> int:
        """Return the segment with that key, or a new one of size bytes (shmget(2))."""
        return await trap("shmget", key, size, shmflg)

    async def shmat(self, shmid: int, shmaddr: int, shmflg: int) -> int:
        """Map a segment (shmat(2)); returns the address. Raises EINVAL, EIDRM, EACCES, ENOMEM, EPERM."""
        return await trap("shmat", shmid, shmaddr, shmflg)

    async def shmctl(self, shmid: int, cmd: int, buf: Pointer) -> int:
        """Ask about a segment, change it, lock it, remove it (shmctl(2))."""
        return await self.syscall("shmctl", shmid, cmd, buf)

    async def dup(self, fildes: int) -> int:
        """Return the lowest free descriptor, leading to the same open file (dup(2))."""
        return await trap("dup", fildes)

    async def dup2(self, oldfd: int, newfd: int) -> int:
        """Make newfd lead to the same open file, closing what it was (dup2(2))."""
        return await trap("dup2", oldfd, newfd)

    async def pause(self) -> int:
        """Sleep until a signal has run a handler; always ends with ERESTARTNOHAND (pause(2))."""
        return await trap("pause")

    async def alarm(self, seconds: int) -> int:
        """Have SIGALRM sent; returns the seconds the previous alarm had left (alarm(2))."""
        return await trap("alarm", seconds)

    async def getpid(self) -> int:
        """Return the process id (getpid(2))."""
        return await trap("getpid")

    async def sendfile(self, out_fd: int, in_fd: int, offset: Pointer, count: int) -> int:
        """Copy from a regular file to a descriptor inside the kernel (sendfile(2))."""
        return await self.syscall("sendfile", out_fd, in_fd, offset, count)

    async def sendmsg(self, fd: int, msg: Pointer, flags: int) -> int:
        """Send pieces of memory as one message, with open files (sendmsg(2))."""
        return await self.syscall("sendmsg", fd, msg, flags)

    async def recvmsg(self, fd: int, msg: Pointer, flags: int) -> int:
        """Receive a message into pieces of memory, with open files and credentials (recvmsg(2))."""
        return await self.syscall("recvmsg", fd, msg, flags)

    async def shutdown(self, fd: int, how: int) -> int:
        """End a direction: 0 receiving, 1 sending, 2 both (shutdown(2)); 3.2 looks at no other bits, and refuses none."""
        return await trap("shutdown", fd, how)

    async def listen(self, fd: int, backlog: int) -> int:
        """Accept connections (listen(2))."""
        return await trap("listen", fd, backlog)

    async def kill(self, pid: int, sig: int) -> int:
        """Send to a process, a group (0, -pgid) or everybody (-1); raises ESRCH before EINVAL, EPERM (kill(2))."""
        return await trap("kill", pid, sig)

    async def semget(self, key: int, nsems: int, semflg: int) -> int:
        """Return the set with that key, or a new one (semget(2))."""
        return await trap("semget", key, nsems, semflg)

    async def semop(self, semid: int, tsops: Pointer, nsops: int) -> int:
        """As semtimedop(2) without a timeout (semop(2))."""
        return await self.syscall("semop", semid, tsops, nsops)

    async def semctl(self, semid: int, semnum: int, cmd: int, arg: Pointer) -> int:
        """Ask about a set, change it, remove it (semctl(2))."""
        return await self.syscall("semctl", semid, semnum, cmd, arg)

    async def shmdt(self, shmaddr: int) -> int:
        """Unmap what is left of an attach at that address (shmdt(2)); raises EINVAL."""
        return await trap("shmdt", shmaddr)

    async def msgget(self, key: int, msgflg: int) -> int:
        """Return the queue with that key, or a new one (msgget(2)); raises ENOENT, EEXIST, EACCES, ENOSPC, ENOMEM."""
        return await trap("msgget", key, msgflg)

    async def msgsnd(self, msqid: int, msgp: Pointer, msgsz: int, msgflg: int) -> int:
        """Send a message, when there is room for it (msgsnd(2))."""
        return await self.syscall("msgsnd", msqid, msgp, msgsz, msgflg)

    async def msgrcv(self, msqid: int, msgp: Pointer, msgsz: int, msgtyp: int, msgflg: int) -> int:
        """Take a message off a queue, when there is one of that type (msgrcv(2)); returns its length, as it was copied."""
        return await self.syscall("msgrcv", msqid, msgp, msgsz, msgtyp, msgflg)

    async def msgctl(self, msqid: int, cmd: int, buf: Pointer) -> int:
        """Ask about a queue, change it, remove it (msgctl(2)); raises EINVAL, EFAULT, EIDRM, EACCES, EPERM."""
        return await self.syscall("msgctl", msqid, cmd, buf)

    async def flock(self, fd: int, cmd: int) -> int:
        """Lock a whole file for its open file description (flock(2))."""
        return await trap("flock", fd, cmd)

    async def fsync(self, fd: int) -> int:
        """Write a file back (fsync(2)); raises EBADF, EINVAL for pipes, sockets, devices, what is in /proc or sysfs."""
        return await trap("fsync", fd)

    async def fdatasync(self, fd: int) -> int:
        """Write a file's data back (fdatasync(2))."""
        return await trap("fdatasync", fd)

    async def truncate(self, path: str | bytes, length: int) -> int:
        """Set the size of a file by name (truncate(2))."""
        return await trap("truncate", path_of(path), length)

    async def ftruncate(self, fd: int, length: int) -> int:
        """Set the size of an open file (ftruncate(2))."""
        return await trap("ftruncate", fd, length)

    async def chdir(self, filename: str | bytes) -> int:
        """Change the working directory (chdir(2))."""
        return await trap("chdir", path_of(filename))

    async def fchdir(self, fd: int) -> int:
        """Change the working directory to an open one (fchdir(2))."""
        return await trap("fchdir", fd)

    async def mkdir(self, pathname: str | bytes, mode: int = 0o777) -> int:
        """Make a directory (mkdir(2))."""
        return await trap("mkdir", path_of(pathname), mode)

    async def rmdir(self, pathname: str | bytes) -> int:
        """Remove an empty directory (rmdir(2))."""
        return await trap("rmdir", path_of(pathname))

    async def creat(self, pathname: str | bytes, mode: int) -> int:
        """Open for writing, created or emptied (creat(2))."""
        return await trap("creat", path_of(pathname), mode)

    async def unlink(self, pathname: str | bytes) -> int:
        """Remove a name; the file goes with its last name and its last open descriptor (unlink(2))."""
        return await trap("unlink", path_of(pathname))

    async def chmod(self, filename: str | bytes, mode: int) -> int:
        """Set the permission bits (chmod(2))."""
        return await trap("chmod", path_of(filename), mode)

    async def fchmod(self, fd: int, mode: int) -> int:
        """Set the permission bits of an open file (fchmod(2))."""
        return await trap("fchmod", fd, mode)

    async def chown(self, filename: str | bytes, user: int, group: int) -> int:
        """Set owner and group (chown(2))."""
        return await trap("chown", path_of(filename), user, group)

    async def fchown(self, fd: int, user: int, group: int) -> int:
        """Set owner and group of an open file (fchown(2))."""
        return await trap("fchown", fd, user, group)

    async def lchown(self, filename: str | bytes, user: int, group: int) -> int:
        """Set owner and group, of a symbolic link itself (lchown(2))."""
        return await trap("lchown", path_of(filename), user, group)

    async def umask(self, mask: int) -> int:
        """Set the mask of new files' modes, return the old one (umask(2))."""
        return await trap("umask", mask)

    async def ptrace(self, request: int, nr: int, addr: int, data: Pointer) -> int:
        """Trace another thread (ptrace(2), ptrace-x86 5)."""
        return await self.syscall("ptrace", request, nr, addr, data)

    async def getuid(self) -> int:
        """Return the real user id (getuid(2))."""
        return await trap("getuid")

    async def syslog(self, type: int, buf: Pointer, len: int) -> int:
        """Read or control the kernel log; raises EPERM, EINVAL, EFAULT, ERESTARTSYS (syslog(2))."""
        return await self.syscall("syslog", type, buf, len)

    async def getgid(self) -> int:
        """Return the real group id (getgid(2))."""
        return await trap("getgid")

    async def setuid(self, uid: int) -> int:
        """Become uid: for good with CAP_SETUID, else effectively, back to the real or saved id; raises EPERM, EAGAIN."""
        return await trap("setuid", uid)

    async def setgid(self, gid: int) -> int:
        """Set the group id: for good with CAP_SETGID, else effectively; raises EPERM (setgid(2))."""
        return await trap("setgid", gid)

    async def geteuid(self) -> int:
        """Return the effective user id (geteuid(2))."""
        return await trap("geteuid")

    async def getegid(self) -> int:
        """Return the effective group id (getegid(2))."""
        return await trap("getegid")

    async def setpgid(self, pid: int = 0, pgid: int = 0) -> int:
        """Move a process, ourselves or a child that has not exec'ed, to a group of its session (setpgid(2))."""
        return await trap("setpgid", pid, pgid)

    async def getppid(self) -> int:
        """Return the parent's process id, 0 if it is outside our namespace; a tracer is never reported (getppid(2))."""
        return await trap("getppid")

    async def getpgrp(self) -> int:
        """Return our process group (getpgrp(2))."""
        return await trap("getpgrp")

    async def setsid(self) -> int:
        """Begin a session, without a terminal; raises EPERM for a leader, also if our number names a group (setsid(2))."""
        return await trap("setsid")

    async def setreuid(self, ruid: int, euid: int) -> int:
        """Set real and effective uid, -1 keeps one; raises EPERM, EAGAIN (setreuid(2))."""
        return await trap("setreuid", ruid, euid)

    async def setregid(self, rgid: int, egid: int) -> int:
        """Set real and effective gid, -1 keeps one; raises EPERM (setregid(2))."""
        return await trap("setregid", rgid, egid)

    async def setresuid(self, ruid: int, euid: int, suid: int) -> int:
        """Set real, effective and saved uid, -1 keeps one; raises EPERM, EAGAIN (setresuid(2))."""
        return await trap("setresuid", ruid, euid, suid)

    async def setresgid(self, rgid: int, egid: int, sgid: int) -> int:
        """Set real, effective and saved gid, -1 keeps one; raises EPERM (setresgid(2))."""
        return await trap("setresgid", rgid, egid, sgid)

    async def getpgid(self, pid: int = 0) -> int:
        """Return a process's group, 0 for ourselves; raises ESRCH (getpgid(2))."""
        return await trap("getpgid", pid)

    async def setfsuid(self, uid: int) -> int:
        """Set the uid that files see; returns the old one, changed or not (setfsuid(2))."""
        return await trap("setfsuid", uid)

    async def setfsgid(self, gid: int) -> int:
        """Set the gid that files see; returns the old one, changed or not (setfsgid(2))."""
        return await trap("setfsgid", gid)

    async def getsid(self, pid: int = 0) -> int:
        """Return a process's session, 0 for ourselves; raises ESRCH (getsid(2))."""
        return await trap("getsid", pid)

    async def capget(self, header: Pointer, dataptr: Pointer) -> int:
        """Return the capabilities of a thread; without dataptr only ask for the version. Raises EINVAL, ESRCH, EFAULT."""
        return await self.syscall("capget", header, dataptr)

    async def capset(self, header: Pointer, data: Pointer) -> int:
        """Set the caller's capabilities; raises EINVAL, EFAULT, EPERM for another thread or for more than it may have."""
        return await self.syscall("capset", header, data)

    async def rt_sigpending(self, set: Pointer, sigsetsize: int) -> int:
        """Return which blocked signals are pending; a shorter set is allowed. Raises EINVAL, EFAULT (sigpending(2))."""
        return await self.syscall("rt_sigpending", set, sigsetsize)

    async def rt_sigtimedwait(self, uthese: Pointer, uinfo: Pointer, uts: Pointer, sigsetsize: int) -> int:
        """Take a signal of a set, waiting for one; raises EINVAL, EFAULT, EAGAIN at the timeout, EINTR (sigwaitinfo(2))."""
        return await self.syscall("rt_sigtimedwait", uthese, uinfo, uts, sigsetsize)

    async def rt_sigqueueinfo(self, pid: int, sig: int, uinfo: Pointer) -> int:
        """Send to a process with a siginfo of one's own; raises EFAULT, EPERM, ESRCH, EINVAL, EAGAIN (sigqueue(3))."""
        return await self.syscall("rt_sigqueueinfo", pid, sig, uinfo)

    async def rt_sigsuspend(self, unewset: Pointer, sigsetsize: int) -> int:
        """Sleep with another mask until a handler has run; raises EINVAL, EFAULT, ERESTARTNOHAND (sigsuspend(2))."""
        return await self.syscall("rt_sigsuspend", unewset, sigsetsize)

    async def sigaltstack(self, uss: Pointer, uoss: Pointer) -> int:
        """Set and return the stack of SA_ONSTACK handlers; raises EFAULT, EPERM, EINVAL, ENOMEM (sigaltstack(2))."""
        return await self.syscall("sigaltstack", uss, uoss)

    async def utime(self, filename: str | bytes, times: Pointer) -> int:
        """Set times in seconds (utime(2))."""
        return await self.syscall("utime", filename, times)

    async def mknod(self, filename: str | bytes, mode: int, dev: int = 0) -> int:
        """Make a file that is no directory (mknod(2))."""
        return await trap("mknod", path_of(filename), mode, dev)

    async def uselib(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("uselib", *args)

    async def personality(self, personality: int) -> int:
        """Set how the system presents itself, return what it was; never fails (personality(2))."""
        return await trap("personality", personality)

    async def ustat(self, dev: int, ubuf: Pointer) -> int:
        """Describe a mounted file system by device (ustat(2)); raises EINVAL."""
        return await self.syscall("ustat", dev, ubuf)

    async def statfs(self, pathname: str | bytes, buf: Pointer) -> int:
        """Describe the file system that holds a file (statfs(2))."""
        return await self.syscall("statfs", pathname, buf)

    async def fstatfs(self, fd: int, buf: Pointer) -> int:
        """Describe the file system that holds an open file (fstatfs(2))."""
        return await self.syscall("fstatfs", fd, buf)

    async def sysfs(self, option: int, arg1: int, arg2: int) -> int:
        """Tell of the types of file systems (sysfs(2)): 1 a name's number, 2 a number's name, 3 how many there are."""
        return await trap("sysfs", option, arg1, arg2)

    async def getpriority(self, which: int = Constants.PRIO_PROCESS, who: int = 0) -> int:
        """Return 20 - nice of the most favoured of the threads; raises EINVAL, ESRCH (getpriority(2))."""
        return await trap("getpriority", which, who)

    async def setpriority(self, which: int, who: int, niceval: int) -> int:
        """Set the nice value of a thread, of a group's or a user's threads."""
        return await trap("setpriority", which, who, niceval)

    async def sched_setparam(self, nr: int, param: Pointer) -> int:
        """Change a thread's real-time priority (sched_setparam(2)); raises EINVAL, EFAULT, ESRCH, EPERM."""
        return await self.syscall("sched_setparam", nr, param)

    async def sched_getparam(self, nr: int, param: Pointer) -> int:
        """Read a thread's real-time priority (sched_getparam(2)); raises EINVAL, ESRCH, EFAULT."""
        return await self.syscall("sched_getparam", nr, param)

    async def sched_getscheduler(self, nr: int = 0) -> int:
        """Return a thread's policy, with RESET_ON_FORK if set (sched_getscheduler(2)); raises EINVAL, ESRCH."""
        return await trap("sched_getscheduler", nr)

    async def sched_get_priority_max(self, policy: int) -> int:
        """Return the highest priority of a policy (sched_get_priority_max(2)); raises EINVAL."""
        return await trap("sched_get_priority_max", policy)

    async def sched_get_priority_min(self, policy: int) -> int:
        """Return the lowest priority of a policy (sched_get_priority_min(2)); raises EINVAL."""
        return await trap("sched_get_priority_min", policy)

    async def sched_rr_get_interval(self, nr: int, interval: Pointer) -> int:
        """Read how long a thread may run before its equals are due (sched_rr_get_interval(2))."""
        return await self.syscall("sched_rr_get_interval", nr, interval)

    async def mlock(self, start: int, length: int) -> int:
        """Lock pages in memory (mlock(2)); raises EPERM, ENOMEM, EAGAIN, EINVAL."""
        return await trap("mlock", start, length)

    async def munlock(self, start: int, length: int) -> int:
        """Unlock pages (munlock(2)); raises ENOMEM, EINVAL."""
        return await trap("munlock", start, length)

    async def mlockall(self, flags: int) -> int:
        """Lock all pages, now or in future mappings (mlockall(2)); raises EINVAL, EPERM, ENOMEM."""
        return await trap("mlockall", flags)

    async def munlockall(self) -> int:
        """Unlock all pages (munlockall(2))."""
        return await trap("munlockall")

    async def vhangup(self) -> int:
        """Hang up the controlling terminal, if there is one (vhangup(2)); raises EPERM."""
        return await trap("vhangup")

    async def modify_ldt(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("modify_ldt", *args)

    async def pivot_root(self, new_root: str | bytes, put_old: str | bytes) -> int:
        """Make a mount the root, and put the old root somewhere below it (pivot_root(2))."""
        return await trap("pivot_root", path_of(new_root), path_of(put_old))

    async def _sysctl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("_sysctl", *args)

    async def prctl(self, option: int, arg2: Pointer = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> int:
        """Get or set a property of the process; raises EINVAL for what 3.2 does not know, EPERM, EFAULT (prctl(2))."""
        return await self.syscall("prctl", option, arg2, arg3, arg4, arg5)

    async def arch_prctl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("arch_prctl", *args)

    async def adjtimex(self, txc: Pointer) -> int:
        """Set and report the clock's discipline; returns its state (adjtimex(2)); raises EFAULT, EPERM, EINVAL."""
        return await self.syscall("adjtimex", txc)

    async def chroot(self, filename: str | bytes) -> int:
        """Change the root directory (chroot(2)); the working directory stays where it is."""
        return await trap("chroot", path_of(filename))

    async def sync(self) -> int:
        """Write everything back (sync(2))."""
        return await trap("sync")

    async def acct(self, name: str | bytes) -> int:
        """Turn accounting of current's pid namespace on, to a file, or off (acct(2))."""
        return await trap("acct", path_of(name))

    async def settimeofday(self, tv: Pointer, tz: Pointer) -> int:
        """Set the time of day (settimeofday(2)); raises EFAULT, EINVAL, EPERM without CAP_SYS_TIME."""
        return await self.syscall("settimeofday", tv, tz)

    async def umount2(self, name: str | bytes, flags: int) -> int:
        """Take a mount away (umount(2)); raises EINVAL, EPERM, EBUSY, EAGAIN when it was marked to expire."""
        return await trap("umount2", path_of(name), flags)

    async def swapon(self, path: str | bytes, flags: int) -> int:
        """Add swap space (swapon(2)); raises EPERM, ENOSYS."""
        return await trap("swapon", path_of(path), flags)

    async def swapoff(self, path: str | bytes) -> int:
        """Take swap space away (swapoff(2)); raises EPERM, ENOSYS."""
        return await trap("swapoff", path_of(path))

    async def reboot(self, magic1: int, magic2: int, cmd: int, arg: Pointer) -> int:
        """Stop the machine; raises EPERM, EINVAL (reboot(2))."""
        return await self.syscall("reboot", magic1, magic2, cmd, arg)

    async def setdomainname(self, name: Pointer, len: int) -> int:
        """Set the NIS domain name of the UTS namespace; raises EPERM, EINVAL, EFAULT (setdomainname(2))."""
        return await self.syscall("setdomainname", name, len)

    async def iopl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("iopl", *args)

    async def ioperm(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("ioperm", *args)

    async def create_module(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("create_module", *args)

    async def init_module(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("init_module", *args)

    async def delete_module(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("delete_module", *args)

    async def get_kernel_syms(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("get_kernel_syms", *args)

    async def query_module(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("query_module", *args)

    async def quotactl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("quotactl", *args)

    async def nfsservctl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("nfsservctl", *args)

    async def getpmsg(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("getpmsg", *args)

    async def putpmsg(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("putpmsg", *args)

    async def afs_syscall(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("afs_syscall", *args)

    async def tuxcall(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("tuxcall", *args)

    async def security(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("security", *args)

    async def gettid(self) -> int:
        """Return the thread id (gettid(2))."""
        return await trap("gettid")

    async def readahead(self, fd: int, offset: int, count: int) -> int:
        """Read a part of a file ahead of its use (readahead(2)); raises EBADF, and EINVAL: no file here has readpage."""
        return await trap("readahead", fd, offset, count)

    async def setxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int, flags: int) -> int:
        """Set an attribute of a file."""
        return await self.syscall("setxattr", pathname, name, value, size, flags)

    async def lsetxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int, flags: int) -> int:
        """As setxattr(2), of a symbolic link itself."""
        return await self.syscall("lsetxattr", pathname, name, value, size, flags)

    async def fsetxattr(self, fd: int, name: Pointer, value: Pointer, size: int, flags: int) -> int:
        """As setxattr(2), of an open file."""
        return await self.syscall("fsetxattr", fd, name, value, size, flags)

    async def getxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int) -> int:
        """Return the size of an attribute, and its value if there is room; raises ERANGE, ENODATA (getxattr(2))."""
        return await self.syscall("getxattr", pathname, name, value, size)

    async def lgetxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int) -> int:
        """As getxattr(2), of a symbolic link itself."""
        return await self.syscall("lgetxattr", pathname, name, value, size)

    async def fgetxattr(self, fd: int, name: Pointer, value: Pointer, size: int) -> int:
        """As getxattr(2), of an open file."""
        return await self.syscall("fgetxattr", fd, name, value, size)

    async def listxattr(self, pathname: str | bytes, list: Pointer, size: int) -> int:
        """Return the length of the names of a file's attributes, and the names if there is room (listxattr(2))."""
        return await self.syscall("listxattr", pathname, list, size)

    async def llistxattr(self, pathname: str | bytes, list: Pointer, size: int) -> int:
        """As listxattr(2), of a symbolic link itself."""
        return await self.syscall("llistxattr", pathname, list, size)

    async def flistxattr(self, fd: int, list: Pointer, size: int) -> int:
        """As listxattr(2), of an open file."""
        return await self.syscall("flistxattr", fd, list, size)

    async def removexattr(self, pathname: str | bytes, name: Pointer) -> int:
        """Remove an attribute of a file; raises ENODATA, EPERM, EOPNOTSUPP (removexattr(2))."""
        return await self.syscall("removexattr", pathname, name)

    async def lremovexattr(self, pathname: str | bytes, name: Pointer) -> int:
        """As removexattr(2), of a symbolic link itself."""
        return await self.syscall("lremovexattr", pathname, name)

    async def fremovexattr(self, fd: int, name: Pointer) -> int:
        """As removexattr(2), of an open file."""
        return await self.syscall("fremovexattr", fd, name)

    async def tkill(self, pid: int, sig: int) -> int:
        """Send to one thread; raises EINVAL, ESRCH, EPERM, EAGAIN (tkill(2))."""
        return await trap("tkill", pid, sig)

    async def set_thread_area(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("set_thread_area", *args)

    async def io_setup(self, nr_events: int, ctxp: Pointer) -> int:
        """Make a context for that many requests (io_setup(2)); raises EFAULT, EINVAL, EAGAIN, ENOMEM."""
        return await self.syscall("io_setup", nr_events, ctxp)

    async def io_destroy(self, ctx: int) -> int:
        """Take a context away, waiting for its requests (io_destroy(2)); raises EINVAL."""
        return await trap("io_destroy", ctx)

    async def io_getevents(self, ctx_id: int, min_nr: int, nr: int, events: Pointer, timeout: Pointer) -> int:
        """Fetch events (io_getevents(2)); returns how many, fewer than min_nr after timeout."""
        return await self.syscall("io_getevents", ctx_id, min_nr, nr, events, timeout)

    async def io_submit(self, ctx_id: int, nr: int, iocbpp: Pointer) -> int:
        """Do requests; what comes of them are events (io_submit(2)); returns how many."""
        return await self.syscall("io_submit", ctx_id, nr, iocbpp)

    async def io_cancel(self, ctx_id: int, iocb: Pointer, result: Pointer) -> int:
        """Raise EINVAL: no request that there is can be cancelled (io_cancel(2)); EFAULT before that."""
        return await self.syscall("io_cancel", ctx_id, iocb, result)

    async def get_thread_area(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("get_thread_area", *args)

    async def lookup_dcookie(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("lookup_dcookie", *args)

    async def epoll_ctl_old(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("epoll_ctl_old", *args)

    async def epoll_wait_old(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("epoll_wait_old", *args)

    async def remap_file_pages(self, start: int, size: int, prot: int, pgoff: int, flags: int) -> int:
        """Rearrange the pages of a mapping (remap_file_pages(2)); not modelled: raises EINVAL."""
        return await trap("remap_file_pages", start, size, prot, pgoff, flags)

    async def getdents64(self, fd: int, dirent: Pointer, count: int) -> int:
        """Store directory entries (getdents64(2))."""
        return await self.syscall("getdents64", fd, dirent, count)

    async def set_tid_address(self, tidptr: Pointer) -> int:
        """Set where the thread's number is cleared when it ends; never fails (set_tid_address(2))."""
        return await self.syscall("set_tid_address", tidptr)

    async def restart_syscall(self) -> int:
        """Go on with an interrupted call that knows how; raises EINTR if there is none."""
        return await trap("restart_syscall")

    async def semtimedop(self, semid: int, tsops: Pointer, nsops: int, timeout: Pointer) -> int:
        """Do operations on a set, all at once, when all are possible (semtimedop(2))."""
        return await self.syscall("semtimedop", semid, tsops, nsops, timeout)

    async def fadvise64(self, fd: int, offset: int, length: int, advice: int) -> int:
        """Advise on the use of a file, to no effect here (posix_fadvise(2)); raises EBADF, ESPIPE, EINVAL."""
        return await trap("fadvise64", fd, offset, length, advice)

    async def timer_create(self, which_clock: int, timer_event_spec: Pointer, created_timer_id: Pointer) -> int:
        """Make a timer that is not armed (timer_create(2))."""
        return await self.syscall("timer_create", which_clock, timer_event_spec, created_timer_id)

    async def timer_settime(self, timer_id: int, flags: int, new_setting: Pointer, old_setting: Pointer) -> int:
        """Arm a timer, or disarm it with a value of zero (timer_settime(2)); raises EINVAL, EFAULT, ESRCH."""
        return await self.syscall("timer_settime", timer_id, flags, new_setting, old_setting)

    async def timer_gettime(self, timer_id: int, setting: Pointer) -> int:
        """Read a timer (timer_gettime(2)); raises EINVAL, EFAULT."""
        return await self.syscall("timer_gettime", timer_id, setting)

    async def timer_getoverrun(self, timer_id: int) -> int:
        """Return how many expiries the last signal stood for beside its own (timer_getoverrun(2)); raises EINVAL."""
        return await trap("timer_getoverrun", timer_id)

    async def timer_delete(self, timer_id: int) -> int:
        """Remove a timer (timer_delete(2)); raises EINVAL."""
        return await trap("timer_delete", timer_id)

    async def clock_settime(self, which_clock: int, tp: Pointer) -> int:
        """Set CLOCK_REALTIME, the only one that can be set (clock_settime(2)); raises EINVAL, EFAULT, EPERM."""
        return await self.syscall("clock_settime", which_clock, tp)

    async def clock_getres(self, which_clock: int, tp: Pointer) -> int:
        """Read a clock's resolution (clock_getres(2)); raises EINVAL, EFAULT."""
        return await self.syscall("clock_getres", which_clock, tp)

    async def tgkill(self, tgid: int, pid: int, sig: int) -> int:
        """Send to one thread of a given process; raises EINVAL, ESRCH, EPERM, EAGAIN (tgkill(2))."""
        return await trap("tgkill", tgid, pid, sig)

    async def utimes(self, filename: str | bytes, utimes: Pointer) -> int:
        """Set times in microseconds (utimes(2))."""
        return await self.syscall("utimes", filename, utimes)

    async def vserver(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("vserver", *args)

    async def mbind(self, start: int, length: int, mode: int, nmask: Pointer, maxnode: int, flags: int) -> int:
        """Set the NUMA policy of pages (mbind(2)); raises ENOSYS."""
        return await self.syscall("mbind", start, length, mode, nmask, maxnode, flags)

    async def set_mempolicy(self, mode: int, nmask: Pointer, maxnode: int) -> int:
        """Set the NUMA policy of a thread (set_mempolicy(2)); raises ENOSYS."""
        return await self.syscall("set_mempolicy", mode, nmask, maxnode)

    async def get_mempolicy(self, policy: Pointer, nmask: Pointer, maxnode: int, addr: int, flags: int) -> int:
        """Return the NUMA policy (get_mempolicy(2)); raises ENOSYS."""
        return await self.syscall("get_mempolicy", policy, nmask, maxnode, addr, flags)

    async def mq_open(self, u_name: str | bytes, oflag: int, mode: int, u_attr: Pointer) -> int:
        """Open a queue, or make one (mq_open(2))."""
        return await self.syscall("mq_open", u_name, oflag, mode, u_attr)

    async def mq_unlink(self, u_name: str | bytes) -> int:
        """Remove a queue's name; it goes when it is closed (mq_unlink(2))."""
        return await trap("mq_unlink", path_of(u_name))

    async def mq_timedsend(
        self, mqdes: int, u_msg_ptr: Pointer, msg_len: int, msg_prio: int, u_abs_timeout: Pointer
    ) -> int:
        """Put a message into a queue, waiting for room (mq_timedsend(2))."""
        return await self.syscall("mq_timedsend", mqdes, u_msg_ptr, msg_len, msg_prio, u_abs_timeout)

    async def mq_timedreceive(
        self, mqdes: int, u_msg_ptr: Pointer, msg_len: int, u_msg_prio: Pointer, u_abs_timeout: Pointer
    ) -> int:
        """Take the oldest message of the highest priority out of a queue, waiting for one (mq_timedreceive(2))."""
        return await self.syscall("mq_timedreceive", mqdes, u_msg_ptr, msg_len, u_msg_prio, u_abs_timeout)

    async def mq_notify(self, mqdes: int, u_notification: Pointer) -> int:
        """Have current's process told when a message comes into the empty queue, once; NULL: not any more (mq_notify(2))."""
        return await self.syscall("mq_notify", mqdes, u_notification)

    async def mq_getsetattr(self, mqdes: int, u_mqstat: Pointer, u_omqstat: Pointer) -> int:
        """Set whether an open queue blocks, and report how it was (mq_getsetattr(2)); raises EFAULT, EINVAL, EBADF."""
        return await self.syscall("mq_getsetattr", mqdes, u_mqstat, u_omqstat)

    async def kexec_load(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("kexec_load", *args)

    async def add_key(self, _type: Pointer, _description: Pointer, _payload_: Pointer, plen: int, ringid: int) -> int:
        """Put a key into a keyring, or change the one there; returns its number (add_key(2))."""
        return await self.syscall("add_key", _type, _description, _payload_, plen, ringid)

    async def request_key(self, _type: Pointer, _description: Pointer, _callout_info: Pointer, destringid: int) -> int:
        """Find a key, or have it made, and put it into a keyring; returns its number (request_key(2))."""
        return await self.syscall("request_key", _type, _description, _callout_info, destringid)

    async def keyctl(self, option: int, arg2: Pointer, arg3: Pointer, arg4: Pointer, arg5: Pointer) -> int:
        """Do something with keys (keyctl(2)); raises EOPNOTSUPP, and what the operation does."""
        return await self.syscall("keyctl", option, arg2, arg3, arg4, arg5)

    async def ioprio_set(self, which: int, who: int, ioprio: int) -> int:
        """Set the I/O priority of a thread, of a group's or a user's (ioprio_set(2))."""
        return await trap("ioprio_set", which, who, ioprio)

    async def ioprio_get(self, which: int, who: int) -> int:
        """Return the I/O priority of a thread, or the best of a group's or a user's (ioprio_get(2))."""
        return await trap("ioprio_get", which, who)

    async def inotify_init(self) -> int:
        """Make an instance (inotify_init(2))."""
        return await trap("inotify_init")

    async def inotify_add_watch(self, fd: int, pathname: str | bytes, mask: int) -> int:
        """Watch a file, or change how it is watched; returns the watch's number (inotify_add_watch(2))."""
        return await trap("inotify_add_watch", fd, path_of(pathname), mask)

    async def inotify_rm_watch(self, fd: int, wd: int) -> int:
        """Watch something no longer (inotify_rm_watch(2)); raises EBADF, EINVAL."""
        return await trap("inotify_rm_watch", fd, wd)

    async def migrate_pages(self, pid: int, maxnode: int, old_nodes: Pointer, new_nodes: Pointer) -> int:
        """Move a process's pages between nodes (migrate_pages(2)); raises ENOSYS."""
        return await self.syscall("migrate_pages", pid, maxnode, old_nodes, new_nodes)

    async def mkdirat(self, dfd: int, pathname: str | bytes, mode: int) -> int:
        """Make a directory (mkdirat(2))."""
        return await trap("mkdirat", dfd, path_of(pathname), mode)

    async def mknodat(self, dfd: int, filename: str | bytes, mode: int, dev: int) -> int:
        """Make a file that is no directory (mknodat(2))."""
        return await trap("mknodat", dfd, path_of(filename), mode, dev)

    async def fchownat(self, dfd: int, filename: str | bytes, user: int, group: int, flag: int) -> int:
        """Set owner and group of a file named relative to a directory (fchownat(2))."""
        return await trap("fchownat", dfd, path_of(filename), user, group, flag)

    async def futimesat(self, dfd: int, filename: str | bytes, utimes: Pointer) -> int:
        """Set times in microseconds (futimesat(2))."""
        return await self.syscall("futimesat", dfd, filename, utimes)

    async def newfstatat(self, dfd: int, filename: str | bytes, statbuf: Pointer, flag: int) -> int:
        """Describe a file named relative to a directory (fstatat(2))."""
        return await self.syscall("newfstatat", dfd, filename, statbuf, flag)

    async def unlinkat(self, dfd: int, pathname: str | bytes, flag: int) -> int:
        """Remove a name, or with AT_REMOVEDIR an empty directory (unlinkat(2))."""
        return await trap("unlinkat", dfd, path_of(pathname), flag)

    async def renameat(self, olddfd: int, oldname: str | bytes, newdfd: int, newname: str | bytes) -> int:
        """Move a name, replacing what is there (renameat(2))."""
        return await trap("renameat", olddfd, path_of(oldname), newdfd, path_of(newname))

    async def linkat(self, olddfd: int, oldname: str | bytes, newdfd: int, newname: str | bytes, flags: int) -> int:
        """Give a file another name (linkat(2)); raises EXDEV across mounts, EPERM for a directory."""
        return await trap("linkat", olddfd, path_of(oldname), newdfd, path_of(newname), flags)

    async def symlinkat(self, oldname: str | bytes, newdfd: int, newname: str | bytes) -> int:
        """Make a symbolic link with any text (symlinkat(2))."""
        return await trap("symlinkat", path_of(oldname), newdfd, path_of(newname))

    async def readlinkat(self, dfd: int, path: str | bytes, buf: Pointer, bufsiz: int) -> int:
        """Store a symbolic link's text without a NUL and return its length, cut to bufsiz (readlinkat(2))."""
        return await self.syscall("readlinkat", dfd, path, buf, bufsiz)

    async def fchmodat(self, dfd: int, filename: str | bytes, mode: int) -> int:
        """Set the permission bits of a file named relative to a directory (fchmodat(2); the call has no flags)."""
        return await trap("fchmodat", dfd, path_of(filename), mode)

    async def faccessat(self, dfd: int, filename: str | bytes, mode: int) -> int:
        """Check what the real user may do (faccessat(2), without its library's flags)."""
        return await trap("faccessat", dfd, path_of(filename), mode)

    async def pselect6(self, n: int, inp: Pointer, outp: Pointer, exp: Pointer, tsp: Pointer, sig: Pointer) -> int:
        """Select with a timeout in ns and, at *sig, the address and size of another signal mask (pselect(2))."""
        return await self.syscall("pselect6", n, inp, outp, exp, tsp, sig)

    async def ppoll(self, ufds: Pointer, nfds: int, tsp: Pointer, sigmask: Pointer, sigsetsize: int) -> int:
        """Poll with another signal mask and a timeout in ns (ppoll(2))."""
        return await self.syscall("ppoll", ufds, nfds, tsp, sigmask, sigsetsize)

    async def unshare(self, unshare_flags: int) -> int:
        """Stop sharing parts of the process (unshare(2))."""
        return await trap("unshare", unshare_flags)

    async def set_robust_list(self, head: Pointer, length: int) -> int:
        """Register the calling thread's list of robust locks (set_robust_list(2)); raises EINVAL."""
        return await self.syscall("set_robust_list", head, length)

    async def get_robust_list(self, nr: int, head_ptr: Pointer, len_ptr: Pointer) -> int:
        """Read a thread's registration (get_robust_list(2)); raises ESRCH, EPERM, EFAULT."""
        return await self.syscall("get_robust_list", nr, head_ptr, len_ptr)

    async def splice(self, fd_in: int, off_in: Pointer, fd_out: int, off_out: Pointer, len: int, flags: int) -> int:
        """Move data between a pipe and a file, or another pipe (splice(2)); returns bytes, 0 at the end."""
        return await self.syscall("splice", fd_in, off_in, fd_out, off_out, len, flags)

    async def tee(self, fdin: int, fdout: int, len: int, flags: int) -> int:
        """Copy what is in a pipe to another, without reading it (tee(2)); returns bytes, 0 if nobody will write."""
        return await trap("tee", fdin, fdout, len, flags)

    async def sync_file_range(self, fd: int, offset: int, nbytes: int, flags: int) -> int:
        """Write a part of a file back (sync_file_range(2)); raises EINVAL, EBADF, ESPIPE."""
        return await trap("sync_file_range", fd, offset, nbytes, flags)

    async def vmsplice(self, fd: int, iov: Pointer, nr_segs: int, flags: int) -> int:
        """Put user pages into a pipe, or read one (vmsplice(2)); returns bytes."""
        return await self.syscall("vmsplice", fd, iov, nr_segs, flags)

    async def move_pages(
        self, pid: int, nr_pages: int, pages: Pointer, nodes: Pointer, status: Pointer, flags: int
    ) -> int:
        """Move single pages between nodes (move_pages(2)); raises ENOSYS."""
        return await self.syscall("move_pages", pid, nr_pages, pages, nodes, status, flags)

    async def utimensat(self, dfd: int, filename: str | bytes, utimes: Pointer, flags: int) -> int:
        """Set times in nanoseconds (utimensat(2), futimens(3))."""
        return await self.syscall("utimensat", dfd, filename, utimes, flags)

    async def epoll_pwait(
        self, epfd: int, events: Pointer, maxevents: int, timeout: int, sigmask: Pointer, sigsetsize: int
    ) -> int:
        """epoll_wait with another signal mask (epoll_pwait(2))."""
        return await self.syscall("epoll_pwait", epfd, events, maxevents, timeout, sigmask, sigsetsize)

    async def timerfd_create(self, clockid: int = Constants.CLOCK_MONOTONIC, flags: int = 0) -> int:
        """Make a timer on CLOCK_REALTIME or CLOCK_MONOTONIC (timerfd_create(2)); raises EINVAL, EMFILE."""
        return await trap("timerfd_create", clockid, flags)

    async def fallocate(self, fd: int, mode: int, offset: int, len: int) -> int:
        """Reserve space (fallocate(2)): EOPNOTSUPP, as on 3.2's tmpfs, after the checks that come first."""
        return await trap("fallocate", fd, mode, offset, len)

    async def timerfd_gettime(self, ufd: int, otmr: Pointer) -> int:
        """Store the time to the next expiry, and the period (timerfd_gettime(2)); raises EBADF, EINVAL, EFAULT."""
        return await self.syscall("timerfd_gettime", ufd, otmr)

    async def accept4(self, fd: int, upeer_sockaddr: Pointer, upeer_addrlen: Pointer, flags: int) -> int:
        """Take a connection (accept4(2))."""
        return await self.syscall("accept4", fd, upeer_sockaddr, upeer_addrlen, flags)

    async def signalfd4(self, ufd: int, user_mask: Pointer, sizemask: int, flags: int) -> int:
        """Make a descriptor that reads the signals in the set, or give ufd another set (signalfd4(2))."""
        return await self.syscall("signalfd4", ufd, user_mask, sizemask, flags)

    async def eventfd2(self, count: int, flags: int) -> int:
        """Make a counter (eventfd2(2)): flags EFD_SEMAPHORE, EFD_NONBLOCK, EFD_CLOEXEC; raises EINVAL, EMFILE."""
        return await trap("eventfd2", count, flags)

    async def epoll_create1(self, flags: int) -> int:
        """Make an epoll object (epoll_create1(2)); raises EINVAL, EMFILE."""
        return await trap("epoll_create1", flags)

    async def dup3(self, oldfd: int, newfd: int, flags: int) -> int:
        """Make newfd lead to the same open file, closing what it was (dup3(2))."""
        return await trap("dup3", oldfd, newfd, flags)

    async def pipe2(self, fildes: Pointer, flags: int) -> int:
        """Make a pipe (pipe2(2)): flags O_CLOEXEC and O_NONBLOCK; O_DIRECT is younger than 3.2."""
        return await self.syscall("pipe2", fildes, flags)

    async def inotify_init1(self, flags: int) -> int:
        """Make an instance (inotify_init1(2)): flags IN_NONBLOCK, IN_CLOEXEC."""
        return await trap("inotify_init1", flags)

    async def preadv(self, fd: int, vec: Pointer, vlen: int, pos_l: int, pos_h: int) -> int:
        """Read into several buffers at a position (preadv(2)); all of it is in pos_l."""
        return await self.syscall("preadv", fd, vec, vlen, pos_l, pos_h)

    async def pwritev(self, fd: int, vec: Pointer, vlen: int, pos_l: int, pos_h: int) -> int:
        """Write several buffers at a position (pwritev(2)); all of it is in pos_l."""
        return await self.syscall("pwritev", fd, vec, vlen, pos_l, pos_h)

    async def rt_tgsigqueueinfo(self, tgid: int, pid: int, sig: int, uinfo: Pointer) -> int:
        """As rt_sigqueueinfo, to one thread; raises EFAULT, EINVAL, EPERM, ESRCH, EAGAIN."""
        return await self.syscall("rt_tgsigqueueinfo", tgid, pid, sig, uinfo)

    async def perf_event_open(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("perf_event_open", *args)

    async def recvmmsg(self, fd: int, mmsg: Pointer, vlen: int, flags: int, timeout: Pointer) -> int:
        """Receive several messages; returns how many (recvmmsg(2)). The time counts after each, not while one waits."""
        return await self.syscall("recvmmsg", fd, mmsg, vlen, flags, timeout)

    async def fanotify_init(self, flags: int, event_f_flags: int) -> int:
        """Make a listener (fanotify_init(2)); event_f_flags, which are not looked at: how files are opened for it."""
        return await trap("fanotify_init", flags, event_f_flags)

    async def fanotify_mark(self, fanotify_fd: int, flags: int, mask: int, dfd: int, pathname: str | bytes) -> int:
        """Add events to a mark of a file or a mount, or take some away, or all marks of either kind (fanotify_mark(2))."""
        return await trap("fanotify_mark", fanotify_fd, flags, mask, dfd, path_of(pathname))

    async def name_to_handle_at(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("name_to_handle_at", *args)

    async def open_by_handle_at(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("open_by_handle_at", *args)

    async def clock_adjtime(self, which_clock: int, utx: Pointer) -> int:
        """Report and set the state of a clock's discipline (clock_adjtime(2))."""
        return await self.syscall("clock_adjtime", which_clock, utx)

    async def syncfs(self, fd: int) -> int:
        """Write a file system back (syncfs(2)); raises EBADF."""
        return await trap("syncfs", fd)

    async def sendmmsg(self, fd: int, mmsg: Pointer, vlen: int, flags: int) -> int:
        """Send several messages; returns how many were (sendmmsg(2))."""
        return await self.syscall("sendmmsg", fd, mmsg, vlen, flags)

    async def setns(self, fd: int, nstype: int) -> int:
        """Enter the namespace behind an open /proc/PID/ns file: UTS, IPC or network only in 3.2 (setns(2))."""
        return await trap("setns", fd, nstype)

    async def process_vm_readv(
        self, pid: int, lvec: Pointer, liovcnt: int, rvec: Pointer, riovcnt: int, flags: int
    ) -> int:
        """Copy from another process (process_vm_readv(2)); raises EINVAL, EFAULT, ESRCH, EPERM, ENOMEM."""
        return await self.syscall("process_vm_readv", pid, lvec, liovcnt, rvec, riovcnt, flags)

    async def process_vm_writev(
        self, pid: int, lvec: Pointer, liovcnt: int, rvec: Pointer, riovcnt: int, flags: int
    ) -> int:
        """Copy to another process (process_vm_writev(2)); raises EINVAL, EFAULT, ESRCH, EPERM, ENOMEM."""
        return await self.syscall("process_vm_writev", pid, lvec, liovcnt, rvec, riovcnt, flags)
