"""Fork, exit, wait, kill, stop, continue, groups and sessions in any order, against a model of two hundred lines.

Hypothesis writes a script: which process does what. A controller program inside the kernel forks a first worker;
workers do what they are told through pipes, one at a time, and after each step the controller looks at all of them in
/proc. The model below says what it must see. It is the only place where the rules are written a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import errno
import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
import pytest

from procession import Machine

WORKERS = 8
HUP, KILL, USR1, TERM, CHLD, CONT, STOP, TSTP, TTIN, WINCH = 1, 9, 10, 15, 17, 18, 19, 20, 21, 28
STOPS = {STOP, TSTP, TTIN}
DEFAULT_IGNORED = {CHLD, CONT, WINCH}
SIGNALS = [0, HUP, KILL, USR1, TERM, CONT, STOP, TSTP, TTIN, WINCH]
MAY_IGNORE = [HUP, TERM, TSTP, CHLD]
WNOHANG, WUNTRACED, WCONTINUED = 1, 2, 8


class Refused(Exception):
    """The model's way to say -errno."""


# --- the model ---


@dataclass(eq=False)
class Proc:
    """What matters of a task_struct."""

    name: str
    parent: Proc | None
    pgrp: Proc = field(init=False)
    session: Proc = field(init=False)
    state: str = "S"  # S, T, Z, or - when it is gone
    leader: bool = False
    status: int = 0
    stop_report: int = 0
    cont_report: bool = False
    ignored: set[int] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)
    children: list[Proc] = field(default_factory=list)


class Model:
    """Processes by name; groups and sessions are named by the process they began with."""

    def __init__(self):
        self.init, self.top = Proc("init", None), Proc("top", None)
        for special in (self.init, self.top):
            special.pgrp = special.session = special
        first = Proc("w0", self.top)
        first.pgrp = first.session = first
        first.leader = True
        self.procs = [first]
        self.dying: list[tuple[Proc, int]] = []

    def members(self, pgrp):
        return [p for p in self.procs if p.pgrp is pgrp and p.state != "-"]

    # exit

    def exit(self, p, status):
        for child in list(p.children):
            p.children.remove(child)
            child.parent = self.init
            self.init.children.append(child)
            if child.state == "Z":
                self.release(child)
            self.kill_orphaned(child, p, None)
        self.kill_orphaned(p, p.parent, p)
        p.state, p.status = "Z", status
        p.stop_report, p.cont_report = 0, False
        if p.parent is self.init or CHLD in p.parent.ignored:
            self.release(p)

    def release(self, p):
        p.state = "-"
        if p in p.parent.children:
            p.parent.children.remove(p)

    def orphaned(self, pgrp, but=None):
        return not any(
            m is not but
            and m.state != "Z"
            and m.parent is not self.init
            and m.parent.pgrp is not pgrp
            and m.parent.session is m.session
            for m in self.members(pgrp)
        )

    def kill_orphaned(self, p, parent, but):
        pgrp = p.pgrp
        if parent.pgrp is pgrp or parent.session is not p.session or not self.orphaned(pgrp, but):
            return
        if any(m.state == "T" for m in self.members(pgrp)):
            for sig in (HUP, CONT):
                for m in self.members(pgrp):
                    self.send(m, sig)

    def settle(self):
        """Let everybody die who has to."""
        while self.dying:
            p, status = self.dying.pop(0)
            if p.state in "ST":
                self.exit(p, status)

    # signals

    def send(self, p, sig):
        if p.state not in "ST" or sig == 0:
            return
        if sig == KILL:
            self.dying.insert(0, (p, KILL))
        elif sig == CONT:
            if p.state == "T":
                p.state, p.stop_report, p.cont_report = "S", 0, True
                if p.pending:
                    self.dying.append((p, min(p.pending)))
        elif (sig in p.ignored and sig != STOP) or sig in DEFAULT_IGNORED:
            pass
        elif sig in STOPS:
            if p.state == "S" and not any(q is p for q, _ in self.dying) and (sig == STOP or not self.orphaned(p.pgrp)):
                p.state, p.stop_report, p.cont_report = "T", sig, False
        elif p.state == "T":
            p.pending.add(sig)
        else:
            self.dying.append((p, sig))

    def kill(self, p, kind, target, sig):
        if kind == "pid":
            if target.state == "-":
                raise Refused("ESRCH")
            targets = [target]
        else:
            targets = self.members(p.pgrp if kind == "own" else target)
            if not targets:
                raise Refused("ESRCH")
        for t in targets:
            self.send(t, sig)
        return 0

    # the rest

    def fork(self, p):
        child = Proc(f"w{len(self.procs)}", p)
        child.pgrp, child.session, child.ignored = p.pgrp, p.session, set(p.ignored)
        p.children.append(child)
        self.procs.append(child)
        return child.name

    def wait(self, p, kind, target, options):
        candidates = [
            c
            for c in p.children
            if kind == "any"
            or (kind == "pid" and c is target)
            or (kind == "own" and c.pgrp is p.pgrp)
            or (kind == "group" and c.pgrp is target)
        ]
        if not candidates:
            raise Refused("ECHILD")
        for c in candidates:
            if c.state == "Z":
                self.release(c)
                return [c.name, c.status]
            if options & WUNTRACED and c.stop_report:
                code, c.stop_report = c.stop_report, 0
                return [c.name, code << 8 | 0x7F]
            if options & WCONTINUED and c.cont_report:
                c.cont_report = False
                return [c.name, 0xFFFF]
        return ["nobody", 0]

    def setpgid(self, p, target, pgrp):
        if target.state == "-":
            raise Refused("ESRCH")
        if target.parent is p:
            if target.session is not p.session:
                raise Refused("EPERM")
        elif target is not p:
            raise Refused("ESRCH")
        if target.leader:
            raise Refused("EPERM")
        if pgrp is not target and not any(m.session is p.session for m in self.members(pgrp)):
            raise Refused("EPERM")
        target.pgrp = pgrp
        return 0

    def setsid(self, p):
        if p.leader or self.members(p):
            raise Refused("EPERM")
        p.leader = True
        p.pgrp = p.session = p
        return p.name

    def getid(self, what, target):
        if target.state == "-":
            raise Refused("ESRCH")
        return (target.pgrp if what == "getpgid" else target.session).name

    def picture(self):
        return {p.name: [p.state, p.parent.name, p.pgrp.name, p.session.name] for p in self.procs if p.state != "-"}


# --- the program inside ---


def controller(script):
    """Make the program that plays the script; it prints one JSON line a step."""

    async def act(sys, op, args):
        if op == "fork":
            return await sys.fork()
        if op == "wait":
            return list(await sys.waitpid(args[0], args[1]))
        if op == "ignore":
            await sys.signal(args[0], sys.SIG_IGN if args[1] else sys.SIG_DFL)
            return 0
        return await getattr(sys, op)(*args)

    async def worker(sys, me, pipes, replies):
        while True:
            text = (await sys.read(pipes[me][0], 1000)).decode()
            number, op, *args = json.loads(text)
            if op == "exit":
                await sys.exit(args[0])
            try:
                result = await act(sys, op, args[1:] if op == "fork" else args)
            except OSError as error:
                result = errno.errorcode[error.errno]
            if op == "fork" and result == 0:
                me = args[0]
                continue
            await sys.write(replies, json.dumps([number, result]) + "\n")

    async def look(sys, names):
        picture = {}
        for name, pid in names.items():
            try:
                text = (await sys.read_file(f"/proc/{pid}/stat")).decode()
            except OSError:
                continue
            state, *ids = text.rpartition(")")[2].split()[:4]
            back = {number: known for known, number in names.items()} | {1: "init", await sys.getpid(): "top"}
            picture[name] = [state, *(back.get(int(i), i) for i in ids)]
        return picture

    async def main(sys):
        pipes = [await sys.pipe() for _ in range(WORKERS)]
        replies, reply_to = await sys.pipe()
        await sys.fcntl(replies, sys.F_SETFL, sys.O_NONBLOCK)
        first = await sys.fork()
        if first == 0:
            await sys.setsid()
            await worker(sys, 0, pipes, reply_to)
        pids = {"w0": first}
        for number, (actor, op, *args) in enumerate([("w0", "getpid"), *script]):
            translated = [
                pids[a]
                if isinstance(a, str) and a in pids
                else -pids[a[1:]]
                if isinstance(a, str) and a[1:] in pids
                else a
                for a in args
            ]
            await sys.write(pipes[int(actor[1:])][1], json.dumps([number, op, *translated]))
            await sys.nanosleep(1_000_000)  # returns when all others sleep: nothing takes that long
            try:
                lines = (await sys.read(replies, 10000)).decode().splitlines()
            except BlockingIOError:
                lines = []
            answers = [result for n, result in map(json.loads, lines) if n == number]
            answer = answers[0] if answers else None
            if op == "fork" and isinstance(answer, int):
                pids[f"w{args[0]}"] = answer
            names = {pid: name for name, pid in pids.items()} | {0: "nobody"}
            if op in {"fork", "setsid", "getpgid", "getsid", "getpid"} and isinstance(answer, int):
                answer = names[answer]
            if op == "wait" and isinstance(answer, list):
                answer[0] = names[answer[0]]
            await sys.print(json.dumps([answer, await look(sys, pids)]))
        for pid in pids.values():
            try:
                await sys.kill(pid, KILL)
            except ProcessLookupError:
                pass

    return main


# --- the rules ---

index = st.integers(0, WORKERS - 1)


class Processes(RuleBasedStateMachine):
    """Collects the script while the model runs along; the kernel plays it at the end."""

    @initialize(cpus=st.sampled_from([1, 1, 2, 3]), seed=st.integers(0, 3))
    def boot(self, cpus, seed):
        self.machine = {"cpus": cpus, "seed": seed}
        self.model = Model()
        self.script = []
        self.expected = [(("w0",), self.model.picture())]

    def pick(self, i):
        return self.model.procs[i % len(self.model.procs)]

    def actor(self, i):
        able = [p for p in self.model.procs if p.state == "S"]
        return able[i % len(able)]

    def someone_can_act(self):
        return any(p.state == "S" for p in self.model.procs)

    def step(self, actor, op, *args, call):
        self.script.append((actor.name, op, *args))
        try:
            result = call()
        except Refused as error:
            result = str(error)
        hit_itself = actor.state != "S" or any(p is actor for p, _ in self.model.dying)
        self.model.settle()
        # What it did comes back to it by way of others: its answer may be out before that.
        answers = (None,) if hit_itself else (result,) if actor.state == "S" else (result, None)
        self.expected.append((answers, self.model.picture()))

    @precondition(lambda self: self.someone_can_act() and len(self.model.procs) < WORKERS)
    @rule(i=index)
    def fork(self, i):
        p = self.actor(i)
        self.step(p, "fork", len(self.model.procs), call=lambda: self.model.fork(p))

    @precondition(lambda self: self.someone_can_act() and len(self.model.procs) < WORKERS - 2)
    @rule(i=index)
    def fork_two(self, i):
        self.fork(i)
        self.fork(i + 1)

    @precondition(lambda self: self.someone_can_act() and len(self.model.procs) < WORKERS)
    @rule(i=index, sig=st.sampled_from([STOP, TSTP]))
    def stopped_job(self, i, sig):
        """What a shell does for ^Z."""
        p = self.actor(i)
        self.step(p, "fork", len(self.model.procs), call=lambda: self.model.fork(p))
        child = self.model.procs[-1]
        self.step(p, "setpgid", child.name, child.name, call=lambda: self.model.setpgid(p, child, child))
        self.step(p, "kill", child.name, sig, call=lambda: self.model.kill(p, "pid", child, sig))

    @precondition(lambda self: len(self.model.procs) > 2 and self.someone_can_act())
    @rule(i=index, code=st.sampled_from([0, 1, 255]))
    def exit(self, i, code):
        p = self.actor(i)
        self.step(p, "exit", code, call=lambda: self.model.exit(p, code << 8))

    @precondition(someone_can_act)
    @rule(
        i=index,
        j=index,
        kind=st.sampled_from(["any", "pid", "own", "group"]),
        options=st.sampled_from([0, WUNTRACED, WCONTINUED, WUNTRACED | WCONTINUED]),
    )
    def wait(self, i, j, kind, options):
        p, target = self.actor(i), self.pick(j)
        selector = {"any": -1, "pid": target.name, "own": 0, "group": f"-{target.name}"}[kind]
        self.step(p, "wait", selector, options | WNOHANG, call=lambda: self.model.wait(p, kind, target, options))

    @precondition(someone_can_act)
    @rule(i=index, j=index, kind=st.sampled_from(["pid", "pid", "group", "own"]), sig=st.sampled_from(SIGNALS))
    def kill(self, i, j, kind, sig):
        p, target = self.actor(i), self.pick(j)
        selector = {"pid": target.name, "own": 0, "group": f"-{target.name}"}[kind]
        self.step(p, "kill", selector, sig, call=lambda: self.model.kill(p, kind, target, sig))

    @precondition(someone_can_act)
    @rule(i=index, j=index, k=index)
    def setpgid(self, i, j, k):
        p, target, pgrp = self.actor(i), self.pick(j), self.pick(k)
        self.step(p, "setpgid", target.name, pgrp.name, call=lambda: self.model.setpgid(p, target, pgrp))

    @precondition(someone_can_act)
    @rule(i=index)
    def own_group(self, i):
        p = self.actor(i)
        self.step(p, "setpgid", 0, 0, call=lambda: self.model.setpgid(p, p, p))

    @precondition(someone_can_act)
    @rule(i=index)
    def setsid(self, i):
        p = self.actor(i)
        self.step(p, "setsid", call=lambda: self.model.setsid(p))

    @precondition(someone_can_act)
    @rule(i=index, j=index, what=st.sampled_from(["getpgid", "getsid"]))
    def getid(self, i, j, what):
        p, target = self.actor(i), self.pick(j)
        self.step(p, what, target.name, call=lambda: self.model.getid(what, target))

    @precondition(someone_can_act)
    @rule(i=index, sig=st.sampled_from(MAY_IGNORE), on=st.booleans())
    def ignore(self, i, sig, on):
        p = self.actor(i)

        def call():
            (p.ignored.add if on else p.ignored.discard)(sig)
            return 0

        self.step(p, "ignore", sig, int(on), call=call)

    @precondition(lambda self: not self.someone_can_act())
    @rule()
    def nothing(self):
        """All are dead or stopped for ever."""

    def teardown(self):
        if not hasattr(self, "script"):
            return
        kernel = Machine(memory=64 << 20, **self.machine)
        result = kernel.run(controller(self.script))
        seen = [json.loads(line) for line in result.stdout.splitlines()]
        steps = ["start", *self.script]
        for number, (got, want) in enumerate(zip(seen, self.expected, strict=False)):
            history = "\n".join(map(str, steps[: number + 1]))
            assert got[0] in want[0], f"step {number}:\n{history}\n got {got[0]}\nwant {want[0]}"
            assert got[1] == want[1], f"step {number}:\n{history}\n got {got[1]}\nwant {want[1]}"
        assert len(seen) == len(self.expected), (result.status, result.stderr.decode())
        kernel.check_baseline()


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_script_by_hand(cpus):
    """The machinery itself: a stopped job whose shell goes away gets SIGHUP and SIGCONT."""
    script = [
        ("w0", "fork", 1),
        ("w1", "fork", 2),
        ("w2", "setpgid", 0, 0),
        ("w2", "kill", "w2", STOP),
        ("w1", "exit", 3),
    ]
    result = Machine(memory=64 << 20, cpus=cpus).run(controller(script))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[4] == [
        None,
        {"w0": ["S", "top", "w0", "w0"], "w1": ["S", "w0", "w0", "w0"], "w2": ["T", "w1", "w2", "w0"]},
    ]
    assert lines[5] == [None, {"w0": ["S", "top", "w0", "w0"], "w1": ["Z", "w0", "w0", "w0"]}]
