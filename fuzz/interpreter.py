"""The Python interpreter of fuzz programs, over Procession's Python interface. Its twin, interpreter.c, explains both.

A batch is one `main(sys)`; each program is a clone in a PID namespace of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
import re
import struct
from typing import Any

from fuzz.generator import Encoded

RECORD = 160
LOG_R, LOG_W, FIRST_COMMAND = 3, 4, 5
ACTOR_PATH = "/bin/actor"
NAP_NS = 12_000_000
WANTED = ("State:", "Tgid:", "PPid:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:")
SI_QUEUE = -1
WRITE, SIGPROCMASK = 1, 14
PRCTL, PR_SET_NAME, PR_GET_NAME = 157, 15, 16
IOCTL, TIOCSPTLCK, TIOCGPTN = 16, 0x40045431, 0x80045430
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41
CLD_FIRST, CLD_LAST = 1, 6


def info_text(code: int, pid: int, value: int, signo: int) -> str:
    """The fields of a siginfo that are defined for its code."""
    text = f" sig {signo} code {code} pid {pid}"
    return f"{text} value {value}" if code == SI_QUEUE or CLD_FIRST <= code <= CLD_LAST else text


class Output:
    """Memory that a call fills in, and how the transcript shows it."""

    def __init__(self, token: str) -> None:
        """Understand ?N, ?m, ?i, ?dN."""
        self.kind = token[1] if token[1] in "mid" else "w"
        self.size = int(token.lstrip("?mid") or 0)
        self.memory = bytearray(256)

    def text(self, result: int) -> str:
        """Show what the call has left there."""
        if self.kind == "m":
            return f" {int.from_bytes(self.memory[:8], 'little'):x}"
        words = struct.unpack_from("<64i", self.memory)
        if self.kind == "i":
            return info_text(words[2], words[4], words[6], words[0])
        if self.kind == "d":
            data = bytes(self.memory[:result]).replace(b"\0", b"0").replace(b"\n", b"$").decode()
            return f' "{data}"'
        return "".join(f" {word}" for word in words[: self.size // 4])


def argument(token: str) -> Any:
    """Understand one argument of a system call; see interpreter.c for the notation."""
    match token[0]:
        case "=":
            data = b"".join((int(v) & (1 << 64) - 1).to_bytes(8, "little") for v in token[1:].split(","))
            return data.ljust(256, b"\0")
        case "s":
            text = re.sub(r"\^(.)", lambda found: chr(ord(found[1]) & 31), token[1:])
            return text.encode().ljust(256, b"\0")
        case "i":
            signo, code, value = map(int, token[1:].split(","))
            return struct.pack("<iiiiiii", signo, 0, code, 0, 77, 0, value).ljust(256, b"\0")
        case "?":
            return Output(token)
    return int(token)


class Space:
    """What the actors of one address space share."""

    def __init__(self) -> None:
        """Begin with nobody in it."""
        self.handlers: dict[int, Callable[..., Awaitable[None]]] = {}

    def install(self, sys: Any) -> None:
        """Make the handlers; they know sys."""

        async def log_it(sig: int, info: Any = None) -> int:
            tid: int = await sys.gettid()
            text = f" sig {sig}" if info is None else info_text(
                info.si_code, info.si_pid, info.si_value if info.si_code == SI_QUEUE else info.si_status, info.si_signo
            )
            await say(sys, f"{tid} handler{text}")
            return tid

        async def plain(sig: int, info: Any = None) -> None:
            await log_it(sig, info)

        async def nested(sig: int, info: Any = None) -> None:
            tid = await log_it(sig, info)
            await loop(sys, self, await who_acts(sys), tid, in_handler=True)

        self.handlers = {0: sys.SIG_DFL, 1: sys.SIG_IGN, 2: plain, 3: nested}


async def say(sys: Any, text: str) -> None:
    """Write one line for the controller."""
    await sys.write(LOG_W, text + "\n")


async def who_acts(sys: Any) -> int:
    """Return which actor runs. The kernel is asked: a handler and its objects may be another one's, after fork."""
    name = bytearray(16)
    await sys.syscall(PRCTL, PR_GET_NAME, name)
    return int(name.partition(b"\0")[0])


async def be_born(sys: Any, me: int) -> int:
    """Tell the controller that actor me is there; returns its tid."""
    tid: int = await sys.gettid()
    await sys.syscall(PRCTL, PR_SET_NAME, f"{me}\0".encode())
    await say(sys, f"B {me} {tid}")
    return tid


async def enter(sys: Any, space: Space, me: int) -> None:
    """Begin as actor me."""
    await loop(sys, space, me, await be_born(sys, me))


async def first_actor(sys: Any) -> None:
    """Begin as the first actor of a program."""
    space = Space()
    space.install(sys)
    await enter(sys, space, 0)


async def actor_main(sys: Any) -> None:
    """Go on as an actor after exec."""
    space = Space()
    space.install(sys)
    await enter(sys, space, int(sys.argv[1]))


async def answer(sys: Any, tid: int, call: Callable[[], Awaitable[Any]], outputs: list[Output] | None = None) -> None:
    """Make the call and log its result, or -errno."""
    try:
        result = await call() or 0
    except OSError as error:
        result = -(error.errno or 0)
    text = "".join(output.text(result) for output in outputs or ()) if result >= 0 else ""
    await say(sys, f"{tid} = {result}{text}")


async def set_action(sys: Any, sig: int, handler: Any, flags: int, mask: int) -> None:
    """sigaction(2), without the old action."""
    await sys.sigaction(sig, handler, flags, mask)


async def make_call(sys: Any, tid: int, nr: int, tokens: list[str]) -> None:
    """Make system call nr."""
    args = [argument(token) for token in tokens]
    plain = [arg.memory if isinstance(arg, Output) else arg for arg in args]
    await answer(sys, tid, partial(sys.syscall, nr, *plain), [arg for arg in args if isinstance(arg, Output)])


async def type_keys(sys: Any, tid: int, tokens: list[str]) -> None:
    """Write to a terminal's master; signals wait until that is answered, see interpreter.c."""
    old = bytearray(8)
    await sys.syscall(SIGPROCMASK, sys.SIG_BLOCK, b"\xff" * 8, old, 8)
    await answer(sys, tid, partial(write_and_nap, sys, *map(argument, tokens)))
    await sys.syscall(SIGPROCMASK, sys.SIG_SETMASK, bytes(old), 0, 8)


async def write_and_nap(sys: Any, *args: Any) -> Any:
    """write(2), and time for what it does."""
    try:
        return await sys.syscall(WRITE, *args)
    finally:
        await sys.nanosleep(NAP_NS // 2)


async def do_fork(sys: Any, space: Space, me: int, tid: int, flags: int, child: int) -> tuple[int, int]:
    """Make actor child; returns who goes on, and its tid."""
    try:
        if flags & sys.CLONE_VM:
            pid = await sys.clone(enter, space, child, flags=flags)
        else:
            pid = await sys.clone(None, flags=flags)
            if pid == 0:
                return child, await be_born(sys, child)
    except OSError as error:
        pid = -(error.errno or 0)
    birth = f"B {child} {pid}\n" if pid > 0 else ""
    await say(sys, f"{birth}{tid} = {pid}")
    return me, tid


async def loop(sys: Any, space: Space, me: int, tid: int, *, in_handler: bool = False) -> None:
    """Do what the controller says."""
    home = me
    while True:
        try:
            text = (await sys.read(FIRST_COMMAND + 2 * me, RECORD)).decode()
        except InterruptedError:
            continue
        if len(text) != RECORD:
            await sys.exit_group(97)
        op, *tokens = text.split()
        match op:
            case "F":
                me, tid = await do_fork(sys, space, me, tid, int(tokens[0]), int(tokens[1]))
            case "A":
                sig, kind, flags, mask = map(int, tokens)
                await answer(sys, tid, partial(set_action, sys, sig, space.handlers[kind], flags, mask))
            case "X":
                path, argv = "/nonexistent" if int(tokens[0]) else ACTOR_PATH, [ACTOR_PATH, str(me)]
                await answer(sys, tid, partial(sys.execve, path, argv, {}))
            case "R":
                leave = in_handler and me == home
                await say(sys, f"{tid} = {int(leave)}")
                if leave:
                    return
            case "T":
                await type_keys(sys, tid, tokens)
            case _:
                await make_call(sys, tid, int(op), tokens)


class Controller:
    """PID 1 of a program's namespace."""

    def __init__(self, sys: Any, count: int, *, terminal: bool, freely: bool, network: bool) -> None:
        """Be ready for so many actors, who have a terminal and a network or not; freely: see interpreter.c."""
        self.sys = sys
        self.count = count
        self.terminal = terminal
        self.freely = freely
        self.network = network
        self.tids = [0] * count
        self.stats = [-1] * count   # /proc/TID/stat, open
        self.shown = [""] * count
        self.asked = [0] * count    # steps not answered
        self.late = False           # whether somebody who was asleep has been asked to do what takes a nap
        self.reader: int | None = None
        self.out: list[str] = []

    async def run(self, steps: list[str]) -> None:
        """Play the program and print the transcript."""
        sys = self.sys
        await sys.setsid()
        await sys.mount("proc", "/proc", "proc")
        for _ in range(self.count + 1):
            await sys.pipe()
        await sys.fcntl(LOG_R, sys.F_SETFL, sys.O_NONBLOCK)
        await sys.semget(0, 2, 0o600)
        await sys.msgget(0, 0o600)
        await sys.shmget(0, 8192, 0o600)
        await sys.sched_setscheduler(0, sys.SCHED_FIFO, 20)
        if self.network:
            fd = await sys.socket()
            await sys.syscall(IOCTL, fd, SIOCSIFFLAGS, b"lo".ljust(16, b"\0") + IFF_UP_RUNNING.to_bytes(24, "little"))
            await sys.close(fd)
        ends = await self.open_terminal() if self.terminal else ()
        await sys.clone(first_actor)
        for fd in ends:
            await sys.close(fd)
        await sys.sched_setscheduler(0, sys.SCHED_FIFO, 10)
        await self.look_around()
        for line in steps:
            await self.step(line)
        for k in range(self.count):
            await self.show_status(k)
        await sys.print("".join(f"{line}\n" for line in self.out), end="")

    async def open_terminal(self) -> tuple[int, int]:
        """Open a pseudo-terminal; its descriptors are the first after the pipes."""
        sys = self.sys
        master = await sys.open("/dev/ptmx", sys.O_RDWR | sys.O_NOCTTY)
        await sys.syscall(IOCTL, master, TIOCSPTLCK, bytes(4))
        number = bytearray(4)
        await sys.syscall(IOCTL, master, TIOCGPTN, number)
        path = f"/dev/pts/{int.from_bytes(number, 'little')}"
        return master, await sys.open(path, sys.O_RDWR | sys.O_NOCTTY)

    async def step(self, line: str) -> None:
        """Let an actor do something, and wait until all is quiet."""
        meant, flag, *words = line.split()
        actor = self.choose(int(meant), flag, words[1:])
        if actor is None:
            self.out.append("> nobody")
            return
        words = [self.resolve(word) for word in words]
        self.out.append(f"> a{actor} {' '.join(words)}")
        self.asked[actor] += 1
        if flag == "r":
            self.reader = actor
        await self.sys.write(FIRST_COMMAND + 1 + 2 * actor, " ".join(words).ljust(RECORD))
        self.late |= flag == "z" and self.asked[actor] > 1
        if flag == "z" or self.late or (self.freely and self.terminal):
            await self.sys.nanosleep(NAP_NS)
        if flag in "-r":
            await self.drain_log()
            await self.look(actor)
        else:
            await self.look_around()

    def resolve(self, word: str) -> str:
        """Put numbers for names: a2 is a pid, -a2 a group."""
        bare = word.lstrip("-=")
        if bare[0] != "a":
            return word
        return f"{word.removesuffix(bare)}{self.tids[int(bare[1])] or 999}"

    def choose(self, meant: int, flag: str, args: list[str]) -> int | None:
        """Return the actor meant, or the next one who can do it."""
        for n in range(self.count):
            k = (meant + n) % self.count
            if self.tids[k] and self.shown[k][:1] not in "gZ" and self.may_act(k, flag, args):
                return k
        return None

    def may_act(self, actor: int, flag: str, args: list[str]) -> bool:
        """Whether nobody sleeps in vfork, or this does not reach them; one at a time may wait for a pipe."""
        if self.freely:
            return True
        r = self.reader
        if flag == "r" and r is not None and r != actor and self.asked[r] > 0 and self.shown[r][:1] not in "gZ":
            return False
        return all(
            shown[:1] != "D" or (actor > k and (flag != "s" or args[0] == f"a{actor}"))
            for k, shown in enumerate(self.shown)
        )

    async def look_around(self) -> None:
        """Note what was said, who has died, and what has changed in /proc."""
        await self.drain_log()
        await self.reap()
        for k in range(self.count):
            await self.look(k)

    async def look(self, k: int) -> None:
        """Note what has changed about actor k."""
        if not self.tids[k] or self.shown[k] == "gone":
            return
        shown = await self.picture(self.stats[k])
        if shown != self.shown[k]:
            self.shown[k] = shown
            self.out.append(f"  a{k} {self.tids[k]}: {shown}")

    async def drain_log(self) -> None:
        """Read what the actors have said."""
        try:
            text = (await self.sys.read(LOG_R, 65536)).decode()
        except BlockingIOError:
            return
        for line in text.splitlines():
            if line[0] == "B":
                _, actor, tid = line.split()
                await self.watch(int(actor), int(tid))
                continue
            self.out.append(f"  {line}")
            words = line.split()
            if words[1] == "=":
                for k, tid in enumerate(self.tids):
                    self.asked[k] -= tid == int(words[0])

    async def watch(self, actor: int, tid: int) -> None:
        """An actor has begun, or has got another number."""
        if tid == self.tids[actor]:
            return
        self.asked[actor] = 0
        if self.tids[actor]:
            await self.sys.close(self.stats[actor])
        self.tids[actor] = tid
        self.shown[actor] = ""
        try:
            self.stats[actor] = await self.sys.open(f"/proc/{tid}/stat")
        except OSError:
            self.stats[actor] = -1

    async def reap(self) -> None:
        """Reap orphans, as an init does; shown in the order of their numbers, see interpreter.c."""
        dead = []
        while True:
            try:
                pid, status = await self.sys.waitpid(-1, self.sys.WNOHANG | self.sys.WALL)
            except ChildProcessError:
                break
            if pid == 0:
                break
            dead.append((pid, status))
        self.out += [f"  init reaps {pid} {status}" for pid, status in (dead if self.freely else sorted(dead))]

    async def picture(self, stat: int) -> str:
        """What /proc/PID/stat says of states, family and signals."""
        try:
            text = (await self.sys.pread(stat, 1023, 0)).decode()
        except OSError:
            return "gone"
        fields = [*" "] * 2 + text.rpartition(")")[2].split()
        if fields[2] == "Z" and not self.freely:
            fields[30] = "-"    # see interpreter.c
        tty = ["tty", str(int(fields[6] != "0")), fields[7]] if self.terminal else []
        return " ".join([*fields[2:6], fields[19], *fields[30:34], fields[37], *tty])

    async def show_status(self, k: int) -> None:
        """What /proc/PID/status says of signals."""
        try:
            text = (await self.sys.read_file(f"/proc/{self.tids[k]}/status")).decode()
        except OSError:
            return
        known = dict(line.split()[:2] for line in text.splitlines() if line.startswith(WANTED))
        names = (name for name in WANTED if known["State:"] != "Z" or self.freely or not name.endswith("Pnd:"))
        values = [known[name].lstrip("0") or "0" for name in names]
        self.out.append(" ".join([f"  status a{k}", *values]))


async def run_program(sys: Any, program: Encoded) -> None:
    """Be PID 1 of one program."""
    options = {"terminal": program.terminal, "freely": program.freely, "network": program.network}
    await Controller(sys, program.actors, **options).run(program.steps)


def batch(programs: list[Encoded]) -> Callable[..., Any]:
    """Make the program that runs them all."""

    async def main(sys: Any) -> None:
        flags = sys.CLONE_NEWPID | sys.CLONE_NEWNS | sys.CLONE_NEWIPC | sys.SIGCHLD
        for number, program in enumerate(programs):
            await sys.print(f"== {number}")
            network = sys.CLONE_NEWNET if program.network else 0
            pid = await sys.clone(run_program, program, flags=flags | network)
            _, status = await sys.waitpid(pid)
            if status:
                await sys.print(f"FAILED {status}")

    return main
