"""Properties that speak of events and their order."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import starter

from procession import explore
from procession.explorer import always, jobs, never, replay

EARLY = "signal_deliver:sig=SIGCHLD before sys_enter:name=write,says=[1]"
OF_EACH = "sys_enter:name=write,says=($job) before signal_deliver:sig=SIGCHLD,si_pid=$job"


async def shell(linux, careful=False):
    """Starts two jobs, and notes each behind its fork: a job can have ended before."""

    async def reaps(sig):
        while True:
            try:
                if not (await linux.waitpid(-1, linux.WNOHANG))[0]:
                    return
            except ChildProcessError:
                return

    await linux.sigaction(linux.SIGCHLD, reaps, linux.SA_RESTART)
    for number in (1, 2):
        if careful:
            await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGCHLD})
        job = await linux.fork()
        if not job:
            await linux.exit(0)
        await linux.write(1, f"[{number}] ({job})\n".encode())
        if careful:
            await linux.sigprocmask(linux.SIG_UNBLOCK, {linux.SIGCHLD})


async def careful(linux):
    await shell(linux, careful=True)


async def strangers(linux):
    """Two children whose calls nobody could tell the order of."""
    children = []
    for call in (linux.alarm, linux.dup):
        pid = await linux.fork()
        if not pid:
            await call(0)
            await linux.exit(0)
        children.append(pid)
    for pid in children:
        await linux.waitpid(pid)


def broken(program, *properties, **options):
    """What is said of a program."""
    report = explore(program, properties=properties, off=["zombie", "left-behind"], **options)
    assert report.complete
    return {one.violation.name: one for one in report.failures}


def test_a_signal_comes_before_the_job_is_noted():
    found = broken(shell, never(EARLY), always(OF_EACH), deviations=1)

    failure = found["never " + EARLY]
    assert failure.violation.sentence == (
        "signal_deliver:sig=SIGCHLD in shell (17) came, and no sys_enter:name=write,says=[1] had come before it"
    )
    assert failure.deviations == 1
    text = str(failure)
    assert len(text.splitlines()) <= 40
    assert "Decided by" in text
    assert replay(failure.token, shell).output
    other = found["always " + OF_EACH].violation.sentence
    assert other.endswith("si_pid=$job in shell (17) came, and no sys_enter:name=write,says=($job) had come before it")


@pytest.mark.parametrize("how", [{"exhaustive": True, "schedules": 150}, {"deviations": 1}])
def test_nothing_is_said_of_a_shell_that_blocks_the_signal(how):
    report = explore(careful, properties=[never(EARLY), always(OF_EACH)], off=["zombie"], **how)
    assert report.failures == []


@pytest.mark.parametrize("how", [{"exhaustive": True}, {"deviations": 2}])
@pytest.mark.parametrize("order", ["alarm dup", "dup alarm"])
def test_an_order_that_only_the_query_sees_is_tried(how, order):
    first, second = order.split()
    events = f"sys_exit:name={first}", f"sys_exit:name={second}"
    found = broken(strangers, never(f"{events[0]} then {events[1]}"), **how)
    assert len(found) == 1
    found = broken(strangers, always(f"{events[0]} before {events[1]}"), **how)
    assert len(found) == 1
    assert broken(strangers, always(f"sched_process_fork before {events[0]}"), **how) == {}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (never("sys_enter:name=dup"), never("sys_enter:name=dup2")),
        (never("sys_enter:name=dup,arg0=0"), never("sys_enter:name=dup,arg0=1")),
        (always("sys_enter:name=dup2"), always("sys_enter:name=dup")),
        (
            always("sys_exit:name=wait4,ret=$p then sys_exit:name=dup"),
            always("sys_exit:name=dup then sys_exit:name=wait4"),
        ),
        (
            never("sys_exit:name=fork,ret=$p then sched_process_exit:pid=$p"),
            never("sched_process_exit:pid=$p then sys_exit:name=fork,ret=$p"),
        ),
        (
            always("sched_process_exit:pid=$p then sys_exit:name=dup,common_pid=$p"),
            always("sched_process_exit:pid=$p then sched_process_free:pid=$p"),
        ),
        (never("sched_process_exit@3"), never("sched_process_exit@5")),
    ],
    ids=lambda one: one.text,
)
def test_what_is_wrong_and_what_is_not(wrong, right):
    found = broken(strangers, wrong, deviations=0)
    assert list(found) == [wrong.text]
    assert broken(strangers, right, deviations=0) == {}


def test_two_jobs_and_a_checkpoint_know_queries(tmp_path):
    asked = never("sys_exit:name=alarm then sys_exit:name=dup")
    alone = explore(strangers, properties=[asked], exhaustive=True)
    looker = jobs._unpacked(jobs.packed(prepared_looker(asked))).looker
    assert [one.text for one in looker.subject.queries] == [asked.text]
    explore(strangers, properties=[asked], exhaustive=True, checkpoint=tmp_path / "state", schedules=3)
    again = explore(strangers, properties=[asked], exhaustive=True, checkpoint=tmp_path / "state")
    assert [one.token for one in again.failures] == [one.token for one in alone.failures]
    with pytest.raises(ValueError, match="of another search: properties was"):
        explore(strangers, exhaustive=True, checkpoint=tmp_path / "state")


def prepared_looker(asked):
    from procession.explorer import prepared  # noqa: PLC0415 -- for one test

    return prepared(strangers, properties=[asked]).looker


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing", "never nothing: nothing: there is no such event; there are sched_switch"),
        ("12", "never 12: an event is told by its name, not by 12"),
        ("sys_enter then", "never sys_enter then: "),
        ("sys_enter then sys_exit then sys_exit", "not EVENT, EVENT before EVENT or EVENT then EVENT"),
        ("sys_enter:name", "not FIELD=VALUE with a field of nr, name, args"),
        ("sys_enter:arg0=x", "arg0=x: a number expected"),
        ("sys_exit:arg0=1", "not FIELD=VALUE with a field of nr, name, ret"),
        ("sys_exit:rat=$p", "not FIELD=VALUE with a field of nr, name, ret"),
        ("sys_exit then sys_enter:says=$p", r"nothing says what \$p is: sys_exit has to have a FIELD=\$p"),
        ("sys_exit then sys_enter:arg0=$p", r"nothing says what \$p is"),
        ("sys_enter:says=", "says=VALUE expected"),
        ("", "never : "),
    ],
)
def test_what_is_no_query(text, says):
    with pytest.raises(ValueError, match=says):
        never(text)


def test_of_the_command():
    command = ["explore", "--deviations", "0"]
    program = f"{Path(__file__)}:strangers"
    bad = starter.run(*command, "--never", "so what", program, text=True)
    assert (bad.returncode, bad.stdout, len(bad.stderr.splitlines())) == (2, "", 1)
    asked = ["--never", "sys_enter:name=dup", "--always", "sys_enter:name=dup2"]
    found = starter.run(*command, *asked, program, text=True)
    assert found.returncode == 1, found.stderr
    assert "sys_enter:name=dup2 never came" in found.stdout
    assert "--- 1 of 2: never sys_enter:name=dup" in found.stdout
