"""What the recorder of calls sees, and what it does not count."""

from collections import Counter

from tests.recorder import Call, Recording

from procession import Machine


async def sleeper(linux):
    """A child sleeps three times and is ended in the last: coroutines go on, and one is closed."""
    pid = await linux.fork()
    if pid == 0:
        while True:
            await linux.sleep(1)
    await linux.sleep(2.5)
    await linux.kill(pid, linux.SIGKILL)
    await linux.waitpid(pid)


def test_a_function_is_recorded_when_it_begins_however_often_it_goes_on():
    machine, recording = Machine(check=200), Recording()
    recording.of(machine, lambda: machine.run(sleeper))
    calls = [step for step in recording.steps if type(step) is Call]
    sleeps = Counter(call.pid for call in calls if call.name == "kernel/hrtimer.do_nanosleep")
    assert sorted(sleeps.values()) == [1, 3]
    assert not any(call.name.startswith("tools/") for call in calls)
