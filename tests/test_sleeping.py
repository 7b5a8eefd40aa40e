"""There is one way to sleep: nobody but the functions for it touches what a sleeper is made of."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from procession.include.linux.bug import KernelBug
from procession.include.linux.sched import (
    TASK_DEAD,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_UNINTERRUPTIBLE,
    Task,
    set_task_state,
)

SOURCES = Path(__file__).parent.parent / "src" / "procession"

# Who assigns what: nobody but one, the copying of a task, and the making of one that has slept since boot.
ALLOWED = {
    # A lab's keeps a tracee asleep through SIGKILL, and TCP's is a connection's.
    "state": {
        "include/linux/sched.py:set_task_state", "include/linux/sched.py:copy", "labs/points.py:serve_frozen",
        "net/ipv4/inet_csk.py:tcp_set_state",
    },
    "wchan": {"kernel/sched.py:schedule", "init/kthreads.py:_dress"},
    "waiting_on": {"kernel/sched.py:schedule"},
}


def assignments(tree):
    """(function, attribute, value) of every assignment to an attribute of something that is not self."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            else:
                continue
            flat = [t for target in targets for t in (target.elts if isinstance(target, ast.Tuple) else [target])]
            for target in flat:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) != "self":
                    yield function.name, target.attr, ast.unparse(node.value) if node.value else ""


def who_assigns(sources):
    """Attribute of a sleeper -> who assigns it."""
    found = {name: set() for name in ALLOWED}
    for path, text in sources.items():
        for function, attribute, value in assignments(ast.parse(text)):
            if attribute in found and not value.startswith(("TCP_", "CGROUP_")):  # sockets and groups, too
                found[attribute].add(f"{path}:{function}")
    return found


def test_nobody_else_says_that_a_task_sleeps():
    """schedule() says where, set_task_state() how."""
    sources = {str(p.relative_to(SOURCES)): p.read_text(encoding="utf-8") for p in sorted(SOURCES.rglob("*.py"))}
    assert who_assigns(sources) == ALLOWED


@pytest.mark.parametrize("line", [
    "current.state = TASK_RUNNING", "entry.task.state = 1", "current.wchan = 'x'", "a, p.waiting_on = None, q",
])
def test_who_does_is_found(line):
    """In any file."""
    found = who_assigns({"fs/new.py": f"async def f(current):\n    {line}\n"})
    assert {"fs/new.py:f"} in found.values()


def test_one_function_knows_which_signal_ends_a_sleep():
    """signal_pending_state() and its sister."""
    told = [
        str(path.relative_to(SOURCES))
        for path in sorted(SOURCES.rglob("*.py"))
        for _ in range(path.read_text(encoding="utf-8").count("pending.signal & SIGKILL_MASK"))
    ]
    assert told == ["include/linux/sched.py"] * 2


@pytest.mark.parametrize(("old", "new"), [
    (TASK_RUNNING, TASK_RUNNING), (TASK_RUNNING, TASK_INTERRUPTIBLE), (TASK_INTERRUPTIBLE, TASK_RUNNING),
    (TASK_INTERRUPTIBLE, TASK_INTERRUPTIBLE), (TASK_RUNNING, TASK_DEAD),
])
def test_a_task_goes_from_running_to_sleep_and_back(old, new):
    """And may say twice how it will sleep."""
    p = Task.__new__(Task)
    p.state = old
    set_task_state(p, new)
    assert p.state == new


@pytest.mark.parametrize(("old", "new"), [
    (TASK_DEAD, TASK_RUNNING), (TASK_DEAD, TASK_INTERRUPTIBLE), (TASK_DEAD, TASK_DEAD),
    (TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE), (TASK_UNINTERRUPTIBLE, TASK_DEAD), (TASK_STOPPED, TASK_INTERRUPTIBLE),
])
def test_a_wrong_state_before_is_a_bug(old, new):
    """The dead stay dead, and a sleeper only wakes."""
    p = Task.__new__(Task)
    p.comm, p.pid, p.state = "p", 2, old
    with pytest.raises(KernelBug, match=f"from state {old} to {new}"):
        set_task_state(p, new)
    assert p.state == old
