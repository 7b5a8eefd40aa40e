"""The walks of ARCHITECTURE.md are what happens: each is held against the calls and events of a run.

They are read from the text, so the two cannot part. This needs the package uncompiled: see recorder.py.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
import re

import pytest
from tests.recorder import SOURCE, Call, Recording
from tests.test_terminals import Typist

from procession import Machine
from procession.include.trace.events import EVENTS, event_fields

TESTS = Path(__file__).parent
ARCHITECTURE = (TESTS.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
SECTION = ARCHITECTURE.partition("## Ten walks\n")[2].partition("\n## ")[0]
FUNCTION = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)+\.[A-Za-z_][\w.]*")
FILES = (".py", ".c")
PARAGRAPH = re.compile(r"^(\d+)\. \*\*(\w+)\*\*: (.*(?:\n   .*)*)", re.MULTILINE)


# --- the text ---


@dataclass(frozen=True)
class Step:
    """A function (no fields) or an event that a walk names, and the task in which it is to happen."""

    task: str
    name: str
    fields: tuple[tuple[str, str], ...] = ()

    def __str__(self):
        return " ".join([f"{self.task}: {self.name}", *map("=".join, self.fields)])


def steps_of(text):
    """The functions and events of a walk, in the order of its text."""
    steps = []
    for number, task, line in PARAGRAPH.findall(text):
        found = []
        for quoted in re.findall(r"`([^`]+)`", line):
            name, *fields = quoted.split()
            if FUNCTION.fullmatch(quoted) and not quoted.endswith(FILES):
                found.append(Step(task, quoted))
            elif name.rstrip(":") in EVENTS:
                found.append(Step(task, name.rstrip(":"), tuple(tuple(f.split("=")) for f in fields)))
        assert found, f"step {number} names nothing: {line}"
        steps += found
    return steps


def walks():
    """Title -> text of each walk."""
    parts = re.split(r"^### \d+\. (.*)\n", SECTION, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


WALKS = {title: steps_of(text) for title, text in walks().items()}


# --- the runs ---


async def python_program(linux):
    """The program of the last walk; the test below holds it against the text."""
    await linux.getpid()
    pid = await linux.fork()
    if pid == 0:
        await linux.exit(7)
    await linux.waitpid(pid)


def program(name):
    """Make a machine with walks/NAME.c in it, and the command that runs it."""
    def make(compilers, **options):
        compilers.need("musl")
        source = TESTS / "walks" / f"{name}.c"
        command = [*compilers.commands["musl"], "-Wno-unused-result", str(source)]
        path = compilers.cache.build(name, command, [source], compilers.versions["musl"])
        return Machine(root={f"/bin/{name}": path.read_bytes()}, check=200, **options), [f"/bin/{name}"]

    return make


def at_terminal(compilers):
    return program("ctrl_c")(compilers, tty=True, console=Typist(("$", "\x03")))


def in_python(compilers):
    return Machine(check=200), python_program


# Title -> what makes the machine, its exit code; who begins the walk, with which call.
RUNS = {
    "A fork": (program("fork"), 8, "parent", "fork"),
    "An exit, and a parent that waits": (program("fork"), 8, "parent", "wait4"),
    "A signal, from kill(2) to the handler and back": (program("signal"), 10, "child", "pause"),
    "Copy-on-write": (program("fork"), 8, "parent", "fork"),
    "An exec": (program("exec"), 9, "program", "execve"),
    "A byte through a pipe": (program("pipe"), 9, "parent", "read"),
    "A turn that ends": (program("spin"), 9, "parent", "fork"),
    "A sleep, and the virtual clock": (program("sleep"), 9, "program", "nanosleep"),
    "Ctrl-C": (at_terminal, 130, "parent", "pause"),
    "A Python program's call, and its fork": (in_python, 0, "parent", "getpid"),
}


def kind(happened):
    """What a step would call it."""
    return happened.name if type(happened) is Call else happened.event


@dataclass(frozen=True)
class Run:
    """A recording from the walk's first call on, and the numbers of the tasks that the text speaks of."""

    record: tuple
    tasks: dict

    def without(self, name):
        """The same run with a function or an event left out."""
        return Run(tuple(r for r in self.record if kind(r) != name), self.tasks)


def begin_of(record, pid, call):
    """Where the program is on its way to the call: behind what task pid has done in the kernel before."""
    begin = 0
    for at, happened in enumerate(record):
        if type(happened) is Call or happened.common_pid != pid:
            continue
        if happened.event == "sys_enter" and happened.name == call:
            return begin
        if happened.event in {"sys_exit", "sched_process_exec"}:
            begin = at + 1
    raise AssertionError(f"task {pid} never called {call}")


@pytest.fixture(scope="session")
def run_of(compilers):
    """Run the program of a walk, once a session; returns a Run."""
    @cache
    def recorded(make):
        machine, command = make(compilers)
        recording = Recording()
        result = recording.of(machine, lambda: machine.run(command))
        machine.check_baseline()
        return tuple(recording.steps), result.exit_code

    @cache
    def run(title):
        make, exit_code, task, call = RUNS[title]
        record, ended = recorded(make)
        assert ended == exit_code
        events = [happened for happened in record if type(happened) is not Call]
        first = next(event.pid for event in events if event.event == "sched_process_exec" and event.pid > 1)
        tasks = {"program": first, "parent": first, "idle": 0}
        for event in events:
            if event.event == "sched_process_fork" and event.parent_pid == first:
                tasks["child"] = event.child_pid
        named = {step.name for step in WALKS[title]}
        way = record[begin_of(record, tasks[task], call):]
        return Run(tuple(r for r in way if type(r) is not Call or r.name in named), tasks)

    return run


# --- the comparison ---


def agrees(event, fields, values):
    """Whether an event has these fields. A word where it has a number is a task, or stands for one number in all."""
    bound = {}
    for name, text in fields:
        value = getattr(event, name)
        if isinstance(value, int):
            try:
                wanted = int(text)
            except ValueError:
                wanted = values.get(text, value)
                bound[text] = value
        else:
            wanted = text
        if value != wanted:
            return False
    values.update(bound)
    return True


def happens(happened, step, run, values):
    """Whether this is the step; what a word stands for is added to values."""
    if kind(happened) != step.name:
        return False
    if type(happened) is Call:
        return happened.pid == run.tasks[step.task]
    return happened.common_pid == run.tasks[step.task] and agrees(happened, step.fields, values)


def where_it_leaves(steps, run):
    """None if the run takes the walk, or what is not as it says: each step is the first of its kind, in this order."""
    values = dict(run.tasks)
    last, places = -1, {}
    for step in steps:
        begin = places.get(step, -1) + 1
        for at in range(begin, len(run.record)):
            if happens(run.record[at], step, run, values):
                break
        else:
            return f"never: {step}"
        if at <= last:
            return f"too early: {step}"
        last = places[step] = at
    return None


@pytest.mark.parametrize("title", WALKS)
def test_walk(title, run_of):
    """Everything it names happens, in this order, in this task."""
    assert where_it_leaves(WALKS[title], run_of(title)) is None


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_that_leaves_the_way_is_noticed(title, run_of):
    """Swap any two neighbours, take anything out of the run that is named, or put any step into another task."""
    steps, run = WALKS[title], run_of(title)
    for n, (one, other) in enumerate(pairwise(steps)):
        swapped = [*steps[:n], other, one, *steps[n + 2:]]
        assert where_it_leaves(swapped, run), f"{other} before {one}"
    for n, step in enumerate(steps):
        assert where_it_leaves(steps, run.without(step.name)), f"without {step}"
        others = {"idle", "parent", "child"} if "child" in run.tasks else {"idle"}
        for task in sorted(others - {step.task}):
            moved = [*steps[:n], Step(task, step.name, step.fields), *steps[n + 1:]]
            assert where_it_leaves(moved, run), f"{step} by {task}"


@pytest.mark.parametrize("title", WALKS)
def test_a_text_with_two_paragraphs_swapped_is_noticed(title, run_of):
    text = walks()[title]
    paragraphs = [match[0] for match in PARAGRAPH.finditer(text)]
    for one, other in pairwise(paragraphs):
        swapped = text.replace(f"{one}\n{other}", f"{other}\n{one}")
        assert swapped != text
        assert where_it_leaves(steps_of(swapped), run_of(title)), one


def test_ten_walks_have_a_run_each():
    assert list(WALKS) == list(RUNS)
    assert all(len(steps) >= 10 for steps in WALKS.values())


def test_the_child_of_the_last_walk_calls_nothing_twice(run_of):
    """What is re-enacted never reaches the kernel."""
    run = run_of("A Python program's call, and its fork")
    entered = [
        event.name
        for event in run.record
        if type(event) is not Call and event.event == "sys_enter" and event.common_pid == run.tasks["child"]
    ]
    assert entered == ["exit"]


def test_a_second_of_sleep_is_a_second_of_the_clock(run_of):
    run = run_of("A sleep, and the virtual clock")
    enter, leave = (
        next(e.time_ns for e in run.record if type(e) is not Call and e.event == event and e.name == "nanosleep")
        for event in ("sys_enter", "sys_exit")
    )
    assert 1_000_000_000 <= leave - enter < 1_001_000_000


def test_the_program_in_the_text_is_the_one_that_runs():
    """Each walk names its program, the last one shows it."""
    source = Path(__file__).read_text(encoding="utf-8").partition("async def python_program")[2]
    body = source.partition('"""\n')[2].partition("\n\n")[0]
    assert body in walks()["A Python program's call, and its fork"]
    for title, text in walks().items():
        for name in re.findall(r"`tests/walks/(\w+)\.c`", text):
            assert RUNS[title][0].__closure__ is None or RUNS[title][0].__closure__[0].cell_contents == name


# --- names in the documents ---


def functions_in(path):
    """The names that a file defines, methods with their class."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        found.add(getattr(node, "name", ""))
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{item.name}" for item in node.body if hasattr(item, "name")}
    return found


DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/README.md", "tests/README.md"]
HOME = TESTS.parent
# A path, with or without the places where paths begin; `kernel/exit.c` is one of Linux's.
PATH = re.compile(r"`((?:src/procession/|tests/|fuzz/|docs/)?(?:[a-z0-9_*]+/)+(?:[\w*]+\.(?:py|c|md|txt|out))?)`")
EXAMPLES = {"tests/programs/name_to_handle_at.c", "tests/programs/expected/name_to_handle_at.out"}     # CONTRIBUTING's
LINUX = {"fs/fhandle.c", "kernel/exit.c", "kernel/signal.c"}


def files(name):
    """The files or directories that a document calls by this name."""
    return [path for place in (SOURCE, HOME, TESTS) for path in place.glob(name.rstrip("/"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document):
    text = (HOME / document).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = set(PATH.findall(text)) - EXAMPLES - LINUX
    if document == "CONTRIBUTING.md":
        named -= set(re.findall(r"^New file `(.*)`", text, re.MULTILINE))
    assert [name for name in sorted(named) if not files(name)] == []


def rows():
    """The second column of the README's table: the parts of each row, a path and the names in brackets behind it."""
    table = (HOME / "README.md").read_text(encoding="utf-8").partition("## Where is …?")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| .+ \| (.*`.*) \|$", table, re.MULTILINE):
        yield from re.findall(r"`([\w/*.]+)`(?: \(([^()]*)\))?", row)


def test_where_is_it_is_true():
    """Each file of the table exists, and each name in brackets is defined in the file before it."""
    found = list(rows())
    assert len(found) > 40
    for name, inside in found:
        assert files(name), name
        for defined in re.findall(r"`(\w+)`", inside):
            (path,) = files(name)
            assert defined in functions_in(path), f"{name}: {defined}"


def test_fields_are_fields_and_functions_are_there():
    """A spelling mistake has this message rather than `never`."""
    for step in {step for steps in WALKS.values() for step in steps}:
        if step.name in EVENTS:
            assert {name for name, _ in step.fields} <= set(event_fields(step.name)), step
        else:
            path, _, name = step.name.partition(".")
            assert name in functions_in(SOURCE / f"{path}.py"), step
