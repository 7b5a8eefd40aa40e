"""docs/locks.md is the kernel's lock order: it has the classes that the source has, and lockdep learns no other order.

`pytest --record tests/test_lock_order.py` writes the list of what was seen into the page.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
import re

import pytest

from procession import Machine
from procession.include.linux.spinlock import SpinLock
from procession.kernel import lockdep

HOME = Path(__file__).parent.parent
PAGE = HOME / "docs" / "locks.md"
SOURCES = sorted((HOME / "src").rglob("*.py"))
SEEN = re.compile(r"(<!-- nestings: .* -->\n).*?(<!-- end -->)", re.DOTALL)
MUTEX = "mutex"                 # the kind of lock that lockdep does not follow

# Between them they take every nesting that any program of programs/ takes.
PROGRAMS = (
    "fork_tree", "fork_with_running_threads", "vfork_parent_waits_for_exec", "clone_files_shared",
    "namespace_init_dies",
    "exec_from_thread_takes_leader_pid", "exec_from_leader_ends_threads", "credentials", "unshare_calls",
    "orphaned_pgrp_hup_cont", "wait_by_several_threads", "core_dump_takes_who_shares_memory",
    "signal_storm", "signalfd_rt_payload", "stop_all_threads", "posix_timers", "itimer", "rlimits_of_others",
    "pipe_chain", "fifo_open", "flock_deadlock", "epoll_in_epoll", "eventfd_signalfd_timerfd", "unix_socket_waits",
    "tty_background", "tty_poll", "tty_two_readers", "tty_vhangup", "futex_between_processes", "robust_list",
    "cow_shared_mapping", "mremap", "mprotect_segv", "brk_mmap", "sched_realtime", "proc_others", "stress_threads",
    "sysv_ipc_errors", "sysv_messages", "sysv_namespace", "mqueue_messages", "mqueue_notify", "mqueue_thread",
    "cgroup_memory", "cgroup_release", "mount_calls", "proc_seek_and_poll", "kernel_log", "ptrace_attach_stopped",
    "aio", "splice_files",
)


def page():
    return PAGE.read_text(encoding="utf-8")


def order(text):
    """Return {class: (those it stands below, outermost first)} of the page's tree; the classes in the page's order."""
    block = re.search(r"```text\n(.*?)```", text.partition("## The order")[2], re.DOTALL)[1]
    above, path = {}, []
    for line in re.sub(r",\n\s*", ", ", block).splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        assert depth <= len(path), line
        del path[depth:]
        names = line.strip().split(", ")
        for name in names:
            assert name not in above, f"{name} stands in the tree twice"
            above[name] = tuple(upper for names in path for upper in names)
        path.append(names)
    return above


def rows(text):
    """Return {class: (kind, functions)} of the page's table."""
    table = text.partition("## What each protects")[2].partition("## ")[0]
    found = re.findall(r"^\| `(.*?)` \| ([^|]*) \| [^|]+ \| ([^|]*) \|$", table, re.MULTILINE)
    assert len({name for name, _, _ in found}) == len(found)
    return {name: (kind, re.findall(r"`(\w+)`", functions)) for name, kind, functions in found}


def misplaced(above, nestings):
    """Return those nestings that the order does not allow."""
    return [(before, after) for before, after in nestings if before not in above.get(after, ())]


@pytest.fixture(scope="module")
def learned(compilers):
    """Run the programs, on one CPU and on three; returns how often each nesting of two classes was learned."""
    seen = Counter()
    for name in PROGRAMS:
        program = str(compilers.compile(name, "musl"))
        for cpus in (1, 3):
            dep = Machine(root="/", cpus=cpus).run([program], env={"PATH": "/usr/bin:/bin", "HOME": "/"}).kernel.lockdep
            assert dep.enabled
            seen.update((a.name, b.name) for a, edges in dep.edges.items() for b, kinds in edges.items() if kinds)
    return seen


def nestings_as_text(above, nestings):
    """Return the list of the page, in the order of its tree."""
    place = {name: number for number, name in enumerate(above)}
    lines = []
    for before in sorted({before for before, _ in nestings}, key=place.__getitem__):
        under = sorted((after for b, after in nestings if b == before), key=place.__getitem__)
        lines.append(f"- `{before}`: " + ", ".join(f"`{name}`" for name in under) + "\n")
    return "\n" + "".join(lines) + "\n"


def test_everything_learned_is_in_the_order_of_the_page(learned):
    """Both locks of every pair that was held together are in the tree, one below the other."""
    assert len(learned) > 40
    assert not misplaced(order(page()), learned)


def test_the_list_of_what_was_seen_is_up_to_date(learned, request):
    """Run with --record when this fails, and look at what changed."""
    text = page()
    made = SEEN.sub(lambda match: match[1] + nestings_as_text(order(text), learned) + match[2], text)
    if request.config.getoption("--record"):
        PAGE.write_text(made, encoding="utf-8")
    assert SEEN.search(text)
    assert page() == made


def test_tree_and_table_have_the_classes_of_the_source():
    """Each once, and no others; the table in the order of the tree."""
    call = re.compile(r"(?:\block_class|\bwait_queue_head|\bmutex_init)\((?:\w+(?:\.\w+)*, )?\"([^\"]+)\"\)")
    classes = {name for path in SOURCES for name in call.findall(path.read_text(encoding="utf-8"))}
    assert {"rq->lock", "cred_guard_mutex", "mutex.wait_lock"} < classes
    assert set(order(page())) == classes
    assert list(rows(page())) == list(order(page()))


def test_functions_named_in_the_table_exist():
    """Somewhere in the source."""
    defined = {
        name for path in SOURCES for name in re.findall(r"\bdef (\w+)\(", path.read_text(encoding="utf-8"))
    }
    for name, (_, functions) in rows(page()).items():
        assert functions, name
        assert set(functions) <= defined, name


def test_mutexes_are_outermost():
    """lockdep does not follow them; what it cannot see is right by where they stand."""
    above = order(page())
    mutexes = {name for name, (kind, _) in rows(page()).items() if kind == MUTEX}
    assert mutexes
    assert all(not above[name] for name in mutexes)


def test_what_nests_in_itself_is_said():
    """The page names the classes that lockdep lets do so."""
    said = re.search(r"Two classes nest in themselves.*?\n\n", page(), re.DOTALL)[0]
    assert {name for name in order(page()) if f"`{name}`," in said} == set(lockdep.SELF_NESTING)
    assert len(lockdep.SELF_NESTING) == 2


def test_an_order_against_the_page_is_noticed():
    """A kernel that takes a task's lock under a run queue's, or two locks of one line, or one that the page lacks."""
    k = Machine().kernel
    for names in (("rq->lock", "alloc_lock"), ("pipe->wait", "sk->wait"), ("tasklist_lock", "new_lock")):
        with SpinLock(k.lock_class(names[0])), SpinLock(k.lock_class(names[1])):
            pass
    nestings = [(a.name, b.name) for a, edges in k.lockdep.edges.items() for b in edges]
    assert len(nestings) == 3
    assert misplaced(order(page()), nestings) == nestings
