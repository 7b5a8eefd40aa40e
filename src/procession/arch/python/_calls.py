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
        """"""
        return await trap("close", fd)

    async def lseek(self, fd: int, offset: int, whence: int = Constants.SEEK_SET) -> int:
        """"""
        return await trap("lseek", fd, offset, whence)

    async def mprotect(self, start: int, length: int, prot: int) -> int:
        """"""
        return await trap("mprotect", start, length, prot)

    async def munmap(self, addr: int, length: int) -> int:
        """"""
        return await trap("munmap", addr, length)

    async def brk(self, brk: int = 0) -> int:
        """"""
        return await trap("brk", brk)

    async def rt_sigaction(self, sig: int, act: Pointer, oact: Pointer, sigsetsize: int) -> int:
        """"""
        return await self.syscall("rt_sigaction", sig, act, oact, sigsetsize)

    async def rt_sigprocmask(self, how: int, nset: Pointer, oset: Pointer, sigsetsize: int) -> int:
        """"""
        return await self.syscall("rt_sigprocmask", how, nset, oset, sigsetsize)

    async def rt_sigreturn(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("rt_sigreturn", *args)

    async def pread64(self, fd: int, buf: Pointer, count: int, pos: int) -> int:
        """"""
        return await self.syscall("pread64", fd, buf, count, pos)

    async def pwrite64(self, fd: int, buf: Pointer, count: int, pos: int) -> int:
        """"""
        return await self.syscall("pwrite64", fd, buf, count, pos)

    async def readv(self, fd: int, vec: Pointer, vlen: int) -> int:
        """"""
        return await self.syscall("readv", fd, vec, vlen)

    async def writev(self, fd: int, vec: Pointer, vlen: int) -> int:
        """"""
        return await self.syscall("writev", fd, vec, vlen)

    async def access(self, filename: str | bytes, mode: int) -> int:
        """"""
        return await trap("access", path_of(filename), mode)

    async def select(self, n: int, inp: Pointer, outp: Pointer, exp: Pointer, tvp: Pointer) -> int:
        """"""
        return await self.syscall("select", n, inp, outp, exp, tvp)

    async def sched_yield(self) -> int:
        """"""
        return await trap("sched_yield")

    async def mremap(self, addr: int, old_len: int, new_len: int, flags: int, new_addr: int = 0) -> int:
        """"""
        return await trap("mremap", addr, old_len, new_len, flags, new_addr)

    async def msync(self, start: int, length: int, flags: int) -> int:
        """"""
        return await trap("msync", start, length, flags)

    async def mincore(self, start: int, length: int, vec: Pointer) -> int:
        """"""
        return await self.syscall("mincore", start, length, vec)

    async def madvise(self, start: int, length: int, behavior: int) -> int:
        """"""
        return await trap("madvise", start, length, behavior)

    async def shmget(self, key: int, size: int, shmflg: int) -> int:
        """"""
        return await trap("shmget", key, size, shmflg)

    async def shmat(self, shmid: int, shmaddr: int, shmflg: int) -> int:
        """"""
        return await trap("shmat", shmid, shmaddr, shmflg)

    async def shmctl(self, shmid: int, cmd: int, buf: Pointer) -> int:
        """"""
        return await self.syscall("shmctl", shmid, cmd, buf)

    async def dup(self, fildes: int) -> int:
        """"""
        return await trap("dup", fildes)

    async def dup2(self, oldfd: int, newfd: int) -> int:
        """"""
        return await trap("dup2", oldfd, newfd)

    async def pause(self) -> int:
        """"""
        return await trap("pause")

    async def alarm(self, seconds: int) -> int:
        """"""
        return await trap("alarm", seconds)

    async def getpid(self) -> int:
        """"""
        return await trap("getpid")

    async def sendfile(self, out_fd: int, in_fd: int, offset: Pointer, count: int) -> int:
        """"""
        return await self.syscall("sendfile", out_fd, in_fd, offset, count)

    async def sendmsg(self, fd: int, msg: Pointer, flags: int) -> int:
        """"""
        return await self.syscall("sendmsg", fd, msg, flags)

    async def recvmsg(self, fd: int, msg: Pointer, flags: int) -> int:
        """"""
        return await self.syscall("recvmsg", fd, msg, flags)

    async def shutdown(self, fd: int, how: int) -> int:
        """"""
        return await trap("shutdown", fd, how)

    async def listen(self, fd: int, backlog: int) -> int:
        """"""
        return await trap("listen", fd, backlog)

    async def kill(self, pid: int, sig: int) -> int:
        """"""
        return await trap("kill", pid, sig)

    async def semget(self, key: int, nsems: int, semflg: int) -> int:
        """"""
        return await trap("semget", key, nsems, semflg)

    async def semop(self, semid: int, tsops: Pointer, nsops: int) -> int:
        """"""
        return await self.syscall("semop", semid, tsops, nsops)

    async def semctl(self, semid: int, semnum: int, cmd: int, arg: Pointer) -> int:
        """"""
        return await self.syscall("semctl", semid, semnum, cmd, arg)

    async def shmdt(self, shmaddr: int) -> int:
        """"""
        return await trap("shmdt", shmaddr)

    async def msgget(self, key: int, msgflg: int) -> int:
        """"""
        return await trap("msgget", key, msgflg)

    async def msgsnd(self, msqid: int, msgp: Pointer, msgsz: int, msgflg: int) -> int:
        """"""
        return await self.syscall("msgsnd", msqid, msgp, msgsz, msgflg)

    async def msgrcv(self, msqid: int, msgp: Pointer, msgsz: int, msgtyp: int, msgflg: int) -> int:
        """"""
        return await self.syscall("msgrcv", msqid, msgp, msgsz, msgtyp, msgflg)

    async def msgctl(self, msqid: int, cmd: int, buf: Pointer) -> int:
        """"""
        return await self.syscall("msgctl", msqid, cmd, buf)

    async def flock(self, fd: int, cmd: int) -> int:
        """"""
        return await trap("flock", fd, cmd)

    async def fsync(self, fd: int) -> int:
        """"""
        return await trap("fsync", fd)

    async def fdatasync(self, fd: int) -> int:
        """"""
        return await trap("fdatasync", fd)

    async def truncate(self, path: str | bytes, length: int) -> int:
        """"""
        return await trap("truncate", path_of(path), length)

    async def ftruncate(self, fd: int, length: int) -> int:
        """"""
        return await trap("ftruncate", fd, length)

    async def chdir(self, filename: str | bytes) -> int:
        """"""
        return await trap("chdir", path_of(filename))

    async def fchdir(self, fd: int) -> int:
        """"""
        return await trap("fchdir", fd)

    async def mkdir(self, pathname: str | bytes, mode: int = 0o777) -> int:
        """"""
        return await trap("mkdir", path_of(pathname), mode)

    async def rmdir(self, pathname: str | bytes) -> int:
        """"""
        return await trap("rmdir", path_of(pathname))

    async def creat(self, pathname: str | bytes, mode: int) -> int:
        """"""
        return await trap("creat", path_of(pathname), mode)

    async def unlink(self, pathname: str | bytes) -> int:
        """"""
        return await trap("unlink", path_of(pathname))

    async def chmod(self, filename: str | bytes, mode: int) -> int:
        """"""
        return await trap("chmod", path_of(filename), mode)

    async def fchmod(self, fd: int, mode: int) -> int:
        """"""
        return await trap("fchmod", fd, mode)

    async def chown(self, filename: str | bytes, user: int, group: int) -> int:
        """"""
        return await trap("chown", path_of(filename), user, group)

    async def fchown(self, fd: int, user: int, group: int) -> int:
        """"""
        return await trap("fchown", fd, user, group)

    async def lchown(self, filename: str | bytes, user: int, group: int) -> int:
        """"""
        return await trap("lchown", path_of(filename), user, group)

    async def umask(self, mask: int) -> int:
        """"""
        return await trap("umask", mask)

    async def ptrace(self, request: int, nr: int, addr: int, data: Pointer) -> int:
        """"""
        return await self.syscall("ptrace", request, nr, addr, data)

    async def getuid(self) -> int:
        """"""
        return await trap("getuid")

    async def syslog(self, type: int, buf: Pointer, len: int) -> int:
        """"""
        return await self.syscall("syslog", type, buf, len)

    async def getgid(self) -> int:
        """"""
        return await trap("getgid")

    async def setuid(self, uid: int) -> int:
        """"""
        return await trap("setuid", uid)

    async def setgid(self, gid: int) -> int:
        """"""
        return await trap("setgid", gid)

    async def geteuid(self) -> int:
        """"""
        return await trap("geteuid")

    async def getegid(self) -> int:
        """"""
        return await trap("getegid")

    async def setpgid(self, pid: int = 0, pgid: int = 0) -> int:
        """"""
        return await trap("setpgid", pid, pgid)

    async def getppid(self) -> int:
        """"""
        return await trap("getppid")

    async def getpgrp(self) -> int:
        """"""
        return await trap("getpgrp")

    async def setsid(self) -> int:
        """"""
        return await trap("setsid")

    async def setreuid(self, ruid: int, euid: int) -> int:
        """"""
        return await trap("setreuid", ruid, euid)

    async def setregid(self, rgid: int, egid: int) -> int:
        """"""
        return await trap("setregid", rgid, egid)

    async def setresuid(self, ruid: int, euid: int, suid: int) -> int:
        """"""
        return await trap("setresuid", ruid, euid, suid)

    async def setresgid(self, rgid: int, egid: int, sgid: int) -> int:
        """"""
        return await trap("setresgid", rgid, egid, sgid)

    async def getpgid(self, pid: int = 0) -> int:
        """"""
        return await trap("getpgid", pid)

    async def setfsuid(self, uid: int) -> int:
        """"""
        return await trap("setfsuid", uid)

    async def setfsgid(self, gid: int) -> int:
        """"""
        return await trap("setfsgid", gid)

    async def getsid(self, pid: int = 0) -> int:
        """"""
        return await trap("getsid", pid)

    async def capget(self, header: Pointer, dataptr: Pointer) -> int:
        """"""
        return await self.syscall("capget", header, dataptr)

    async def capset(self, header: Pointer, data: Pointer) -> int:
        """"""
        return await self.syscall("capset", header, data)

    async def rt_sigpending(self, set: Pointer, sigsetsize: int) -> int:
        """"""
        return await self.syscall("rt_sigpending", set, sigsetsize)

    async def rt_sigtimedwait(self, uthese: Pointer, uinfo: Pointer, uts: Pointer, sigsetsize: int) -> int:
        """"""
        return await self.syscall("rt_sigtimedwait", uthese, uinfo, uts, sigsetsize)

    async def rt_sigqueueinfo(self, pid: int, sig: int, uinfo: Pointer) -> int:
        """"""
        return await self.syscall("rt_sigqueueinfo", pid, sig, uinfo)

    async def rt_sigsuspend(self, unewset: Pointer, sigsetsize: int) -> int:
        """"""
        return await self.syscall("rt_sigsuspend", unewset, sigsetsize)

    async def sigaltstack(self, uss: Pointer, uoss: Pointer) -> int:
        """"""
        return await self.syscall("sigaltstack", uss, uoss)

    async def utime(self, filename: str | bytes, times: Pointer) -> int:
        """"""
        return await self.syscall("utime", filename, times)

    async def mknod(self, filename: str | bytes, mode: int, dev: int = 0) -> int:
        """"""
        return await trap("mknod", path_of(filename), mode, dev)

    async def uselib(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("uselib", *args)

    async def personality(self, personality: int) -> int:
        """"""
        return await trap("personality", personality)

    async def ustat(self, dev: int, ubuf: Pointer) -> int:
        """"""
        return await self.syscall("ustat", dev, ubuf)

    async def statfs(self, pathname: str | bytes, buf: Pointer) -> int:
        """"""
        return await self.syscall("statfs", pathname, buf)

    async def fstatfs(self, fd: int, buf: Pointer) -> int:
        """"""
        return await self.syscall("fstatfs", fd, buf)

    async def sysfs(self, option: int, arg1: int, arg2: int) -> int:
        """"""
        return await trap("sysfs", option, arg1, arg2)

    async def getpriority(self, which: int = Constants.PRIO_PROCESS, who: int = 0) -> int:
        """"""
        return await trap("getpriority", which, who)

    async def setpriority(self, which: int, who: int, niceval: int) -> int:
        """"""
        return await trap("setpriority", which, who, niceval)

    async def sched_setparam(self, nr: int, param: Pointer) -> int:
        """"""
        return await self.syscall("sched_setparam", nr, param)

    async def sched_getparam(self, nr: int, param: Pointer) -> int:
        """"""
        return await self.syscall("sched_getparam", nr, param)

    async def sched_getscheduler(self, nr: int = 0) -> int:
        """"""
        return await trap("sched_getscheduler", nr)

    async def sched_get_priority_max(self, policy: int) -> int:
        """"""
        return await trap("sched_get_priority_max", policy)

    async def sched_get_priority_min(self, policy: int) -> int:
        """"""
        return await trap("sched_get_priority_min", policy)

    async def sched_rr_get_interval(self, nr: int, interval: Pointer) -> int:
        """"""
        return await self.syscall("sched_rr_get_interval", nr, interval)

    async def mlock(self, start: int, length: int) -> int:
        """"""
        return await trap("mlock", start, length)

    async def munlock(self, start: int, length: int) -> int:
        """"""
        return await trap("munlock", start, length)

    async def mlockall(self, flags: int) -> int:
        """"""
        return await trap("mlockall", flags)

    async def munlockall(self) -> int:
        """"""
        return await trap("munlockall")

    async def vhangup(self) -> int:
        """"""
        return await trap("vhangup")

    async def modify_ldt(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("modify_ldt", *args)

    async def pivot_root(self, new_root: str | bytes, put_old: str | bytes) -> int:
        """"""
        return await trap("pivot_root", path_of(new_root), path_of(put_old))

    async def _sysctl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("_sysctl", *args)

    async def prctl(self, option: int, arg2: Pointer = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> int:
        """"""
        return await self.syscall("prctl", option, arg2, arg3, arg4, arg5)

    async def arch_prctl(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("arch_prctl", *args)

    async def adjtimex(self, txc: Pointer) -> int:
        """"""
        return await self.syscall("adjtimex", txc)

    async def chroot(self, filename: str | bytes) -> int:
        """"""
        return await trap("chroot", path_of(filename))

    async def sync(self) -> int:
        """"""
        return await trap("sync")

    async def acct(self, name: str | bytes) -> int:
        """"""
        return await trap("acct", path_of(name))

    async def settimeofday(self, tv: Pointer, tz: Pointer) -> int:
        """"""
        return await self.syscall("settimeofday", tv, tz)

    async def umount2(self, name: str | bytes, flags: int) -> int:
        """"""
        return await trap("umount2", path_of(name), flags)

    async def swapon(self, path: str | bytes, flags: int) -> int:
        """"""
        return await trap("swapon", path_of(path), flags)

    async def swapoff(self, path: str | bytes) -> int:
        """"""
        return await trap("swapoff", path_of(path))

    async def reboot(self, magic1: int, magic2: int, cmd: int, arg: Pointer) -> int:
        """"""
        return await self.syscall("reboot", magic1, magic2, cmd, arg)

    async def setdomainname(self, name: Pointer, len: int) -> int:
        """"""
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
        """"""
        return await trap("gettid")

    async def readahead(self, fd: int, offset: int, count: int) -> int:
        """"""
        return await trap("readahead", fd, offset, count)

    async def setxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int, flags: int) -> int:
        """"""
        return await self.syscall("setxattr", pathname, name, value, size, flags)

    async def lsetxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int, flags: int) -> int:
        """"""
        return await self.syscall("lsetxattr", pathname, name, value, size, flags)

    async def fsetxattr(self, fd: int, name: Pointer, value: Pointer, size: int, flags: int) -> int:
        """"""
        return await self.syscall("fsetxattr", fd, name, value, size, flags)

    async def getxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int) -> int:
        """"""
        return await self.syscall("getxattr", pathname, name, value, size)

    async def lgetxattr(self, pathname: str | bytes, name: Pointer, value: Pointer, size: int) -> int:
        """"""
        return await self.syscall("lgetxattr", pathname, name, value, size)

    async def fgetxattr(self, fd: int, name: Pointer, value: Pointer, size: int) -> int:
        """"""
        return await self.syscall("fgetxattr", fd, name, value, size)

    async def listxattr(self, pathname: str | bytes, list: Pointer, size: int) -> int:
        """"""
        return await self.syscall("listxattr", pathname, list, size)

    async def llistxattr(self, pathname: str | bytes, list: Pointer, size: int) -> int:
        """"""
        return await self.syscall("llistxattr", pathname, list, size)

    async def flistxattr(self, fd: int, list: Pointer, size: int) -> int:
        """"""
        return await self.syscall("flistxattr", fd, list, size)

    async def removexattr(self, pathname: str | bytes, name: Pointer) -> int:
        """"""
        return await self.syscall("removexattr", pathname, name)

    async def lremovexattr(self, pathname: str | bytes, name: Pointer) -> int:
        """"""
        return await self.syscall("lremovexattr", pathname, name)

    async def fremovexattr(self, fd: int, name: Pointer) -> int:
        """"""
        return await self.syscall("fremovexattr", fd, name)

    async def tkill(self, pid: int, sig: int) -> int:
        """"""
        return await trap("tkill", pid, sig)

    async def set_thread_area(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: it is for ELF programs."""
        return await self.syscall("set_thread_area", *args)

    async def io_setup(self, nr_events: int, ctxp: Pointer) -> int:
        """"""
        return await self.syscall("io_setup", nr_events, ctxp)

    async def io_destroy(self, ctx: int) -> int:
        """"""
        return await trap("io_destroy", ctx)

    async def io_getevents(self, ctx_id: int, min_nr: int, nr: int, events: Pointer, timeout: Pointer) -> int:
        """"""
        return await self.syscall("io_getevents", ctx_id, min_nr, nr, events, timeout)

    async def io_submit(self, ctx_id: int, nr: int, iocbpp: Pointer) -> int:
        """"""
        return await self.syscall("io_submit", ctx_id, nr, iocbpp)

    async def io_cancel(self, ctx_id: int, iocb: Pointer, result: Pointer) -> int:
        """"""
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
        """"""
        return await trap("remap_file_pages", start, size, prot, pgoff, flags)

    async def getdents64(self, fd: int, dirent: Pointer, count: int) -> int:
        """"""
        return await self.syscall("getdents64", fd, dirent, count)

    async def set_tid_address(self, tidptr: Pointer) -> int:
        """"""
        return await self.syscall("set_tid_address", tidptr)

    async def restart_syscall(self) -> int:
        """"""
        return await trap("restart_syscall")

    async def semtimedop(self, semid: int, tsops: Pointer, nsops: int, timeout: Pointer) -> int:
        """"""
        return await self.syscall("semtimedop", semid, tsops, nsops, timeout)

    async def fadvise64(self, fd: int, offset: int, length: int, advice: int) -> int:
        """"""
        return await trap("fadvise64", fd, offset, length, advice)

    async def timer_create(self, which_clock: int, timer_event_spec: Pointer, created_timer_id: Pointer) -> int:
        """"""
        return await self.syscall("timer_create", which_clock, timer_event_spec, created_timer_id)

    async def timer_settime(self, timer_id: int, flags: int, new_setting: Pointer, old_setting: Pointer) -> int:
        """"""
        return await self.syscall("timer_settime", timer_id, flags, new_setting, old_setting)

    async def timer_gettime(self, timer_id: int, setting: Pointer) -> int:
        """"""
        return await self.syscall("timer_gettime", timer_id, setting)

    async def timer_getoverrun(self, timer_id: int) -> int:
        """"""
        return await trap("timer_getoverrun", timer_id)

    async def timer_delete(self, timer_id: int) -> int:
        """"""
        return await trap("timer_delete", timer_id)

    async def clock_settime(self, which_clock: int, tp: Pointer) -> int:
        """"""
        return await self.syscall("clock_settime", which_clock, tp)

    async def clock_getres(self, which_clock: int, tp: Pointer) -> int:
        """"""
        return await self.syscall("clock_getres", which_clock, tp)

    async def tgkill(self, tgid: int, pid: int, sig: int) -> int:
        """"""
        return await trap("tgkill", tgid, pid, sig)

    async def utimes(self, filename: str | bytes, utimes: Pointer) -> int:
        """"""
        return await self.syscall("utimes", filename, utimes)

    async def vserver(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: 3.2 has no such call."""
        return await self.syscall("vserver", *args)

    async def mbind(self, start: int, length: int, mode: int, nmask: Pointer, maxnode: int, flags: int) -> int:
        """"""
        return await self.syscall("mbind", start, length, mode, nmask, maxnode, flags)

    async def set_mempolicy(self, mode: int, nmask: Pointer, maxnode: int) -> int:
        """"""
        return await self.syscall("set_mempolicy", mode, nmask, maxnode)

    async def get_mempolicy(self, policy: Pointer, nmask: Pointer, maxnode: int, addr: int, flags: int) -> int:
        """"""
        return await self.syscall("get_mempolicy", policy, nmask, maxnode, addr, flags)

    async def mq_open(self, u_name: str | bytes, oflag: int, mode: int, u_attr: Pointer) -> int:
        """"""
        return await self.syscall("mq_open", u_name, oflag, mode, u_attr)

    async def mq_unlink(self, u_name: str | bytes) -> int:
        """"""
        return await trap("mq_unlink", path_of(u_name))

    async def mq_timedsend(
        self, mqdes: int, u_msg_ptr: Pointer, msg_len: int, msg_prio: int, u_abs_timeout: Pointer
    ) -> int:
        """"""
        return await self.syscall("mq_timedsend", mqdes, u_msg_ptr, msg_len, msg_prio, u_abs_timeout)

    async def mq_timedreceive(
        self, mqdes: int, u_msg_ptr: Pointer, msg_len: int, u_msg_prio: Pointer, u_abs_timeout: Pointer
    ) -> int:
        """"""
        return await self.syscall("mq_timedreceive", mqdes, u_msg_ptr, msg_len, u_msg_prio, u_abs_timeout)

    async def mq_notify(self, mqdes: int, u_notification: Pointer) -> int:
        """"""
        return await self.syscall("mq_notify", mqdes, u_notification)

    async def mq_getsetattr(self, mqdes: int, u_mqstat: Pointer, u_omqstat: Pointer) -> int:
        """"""
        return await self.syscall("mq_getsetattr", mqdes, u_mqstat, u_omqstat)

    async def kexec_load(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("kexec_load", *args)

    async def add_key(self, _type: Pointer, _description: Pointer, _payload_: Pointer, plen: int, ringid: int) -> int:
        """"""
        return await self.syscall("add_key", _type, _description, _payload_, plen, ringid)

    async def request_key(self, _type: Pointer, _description: Pointer, _callout_info: Pointer, destringid: int) -> int:
        """"""
        return await self.syscall("request_key", _type, _description, _callout_info, destringid)

    async def keyctl(self, option: int, arg2: Pointer, arg3: Pointer, arg4: Pointer, arg5: Pointer) -> int:
        """"""
        return await self.syscall("keyctl", option, arg2, arg3, arg4, arg5)

    async def ioprio_set(self, which: int, who: int, ioprio: int) -> int:
        """"""
        return await trap("ioprio_set", which, who, ioprio)

    async def ioprio_get(self, which: int, who: int) -> int:
        """"""
        return await trap("ioprio_get", which, who)

    async def inotify_init(self) -> int:
        """"""
        return await trap("inotify_init")

    async def inotify_add_watch(self, fd: int, pathname: str | bytes, mask: int) -> int:
        """"""
        return await trap("inotify_add_watch", fd, path_of(pathname), mask)

    async def inotify_rm_watch(self, fd: int, wd: int) -> int:
        """"""
        return await trap("inotify_rm_watch", fd, wd)

    async def migrate_pages(self, pid: int, maxnode: int, old_nodes: Pointer, new_nodes: Pointer) -> int:
        """"""
        return await self.syscall("migrate_pages", pid, maxnode, old_nodes, new_nodes)

    async def mkdirat(self, dfd: int, pathname: str | bytes, mode: int) -> int:
        """"""
        return await trap("mkdirat", dfd, path_of(pathname), mode)

    async def mknodat(self, dfd: int, filename: str | bytes, mode: int, dev: int) -> int:
        """"""
        return await trap("mknodat", dfd, path_of(filename), mode, dev)

    async def fchownat(self, dfd: int, filename: str | bytes, user: int, group: int, flag: int) -> int:
        """"""
        return await trap("fchownat", dfd, path_of(filename), user, group, flag)

    async def futimesat(self, dfd: int, filename: str | bytes, utimes: Pointer) -> int:
        """"""
        return await self.syscall("futimesat", dfd, filename, utimes)

    async def newfstatat(self, dfd: int, filename: str | bytes, statbuf: Pointer, flag: int) -> int:
        """"""
        return await self.syscall("newfstatat", dfd, filename, statbuf, flag)

    async def unlinkat(self, dfd: int, pathname: str | bytes, flag: int) -> int:
        """"""
        return await trap("unlinkat", dfd, path_of(pathname), flag)

    async def renameat(self, olddfd: int, oldname: str | bytes, newdfd: int, newname: str | bytes) -> int:
        """"""
        return await trap("renameat", olddfd, path_of(oldname), newdfd, path_of(newname))

    async def linkat(self, olddfd: int, oldname: str | bytes, newdfd: int, newname: str | bytes, flags: int) -> int:
        """"""
        return await trap("linkat", olddfd, path_of(oldname), newdfd, path_of(newname), flags)

    async def symlinkat(self, oldname: str | bytes, newdfd: int, newname: str | bytes) -> int:
        """"""
        return await trap("symlinkat", path_of(oldname), newdfd, path_of(newname))

    async def readlinkat(self, dfd: int, path: str | bytes, buf: Pointer, bufsiz: int) -> int:
        """"""
        return await self.syscall("readlinkat", dfd, path, buf, bufsiz)

    async def fchmodat(self, dfd: int, filename: str | bytes, mode: int) -> int:
        """"""
        return await trap("fchmodat", dfd, path_of(filename), mode)

    async def faccessat(self, dfd: int, filename: str | bytes, mode: int) -> int:
        """"""
        return await trap("faccessat", dfd, path_of(filename), mode)

    async def pselect6(self, n: int, inp: Pointer, outp: Pointer, exp: Pointer, tsp: Pointer, sig: Pointer) -> int:
        """"""
        return await self.syscall("pselect6", n, inp, outp, exp, tsp, sig)

    async def ppoll(self, ufds: Pointer, nfds: int, tsp: Pointer, sigmask: Pointer, sigsetsize: int) -> int:
        """"""
        return await self.syscall("ppoll", ufds, nfds, tsp, sigmask, sigsetsize)

    async def unshare(self, unshare_flags: int) -> int:
        """"""
        return await trap("unshare", unshare_flags)

    async def set_robust_list(self, head: Pointer, length: int) -> int:
        """"""
        return await self.syscall("set_robust_list", head, length)

    async def get_robust_list(self, nr: int, head_ptr: Pointer, len_ptr: Pointer) -> int:
        """"""
        return await self.syscall("get_robust_list", nr, head_ptr, len_ptr)

    async def splice(self, fd_in: int, off_in: Pointer, fd_out: int, off_out: Pointer, len: int, flags: int) -> int:
        """"""
        return await self.syscall("splice", fd_in, off_in, fd_out, off_out, len, flags)

    async def tee(self, fdin: int, fdout: int, len: int, flags: int) -> int:
        """"""
        return await trap("tee", fdin, fdout, len, flags)

    async def sync_file_range(self, fd: int, offset: int, nbytes: int, flags: int) -> int:
        """"""
        return await trap("sync_file_range", fd, offset, nbytes, flags)

    async def vmsplice(self, fd: int, iov: Pointer, nr_segs: int, flags: int) -> int:
        """"""
        return await self.syscall("vmsplice", fd, iov, nr_segs, flags)

    async def move_pages(
        self, pid: int, nr_pages: int, pages: Pointer, nodes: Pointer, status: Pointer, flags: int
    ) -> int:
        """"""
        return await self.syscall("move_pages", pid, nr_pages, pages, nodes, status, flags)

    async def utimensat(self, dfd: int, filename: str | bytes, utimes: Pointer, flags: int) -> int:
        """"""
        return await self.syscall("utimensat", dfd, filename, utimes, flags)

    async def epoll_pwait(
        self, epfd: int, events: Pointer, maxevents: int, timeout: int, sigmask: Pointer, sigsetsize: int
    ) -> int:
        """"""
        return await self.syscall("epoll_pwait", epfd, events, maxevents, timeout, sigmask, sigsetsize)

    async def timerfd_create(self, clockid: int = Constants.CLOCK_MONOTONIC, flags: int = 0) -> int:
        """"""
        return await trap("timerfd_create", clockid, flags)

    async def fallocate(self, fd: int, mode: int, offset: int, len: int) -> int:
        """"""
        return await trap("fallocate", fd, mode, offset, len)

    async def timerfd_gettime(self, ufd: int, otmr: Pointer) -> int:
        """"""
        return await self.syscall("timerfd_gettime", ufd, otmr)

    async def accept4(self, fd: int, upeer_sockaddr: Pointer, upeer_addrlen: Pointer, flags: int) -> int:
        """"""
        return await self.syscall("accept4", fd, upeer_sockaddr, upeer_addrlen, flags)

    async def signalfd4(self, ufd: int, user_mask: Pointer, sizemask: int, flags: int) -> int:
        """"""
        return await self.syscall("signalfd4", ufd, user_mask, sizemask, flags)

    async def eventfd2(self, count: int, flags: int) -> int:
        """"""
        return await trap("eventfd2", count, flags)

    async def epoll_create1(self, flags: int) -> int:
        """"""
        return await trap("epoll_create1", flags)

    async def dup3(self, oldfd: int, newfd: int, flags: int) -> int:
        """"""
        return await trap("dup3", oldfd, newfd, flags)

    async def pipe2(self, fildes: Pointer, flags: int) -> int:
        """"""
        return await self.syscall("pipe2", fildes, flags)

    async def inotify_init1(self, flags: int) -> int:
        """"""
        return await trap("inotify_init1", flags)

    async def preadv(self, fd: int, vec: Pointer, vlen: int, pos_l: int, pos_h: int) -> int:
        """"""
        return await self.syscall("preadv", fd, vec, vlen, pos_l, pos_h)

    async def pwritev(self, fd: int, vec: Pointer, vlen: int, pos_l: int, pos_h: int) -> int:
        """"""
        return await self.syscall("pwritev", fd, vec, vlen, pos_l, pos_h)

    async def rt_tgsigqueueinfo(self, tgid: int, pid: int, sig: int, uinfo: Pointer) -> int:
        """"""
        return await self.syscall("rt_tgsigqueueinfo", tgid, pid, sig, uinfo)

    async def perf_event_open(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("perf_event_open", *args)

    async def recvmmsg(self, fd: int, mmsg: Pointer, vlen: int, flags: int, timeout: Pointer) -> int:
        """"""
        return await self.syscall("recvmmsg", fd, mmsg, vlen, flags, timeout)

    async def fanotify_init(self, flags: int, event_f_flags: int) -> int:
        """"""
        return await trap("fanotify_init", flags, event_f_flags)

    async def fanotify_mark(self, fanotify_fd: int, flags: int, mask: int, dfd: int, pathname: str | bytes) -> int:
        """"""
        return await trap("fanotify_mark", fanotify_fd, flags, mask, dfd, path_of(pathname))

    async def name_to_handle_at(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("name_to_handle_at", *args)

    async def open_by_handle_at(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("open_by_handle_at", *args)

    async def clock_adjtime(self, *args: Any) -> int:
        """Raise OSError with ENOSYS: not supported."""
        return await self.syscall("clock_adjtime", *args)

    async def syncfs(self, fd: int) -> int:
        """"""
        return await trap("syncfs", fd)

    async def sendmmsg(self, fd: int, mmsg: Pointer, vlen: int, flags: int) -> int:
        """"""
        return await self.syscall("sendmmsg", fd, mmsg, vlen, flags)

    async def setns(self, fd: int, nstype: int) -> int:
        """"""
        return await trap("setns", fd, nstype)

    async def process_vm_readv(
        self, pid: int, lvec: Pointer, liovcnt: int, rvec: Pointer, riovcnt: int, flags: int
    ) -> int:
        """"""
        return await self.syscall("process_vm_readv", pid, lvec, liovcnt, rvec, riovcnt, flags)

    async def process_vm_writev(
        self, pid: int, lvec: Pointer, liovcnt: int, rvec: Pointer, riovcnt: int, flags: int
    ) -> int:
        """"""
        return await self.syscall("process_vm_writev", pid, lvec, liovcnt, rvec, riovcnt, flags)
