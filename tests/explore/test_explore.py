"""Exploring: all outcomes, the same by every way of searching; failures, their tokens, and what is said of them."""

from collections import Counter
import importlib
import json
from pathlib import Path
import subprocess
import sys
import time

import pytest
from tests import starter
from tests.explore.oracle import dfs

from procession import ReplayError, Sig, explore
from procession.explorer import Token, TokenError, replay, steps
from procession.explorer.dpor import dpor
from procession.explorer.prefix import Prefix
from procession.explorer.recorder import Diverged, Strategy
from procession.explorer.sampling import Pct, Pos
from procession.explorer.steps import Node, trace_class
from procession.explorer.subject import Subject

PURE = Path(steps.__file__).suffix == ".py"
MODELS = sorted(path.stem for path in Path(__file__).parents[2].joinpath("bench", "models").glob("[a-z]*.py"))
# More than a hundred classes: `make bench` runs them.
LARGE = {"pipeline", "two_waiters", "two_writers"}


def model(name):
    return importlib.import_module(f"bench.models.{name}")


def seen(runs):
    """Count the outcomes of runs, as the models give theirs."""
    ends = (run.outcome for run in runs if run.outcome is not None)
    return Counter((end.how if end.how != "exit" else end.number, end.stdout.decode()) for end in ends)


# All ways of searching find the same.


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LARGE])
def test_each_model_has_all_its_outcomes_and_no_class_twice(name):
    classes = Counter()
    outcomes = Counter()
    for run in dpor(Subject(model(name).main)):
        assert run.outcome is not None  # none comes to nothing
        classes[trace_class(run.recorder.steps)] += 1
        outcomes += seen([run])

    assert set(outcomes) == model(name).OUTCOMES
    assert set(classes.values()) == {1}


@pytest.mark.parametrize("name", ["lost_wakeup", "sigchld_wait"])
def test_plain_search_finds_just_as_much_in_a_model(name):
    assert set(seen(dfs(Subject(model(name).main)))) == model(name).OUTCOMES


@pytest.mark.parametrize("strategy", [Pos, lambda seed: Pct(seed, 2, 30)])
def test_schedules_at_random_are_orders_like_others_and_can_be_had_again(strategy):
    subject = Subject(model("two_children").main)
    outcomes = [subject.run(strategy(seed)).outcome for seed in range(25)]

    assert outcomes == [subject.run(strategy(seed)).outcome for seed in range(25)]
    assert 1 < len(set(outcomes)) <= len(model("two_children").OUTCOMES)


# Failures.


async def loses_its_wakeup(linux):
    came = []
    await linux.signal(linux.SIGCHLD, came.append)
    if not await linux.fork():
        await linux.exit(3)
    if not came:
        try:
            await linux.pause()
        except InterruptedError:
            pass
    await linux.wait()


def test_a_lost_wakeup_is_found_explained_and_brought_back():
    report = explore(loses_its_wakeup)

    assert report.complete
    assert report.exit_status == 1
    assert {str(found.outcome) for found in report.outcomes} == {"exit 0", "deadlock"}
    (failure,) = report.failures
    assert failure.violation.name == "lost-child"
    assert failure.deviations == 1
    text = str(failure)
    assert len(text.splitlines()) <= 40
    assert "P (17)" in text
    assert "P.1 (18)" in text
    assert "nobody can reap" in text
    assert "pause" in text
    assert "sys_exit → do_exit → exit_notify" in text or not PURE
    assert failure.token in text
    with pytest.raises(Exception, match="pause"):
        replay(failure.token, loses_its_wakeup)


async def tells_its_children(linux):
    async def handler(sig):
        await linux.kill(await linux.getppid(), linux.SIGUSR2)

    await linux.signal(linux.SIGUSR1, handler)
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR2})
    children = []
    for _ in range(2):
        pid = await linux.fork()
        if not pid:
            while True:
                try:
                    await linux.pause()
                except InterruptedError:
                    pass
        children.append(pid)
    await linux.sleep(1)
    await linux.kill(children[0], linux.SIGUSR1)
    await linux.sigwaitinfo({linux.SIGUSR2})
    await linux.kill(children[1], linux.SIGSTOP)
    await linux.waitpid(children[1], linux.WUNTRACED)
    for pid in children:
        await linux.kill(pid, linux.SIGTERM)
    await linux.kill(children[1], linux.SIGCONT)
    for pid in children:
        await linux.waitpid(pid)


def test_signals_are_drawn_from_who_sends_them_to_who_takes_them():
    (failure,) = explore(tells_its_children, deviations=0, expect="exit 1").failures
    lines = str(failure).splitlines()

    assert len(lines) <= 40
    column = lines[3].index("P.1"), lines[3].index("P.2")

    def line(text, at=0):
        return next(n for n, one in enumerate(lines) if one[at:].startswith(text) and not one[3:at].strip(" ─SIGUR12"))

    sent = line("kill(18, 10) = 0 SIGUSR1▶", 3)
    handled = line("SIGUSR1 → its handler", column[0])
    answered = line("◀─────── SIGUSR2 ──────── kill(17, 12) = 0", 3)
    assert sent < handled < answered
    assert line("kill(19, 19) = 0 ──────────── SIGSTOP ────────────▶", 3)
    assert line("SIGSTOP → stops", column[1]) < line("SIGTERM → dies", column[1])
    assert line("SIGTERM → dies", column[0])


def test_the_report_says_the_same_as_json():
    report = explore(loses_its_wakeup)
    told = json.loads(json.dumps(report.json()))

    assert told["complete"] is True
    assert told["schedules"] == report.schedules
    assert [one["property"] for one in told["failures"]] == ["lost-child"]
    assert {one["how"] for one in told["outcomes"]} == {"exit", "deadlock"}
    assert Token.parse(told["failures"][0]["token"]).choices


async def leaves_a_child(linux):
    if not await linux.fork():
        await linux.sleep(300)


def test_a_process_that_is_left_behind_is_a_failure():
    (failure,) = explore(leaves_a_child).failures

    assert failure.violation.name == "left-behind"
    assert "do_nanosleep" in failure.violation.sentence or "nanosleep" in failure.violation.sentence
    assert explore(leaves_a_child, off=["left-behind"]).failures == []


async def keeps_an_end(linux):
    read, _ = await linux.pipe()
    if not await linux.fork():
        await linux.read(read, 1)
    await linux.wait()


def test_a_descriptor_that_keeps_the_end_of_a_pipe_away_is_named():
    (failure,) = explore(keeps_an_end).failures

    assert failure.violation.name == "end-of-file"
    assert "keeps open, as its descriptor 4" in failure.violation.sentence


async def shouts(linux):
    for word in ("a", "b"):
        if not await linux.fork():
            await linux.print(word, end="")
            await linux.exit(0)
    await linux.wait()
    await linux.wait()


def test_an_outcome_that_is_not_expected_is_a_failure():
    assert explore(shouts, expect=["exit 0, output 'ab'", "exit 0, output 'ba'"]).failures == []
    (failure,) = explore(shouts, expect=lambda outcome: outcome.stdout == b"ba").failures
    assert failure.outcome.stdout == b"ab"
    assert replay(failure.token, shouts).stdout == b"ab"


def test_a_property_of_ones_own_says_what_is_wrong():
    def letters_in_order(run):
        return "b came first" if run.outcome.stdout == b"ba" else None

    (failure,) = explore(shouts, properties=[letters_in_order]).failures

    assert failure.violation == ("letters_in_order", "b came first", 0)


def test_a_loop_that_polls_comes_to_an_end_and_one_without_is_endless():
    async def polls(linux):
        child = await linux.fork()
        if child:
            while (await linux.waitpid(child, linux.WNOHANG))[0] == 0:
                pass

    async def never_ends(linux):
        while True:
            await linux.getppid()

    assert explore(polls).complete
    (failure,) = explore(never_ends, max_steps=50).failures
    assert failure.violation.name == "endless"


def test_an_init_of_ones_own_reaps_in_any_order_and_is_drawn():
    async def init(linux):
        for status in (1, 2):
            if not await linux.fork():
                await linux.exit(status)
        reaped = [(await linux.wait())[1] >> 8, (await linux.wait())[1] >> 8]
        await linux.print(*reaped)

    report = explore(init, as_init=True, expect="exit 0, output '1 2\\n'")

    assert {found.outcome.stdout for found in report.outcomes} == {b"1 2\n", b"2 1\n"}
    assert "P (1)" in str(report.failures[0])


# Tokens and bad input.


def test_a_token_of_something_else_is_refused_in_one_line():
    with pytest.raises(TokenError, match="does not begin with px1"):
        replay("nonsense")
    with pytest.raises(TokenError, match="not a token, or only a part"):
        replay("px1.abc")
    token = explore(shouts).outcomes[-1].token
    with pytest.raises(TokenError, match="only a part"):
        replay(token[:-9], shouts)
    other = Token.parse(token)._replace(version="0.0.1")
    with pytest.raises(TokenError, match=r"of version 0\.0\.1"):
        replay(str(other), shouts)
    changed = Token.parse(token)._replace(print="00000000")
    with pytest.raises(TokenError, match="has changed"):
        replay(str(changed), shouts)


def test_a_token_of_another_run_says_which_question_differed():
    token = Token.parse(explore(shouts).outcomes[-1].token)
    wrong = token._replace(choices=[token.choices[0]._replace(candidates=(5, 6), answer=1)])
    with pytest.raises(ReplayError, match=r"recorded: question .*; now asked: question"):
        replay(str(wrong), shouts)


def test_a_program_that_something_else_decides_is_told_so():
    subject = Subject(shouts)
    nodes = subject.run(Strategy()).recorder.nodes
    other = [*nodes[:-1], Node(nodes[-1].kind, (98, 99), 0, nodes[-1].step)]

    with pytest.raises(Diverged, match="Something that nobody controls"):
        subject.run(Prefix(other))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"deviations": -1}, "deviations"),
        ({"deviations": "2"}, "deviations"),
        ({"schedules": 0}, "schedules"),
        ({"seconds": "long"}, "seconds"),
        ({"off": ["nothing"]}, "no property 'nothing'"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments, why):
    with pytest.raises((TypeError, ValueError), match=why):
        explore(shouts, **arguments)


# The command.


def command(*arguments, stdin=""):
    done = starter.run(*arguments, input=stdin, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_command_tells_by_its_status(tmp_path):
    here = f"{__file__}:"
    assert command("explore", here + "shouts")[0] == 0
    assert command("explore", "--schedules", "2", here + "shouts")[0] == 3
    status, out, _ = command("explore", "--json", str(tmp_path / "out.json"), here + "loses_its_wakeup")
    assert status == 1
    assert "1 failure in all schedules within 2 deviations" in out
    assert json.loads((tmp_path / "out.json").read_text())["failures"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explore", "nothing.py:main"], "nothing.py"),
        (["explore", f"{__file__}:nothing"], "no function nothing"),
        (["explore", "--off", "nothing", f"{__file__}:shouts"], "no property 'nothing'"),
        (["explore", "--deviations", "x", "true"], "--deviations"),
        (["explore", "/no/such/program"], "/no/such/program"),
        (["replay", "px1.abc"], "not a token"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(arguments, says):
    status, out, err = command(*arguments)

    assert status in {2, 125}
    assert not out
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_token_brings_the_run_back_with_its_calls():
    found = explore(shouts).outcomes
    ab = next(one.token for one in found if one.outcome.stdout == b"ab")
    status, out, err = command("replay", "--strace", ab)

    assert (status, out) == (0, "ab")
    assert 'write(1, "a", 1)' in err


def test_a_real_shell_is_explored():
    status, out, _ = command("explore", "--deviations", "1", "sh", "-c", "true | true; wait")

    assert status == 0
    assert "nothing wrong in all schedules within 1 deviation" in out


def test_an_interrupt_ends_the_command_with_what_was_found_so_far(tmp_path):
    began = tmp_path / "began"
    lines = ["async def main(linux):", f"    open({str(began)!r}, 'w').close()", "    while True:"]
    (tmp_path / "model.py").write_text("\n".join([*lines, "        await linux.sched_yield()", ""]))
    command = [sys.executable, "-m", "procession", "explore", "--max-steps", "1000000000", "model.py:main"]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, cwd=tmp_path, stdin=null, stdout=pipe, text=True) as process:
        while not began.exists():
            time.sleep(0.05)
        process.send_signal(Sig.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert output.startswith("nothing wrong in not all schedules within 2 deviations, as it was interrupted: 0 run in ")


def test_a_program_that_computes_for_ever_has_no_end_either():
    command = ["/bin/sh", "-c", "while :; do :; done"]
    (failure,) = explore(command, root="/", env={"PATH": "/bin"}, deviations=0, max_steps=2000).failures
    assert failure.violation.name == "endless"
    assert failure.violation.sentence == "no end is in sight: more than 0.1 s of computing without a call"
