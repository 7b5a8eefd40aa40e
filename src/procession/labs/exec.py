"""Faults of exec: what the old program leaves behind for the new one."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.labs.lab import USER, Lab
from procession.labs.patch import Patch

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)


async def _become(linux: Sys, uid: int = USER) -> None:
    await linux.setresuid(uid, uid, uid)


def _heard(sig: int) -> None:
    """Let the call be interrupted."""


# An interval timer, and a thread that executes.


async def _itimer_next(linux: Sys) -> None:
    await linux.sigaction(linux.SIGALRM, _heard)
    try:
        await linux.sleep(1)
    except InterruptedError:
        await linux.print("right: the alarm has come to the new program")
    else:
        await linux.print("wrong: the alarm is lost")


async def _itimer_thread(linux: Sys) -> None:
    await linux.execve("/bin/next", ["next"])


async def _itimer(linux: Sys) -> None:
    await linux.setitimer(linux.ITIMER_REAL, 50_000)
    await linux.clone(_itimer_thread, flags=linux.CLONE_VM | linux.CLONE_SIGHAND | linux.CLONE_THREAD)
    await linux.pause()


# The signal for a parent's death.


async def _heir(linux: Sys) -> None:
    await linux.setresuid(0, 0, 0)
    await linux.sleep(0.2)
    await linux.write(int(linux.argv[1]), b"done")


async def _testator(linux: Sys) -> None:
    await linux.setresuid(0, 0, 0)
    await linux.sleep(0.1)


async def _pdeath(linux: Sys) -> None:
    for path in ("/bin/heir", "/bin/testator"):
        await linux.chmod(path, 0o4755)
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await _become(linux)
        if await linux.fork() == 0:
            await linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
            await linux.execve("/bin/heir", ["heir", str(writer)])
        await linux.execve("/bin/testator", ["testator"])
    await linux.close(writer)
    if await linux.read(reader, 4) == b"done":
        await linux.print("right: root's program has done its work")
    else:
        await linux.print("wrong: a user's signal has killed root's program")


# A timer's signal.


async def _timer_next(linux: Sys) -> None:
    await linux.sigprocmask(linux.SIG_UNBLOCK, {linux.SIGUSR1})
    await linux.print("right: the new program lives")


async def _timer(linux: Sys) -> None:
    if await linux.fork() == 0:
        await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
        timer_id = bytearray(4)
        event = struct.pack("<Qii", 0, linux.SIGUSR1, 0).ljust(64, b"\0")
        await linux.timer_create(linux.CLOCK_MONOTONIC, event, timer_id)
        setting = struct.pack("<qqqq", 0, 0, 0, 1_000_000)
        await linux.timer_settime(int.from_bytes(timer_id, "little"), 0, setting, None)
        await linux.sleep(0.01)
        await linux.execve("/bin/next", ["next"])
    _, status = await linux.wait()
    if linux.WIFSIGNALED(status):
        await linux.print("wrong: killed by the old program's timer, with signal", linux.WTERMSIG(status))


# Exit signals.


async def _fatal_sibling(linux: Sys) -> None:
    await linux.sleep(0.1)
    await linux.clone(None, flags=linux.CLONE_PARENT | linux.SIGKILL)  # ends at once, as both do


async def _service(linux: Sys) -> None:
    await linux.setresuid(0, 0, 0)
    try:
        await linux.sleep(0.5)
    except InterruptedError:
        pass
    await linux.write(int(linux.argv[-1]), b"done")


async def _clone_parent(linux: Sys) -> None:
    await linux.chmod("/bin/service", 0o4755)
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await _become(linux)
        if await linux.fork() == 0:
            await linux.execve("/bin/sibling", ["sibling"])
        await linux.execve("/bin/service", ["service", str(writer)])
    await _service_has_ended(linux, reader, writer)


async def _dropped(linux: Sys) -> None:
    await _become(linux)
    await linux.clone(None, flags=linux.CLONE_PARENT | linux.SIGKILL)


async def _privileged(linux: Sys, writer: int) -> None:
    await linux.clone(_dropped)
    await linux.sleep(0.5)
    await linux.write(writer, b"done")


async def _sibling_signal(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    await linux.clone(_privileged, writer)
    await _service_has_ended(linux, reader, writer)


async def _service_has_ended(linux: Sys, reader: int, writer: int) -> None:
    await linux.close(writer)
    _, status = await linux.wait()
    await linux.fcntl(reader, linux.F_SETFL, linux.O_NONBLOCK)
    if linux.WIFSIGNALED(status):
        await linux.print("wrong: a user has killed root's service with signal", linux.WTERMSIG(status))
    elif await linux.read(reader, 4) == b"done":
        await linux.print("right: the service has done its work")


async def _short_root(linux: Sys) -> None:
    await linux.sleep(0.1)


async def _exit_signal_child(linux: Sys) -> None:
    await linux.execve("/bin/short", ["short"])


async def _exit_signal(linux: Sys) -> None:
    for path in ("/bin/service", "/bin/short"):
        await linux.chmod(path, 0o4755)
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await _become(linux)
        await linux.clone(_exit_signal_child, flags=linux.SIGKILL)
        await linux.execve("/bin/service", ["service", str(writer)])
    await _service_has_ended(linux, reader, writer)


async def _wrapping_service(linux: Sys) -> None:
    # Each exec counts; the fourth is root's program.
    turn = int(linux.argv[1])
    await linux.execve("/bin/again" if turn < 3 else "/bin/service", ["again", str(turn + 1), linux.argv[2]])


async def _exec_id_child(linux: Sys) -> None:
    await linux.sleep(0.1)


async def _exec_id(linux: Sys) -> None:
    await linux.chmod("/bin/service", 0o4755)
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await _become(linux)
        await linux.clone(_exec_id_child, flags=linux.SIGKILL)
        await linux.execve("/bin/again", ["again", "1", str(writer)])
    await _service_has_ended(linux, reader, writer)


# The word that is cleared for who joins a thread.

WORD: Final = 0x10000000


async def _cleartid_child(linux: Sys) -> None:
    await linux.sleep(0.1)
    if await linux.peek(WORD, 4) == b"data":
        await linux.print("right: the new program's memory is as it was left")
    else:
        await linux.print("wrong: the kernel has written into the new program's memory")


async def _cleartid_next(linux: Sys) -> None:
    await linux.mmap(WORD, 4096, flags=linux.MAP_PRIVATE | linux.MAP_ANONYMOUS | linux.MAP_FIXED)
    await linux.poke(WORD, b"data")
    await linux.clone(_cleartid_child, flags=linux.CLONE_VM | linux.SIGCHLD)


async def _cleartid(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await linux.set_tid_address(WORD)
        await linux.execve("/bin/next", ["next"])
    await linux.close(writer)
    await linux.read(reader, 1)  # until both have ended


# Where a handler returns to.


async def _restorer_next(linux: Sys) -> None:
    action = bytearray(32)
    await linux.rt_sigaction(linux.SIGUSR1, None, action, 8)
    (restorer,) = struct.unpack_from("<Q", action, 16)
    if restorer:
        await linux.print(f"wrong: the old program's address {restorer:#x} is known to the new one")
    else:
        await linux.print("right: nothing is left of the old action")


async def _restorer(linux: Sys) -> None:
    SA_RESTORER = 0x04000000
    action = struct.pack("<QQQQ", linux.SIG_IGN, SA_RESTORER, 0x7F00DEADB000, 0)
    await linux.rt_sigaction(linux.SIGUSR1, action, None, 8)
    await linux.execve("/bin/next", ["next"])


# Memory that nobody seems to have.


async def _innocent(linux: Sys) -> None:
    start = await linux.mmap(length=2 << 20)
    for page in range(512):
        await linux.poke(start + page * 4096, b"!")
    await linux.pause()


async def _wasteful(linux: Sys) -> None:
    await linux.setrlimit(linux.RLIMIT_STACK, (1 << 40, 1 << 40))
    await linux.execve("/bin/next", [b"x" * 131000] * 48)


async def _arguments(linux: Sys) -> None:
    await linux.write_file("/proc/sys/vm/overcommit_memory", "1")
    innocent = await linux.clone(_innocent)
    await linux.sleep(0.1)
    wasteful = await linux.clone(_wasteful)
    await linux.waitpid(wasteful)
    if (await linux.waitpid(innocent, linux.WNOHANG))[0]:
        await linux.print("wrong: the OOM killer has taken a process that was not to blame")
    else:
        await linux.print("right: the OOM killer has taken the one whose arguments fill the memory")
        await linux.kill(innocent, linux.SIGKILL)


async def _nothing(linux: Sys) -> None:
    pass


LABS: Final = (
    Lab(
        "exec-itimer",
        2005,
        "A thread executes, and the old leader's alarm goes to nobody",
        "CVE-2005-1913",
        "ITIMER_REAL remembered the leader that had set it. When another thread of the process executed a "
        "program, it took the leader's place, and the timer later sent SIGALRM to a task that was gone: a panic. "
        "Since then the timer belongs to the process (signal->leader_pid). The program arms a timer, and its "
        "second thread executes.",
        _itimer,
        mutation=(
            Patch(
                "kernel.itimer:_set_itimer_real",
                "Hrtimer(it_real_fn, data=sig)",
                "Hrtimer(it_real_fn, data=current.group_leader)",
            ),
            Patch(
                "kernel.itimer:it_real_fn",
                "    sig: SignalStruct = timer.data  # type: ignore[assignment]\n"
                "    if sig.leader_pid is not None:\n"
                "        signal_send.kill_pid_info(SIGALRM, siginfo.SEND_SIG_PRIV, sig.leader_pid)\n",
                "    p = timer.data\n"
                "    with p.sighand.siglock.irq():\n"
                "        signal_send.send_signal(SIGALRM, siginfo.SEND_SIG_PRIV, p, group=True)\n",
            ),
        ),
        programs={"/bin/next": _itimer_next},
    ),
    Lab(
        "pdeath-setuid",
        2007,
        "The signal for a parent's death outlives the exec of a set-user-ID program",
        "d2d56c5f5102, CVE-2007-3848",
        "A process may ask for a signal when its parent dies. It kept that wish when it executed root's program, "
        "and a parent that had executed one as well was allowed to send it: a user could kill what root runs.",
        _pdeath,
        mutation=(
            Patch("fs.exec:setup_new_exec", "current.pdeath_signal = 0", "pass"),
            Patch("kernel.cred:commit_creds", "        current.pdeath_signal = 0\n", ""),
        ),
        programs={"/bin/heir": _heir, "/bin/testator": _testator},
    ),
    Lab(
        "timer-signal-exec",
        2008,
        "A timer's signal survives exec and kills the new program",
        "cbaffba12ce0",
        "Exec deletes the timers, but a signal that one of them had sent and that was blocked stayed pending. The "
        "new program knows nothing of it: it unblocks the signal, and dies.",
        _timer,
        mutation=(Patch("kernel.signal_queue:flush_itimer_signals", "if not pending.list:", "if True:"),),
        programs={"/bin/next": _timer_next},
    ),
    Lab(
        "clone-parent",
        2009,
        "A child of CLONE_PARENT sends root's service a signal of its choice",
        "2d5516cbb9da, CVE-2009-0028",
        "The exit signal of a child is dropped for SIGCHLD if its parent has executed a program since, which the "
        "kernel sees by a count of execs. A sibling made with CLONE_PARENT was given the count of its maker "
        "instead of that of the parent: when both had executed as often, a user's process could kill the set- "
        "user-ID program beside it.",
        _clone_parent,
        mutation=(
            Patch(
                "kernel.fork:_link_task",
                "p.parent_exec_id = current.parent_exec_id",
                "p.parent_exec_id = current.self_exec_id",
            ),
        ),
        programs={"/bin/sibling": _fatal_sibling, "/bin/service": _service},
    ),
    Lab(
        "exit-signal-setuid",
        2009,
        "Root's program, at its end, sends the exit signal that a user has chosen",
        "432870dab85a, CVE-2009-1337",
        "A child that has executed another program falls back to SIGCHLD; but not if it had CAP_KILL. So a user "
        "started a child with SIGKILL as its exit signal, let it execute any program that is set-user-ID root, "
        "executed another one itself, and the first one's end killed the second.",
        _exit_signal,
        mutation=(
            Patch(
                "kernel.exit:_drop_special_exit_signal",
                "and (tsk.parent_exec_id != tsk.real_parent.self_exec_id or tsk.self_exec_id != tsk.parent_exec_id)",
                "and (tsk.parent_exec_id != tsk.real_parent.self_exec_id or tsk.self_exec_id != tsk.parent_exec_id)\n"
                "        and not tsk.cred.cap_effective >> 5 & 1  # CAP_KILL",
            ),
        ),
        programs={"/bin/short": _short_root, "/bin/service": _service},
    ),
    Lab(
        "sibling-signal",
        2012,
        "A child without rights kills its root parent, by a sibling that ends",
        "5f8aadd8b996",
        "With CLONE_PARENT a process makes a sibling, and says with which signal that one's end is told to the "
        "parent of both. A parent that lets its child become a user, without an exec, as programs that separate "
        "privileges do, could be sent SIGKILL. Since 3.3 the signal is the one that the maker itself was born "
        "with.",
        _sibling_signal,
        in_32=True,
        mutation=(
            Patch(
                "kernel.fork:_init_identity",
                "p.exit_signal = -1 if clone_flags & CLONE_THREAD else clone_flags & CSIGNAL",
                "p.exit_signal = -1 if clone_flags & CLONE_THREAD else clone_flags & CSIGNAL\n"
                "    if clone_flags & CLONE_PARENT:\n"
                "        p.exit_signal = current.group_leader.exit_signal",
            ),
        ),
    ),
    Lab(
        "exec-oom",
        2010,
        "The OOM killer does not see who fills the memory with an exec's arguments",
        "3c77f8457221, CVE-2010-4243",
        "Arguments and environment, up to a quarter of the stack's limit, lie in the new program's memory, which "
        "is nobody's until the old one is given up. The OOM killer looked at what processes have, and took one "
        "after the other of those who were not to blame. Since then these pages count as the old memory's.",
        _arguments,
        mutation=(Patch("fs.exec_mm:acct_arg_size", "if mm is not None:", "if False:"),),
        programs={"/bin/next": _nothing},
        memory=8 << 20,
    ),
    Lab(
        "clear-tid-exec",
        2009,
        "The kernel writes a zero into the memory of a program that never asked for it",
        "9c8a8228d082, CVE-2009-2848",
        "A thread's end clears a word for whoever joins it. Exec kept the address when nobody shared the old "
        "memory, and the end of the new program wrote there if it shared its own: anything at that address became "
        "0.",
        _cleartid,
        mutation=(
            Patch(
                "kernel.fork_mm:mm_release",
                "        except LinuxError:\n"
                "            pass  # a bad address harms only the program that gave it\n"
                "    current.clear_child_tid = 0\n",
                "        except LinuxError:\n            pass\n        current.clear_child_tid = 0\n",
            ),
        ),
        programs={"/bin/next": _cleartid_next},
    ),
    Lab(
        "restorer-exec",
        2013,
        "Where handlers return to is told to the next program",
        "2ca39528c01a, CVE-2013-0914",
        "Exec resets handlers, flags and masks, but not sa_restorer, the address of the code that ends a handler. "
        "The new program can ask for it, and knows where the old one had its libraries: of use to who attacks a "
        "program whose addresses are random.",
        _restorer,
        in_32=True,
        until="3.2.41",
        mutation=(Patch("kernel.signal_queue:_flushed", "if ka.restorer:", "if False:"),),
        programs={"/bin/next": _restorer_next},
    ),
    Lab(
        "exec-id-wrap",
        2020,
        "A count of execs comes round, and a user's signal reaches root's program",
        "d1e7fd6462ca, CVE-2020-12826",
        "The count that tells whether a parent has executed a program since has 32 bits in 3.2. Who executes "
        "2**32 programs, the last one root's, has the count that a child born at the beginning remembers. In both "
        "kernels here it has 2 bits, so that four execs do it; in the mended one it has 64, which nobody "
        "exhausts.",
        _exec_id,
        in_32=True,
        points=(Patch("fs.exec:setup_new_exec", "& 0xFFFFFFFF", "& 3"),),
        mutation=(Patch("fs.exec:setup_new_exec", "& 3", "& 0xFFFFFFFFFFFFFFFF"),),
        programs={"/bin/again": _wrapping_service, "/bin/service": _service},
    ),
)
