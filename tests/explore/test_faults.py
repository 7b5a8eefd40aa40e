"""What may go wrong besides the order: each kind, by the oracle, in reports, tokens and on the command line."""

import pytest
from tests.explore.oracle import dfs

from procession import Errno, Sig, explore
from procession.explorer import FAULT_KINDS, FAULTS, Subject, Token, replay
from procession.explorer.dpor import dpor
from procession.hw.chooser import IS_INTERRUPTED


async def reads(linux):
    """A child writes three bytes; how many come at once is told."""
    r, w = await linux.pipe()
    if not await linux.fork():
        await linux.write(w, b"abc")
        await linux.exit(0)
    await linux.close(w)
    got = []
    while data := await linux.read(r, 8):
        got.append(data)
    await linux.print(got)
    await linux.waitpid(-1)


async def receives(linux):
    """The same over a socket pair, whose messages are never cut in another kind."""
    ends = await linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM, 0)
    messages = await linux.socketpair(linux.AF_UNIX, linux.SOCK_DGRAM, 0)
    if not await linux.fork():
        await linux.write(ends[0], b"xy")
        await linux.write(messages[0], b"whole")
        await linux.exit(0)
    await linux.print(await linux.read(ends[1], 8), await linux.read(messages[1], 8))
    await linux.waitpid(-1)


async def waits(linux):
    """Whether its wait is interrupted is told."""
    if not await linux.fork():
        await linux.exit(3)
    while True:
        try:
            await linux.print((await linux.waitpid(-1))[1] >> 8)
            break
        except InterruptedError:
            await linux.print("interrupted")


async def forks(linux):
    """What fork says when it cannot is told."""
    try:
        if not await linux.fork():
            await linux.exit(0)
    except OSError as error:
        await linux.print(Errno(error.errno).name)
        return
    await linux.print("forked")
    await linux.waitpid(-1)


async def numbers(linux):
    """Whether the second child has the first one's number is told."""
    seen = []
    for _ in range(2):
        if not (child := await linux.fork()):
            await linux.exit(0)
        seen.append(child)
        await linux.waitpid(child)
    await linux.print(seen[0] == seen[1])


async def alarmed(linux):
    """Whether the alarm comes before, between or behind two lines is told, as far as it does."""
    came = []
    await linux.signal(Sig.SIGALRM, came.append)
    await linux.alarm(3)
    await linux.print("one", len(came))
    if not await linux.fork():
        await linux.exit(0)
    try:
        await linux.waitpid(-1)
    except InterruptedError:
        await linux.waitpid(-1)
    await linux.alarm(0)
    await linux.print("two", len(came))


async def two_timers(linux):
    """How long it takes: 80 s if the parent's 50 s are over before its child has begun to wait for 30 s."""
    r, w = await linux.pipe()
    if not await linux.fork():
        await linux.signal(Sig.SIGALRM, lambda _sig: None)
        await linux.alarm(30)
        try:
            await linux.pause()
        except InterruptedError:
            await linux.write(w, b"!")
        await linux.exit(0)
    await linux.poll([(r, 1)], 50_000)
    await linux.waitpid(-1)
    await linux.print(await linux.clock_gettime() // 10**9)


def outcomes(report):
    return {(one.outcome.how, one.outcome.number, one.outcome.stdout) for one in report.outcomes}


def of(program, kind, faults=1):
    return Subject(program, optional=frozenset({kind}), faults=faults)


def plain(program, kind, faults=1):
    return {(run.outcome.how, run.outcome.number, run.outcome.stdout) for run in dfs(of(program, kind, faults))}


@pytest.mark.parametrize(
    ("kind", "program", "told"),
    [
        ("short", reads, {b"[b'abc']\n", b"[b'a', b'bc']\n", b"[b'a']\n"}),
        ("short", receives, {b"b'xy' b'whole'\n", b"b'x' b'whole'\n"}),
        ("interrupt", waits, {b"3\n", b"interrupted\n3\n"}),
        ("memory", forks, {b"forked\n", b"ENOMEM\n"}),
        ("pid", numbers, {b"False\n", b"True\n"}),
        ("timer", alarmed, {b"one 0\ntwo 0\n", b"one 1\ntwo 1\n", b"one 0\ntwo 1\n"}),
    ],
)
def test_a_fault_of_each_kind_is_found_by_every_search(kind, program, told):
    all_there_is = plain(program, kind)
    assert {stdout for _, _, stdout in all_there_is} == told
    assert plain(program, kind, faults=0) < all_there_is
    bounded = explore(program, deviations=6, faults=1, fault_kinds=[kind])
    assert bounded.complete
    assert outcomes(bounded) == all_there_is
    exhaustive = explore(program, exhaustive=True, faults=1, fault_kinds=[kind])
    assert outcomes(exhaustive) == all_there_is


def test_two_faults_are_two():
    told = {stdout for _, _, stdout in plain(reads, "short", faults=2)}
    assert b"[b'a', b'b', b'c']\n" in told
    assert told > {stdout for _, _, stdout in plain(reads, "short")}


def test_a_run_in_which_something_goes_wrong_is_drawn_and_brought_back():
    report = explore(reads, deviations=1, faults=1, fault_kinds=["short"], expect="exit 0, output \"[b'abc']\\n\"")
    texts = [str(failure) for failure in report.failures]
    assert any("(1 byte of 3)" in text and "Decided by what goes wrong in write of P.1" in text for text in texts)
    for failure in report.failures:
        assert replay(failure.token, reads).stdout == failure.outcome.stdout
        token = Token.parse(failure.token)
        assert (token.faults, token.optional) == (1, frozenset({"short"}))


def test_time_that_passes_is_drawn():
    expect = "exit 0, output 'one 0\\ntwo 0\\n'"
    report = explore(alarmed, deviations=1, faults=1, fault_kinds=["timer"], expect=expect, first=True)
    assert report.exit_status == 1
    assert "(a timer expires first)" in str(report.failures[0])
    assert "Decided by a timer that expires before anybody goes on" in str(report.failures[0])


def test_none_is_asked_for_unless_it_is_wanted():
    (one,) = explore(reads, deviations=6).outcomes
    assert one.outcome.stdout == b"[b'abc']\n"
    assert set(FAULT_KINDS) == set(FAULTS) - {"instruction"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"faults": -1}, "faults"),
        ({"faults": 1, "fault_kinds": ["memory", "disk"]}, "no kind 'disk'"),
        ({"faults": 1, "fault_kinds": []}, "fault_kinds: none"),
        ({"faults": 1, "fault_kinds": ["instruction"], "exhaustive": True}, "instruction goes with deviations only"),
    ],
)
def test_bad_arguments_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        explore(reads, **options)


def test_one_text_is_no_list_of_kinds():
    with pytest.raises(TypeError, match="names expected"):
        explore(reads, faults=1, fault_kinds="memory")


def test_which_timers_there_are_counts():
    """Without that a timer that is armed meanwhile, and expires before, is never seen to."""
    subject = of(two_timers, "timer")
    all_there_is = {run.outcome for run in dpor(subject)} - {None}
    assert {run.outcome for run in dfs(subject)} == all_there_is
    assert {run.outcome for run in dpor(subject, frozenset({"timers"}))} - {None} < all_there_is


async def two_sleep(linux):
    """Two processes sleep, and tell of it if they are interrupted."""
    child = not await linux.fork()
    try:
        await linux.clock_nanosleep(linux.CLOCK_MONOTONIC, 0, 10**9 if child else 2 * 10**9)
    except InterruptedError:
        await linux.print("interrupted")


def test_each_of_two_that_are_interrupted_hears_of_it():
    for run in dfs(of(two_sleep, "interrupt", faults=2)):
        chosen = [one for one in run.machine.chooser.record if one.kind == IS_INTERRUPTED]
        assert run.outcome.stdout == b"interrupted\n" * len(chosen)
