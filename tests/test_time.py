"""What time costs, what clocks say of it, and where a deadline cuts in."""

import re
import time

import pytest
from tests import starter

from procession import Machine
from procession.boot import BOOT_TIME_NS
from procession.tools.tracefile import trace_hash

LOOP = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; "
DAY = 86_400 * 10**9


def cpu_seconds(output):
    """What `times` says of a shell itself: user and system seconds."""
    minutes, user, more, system = map(float, re.findall(r"(\d+)m([\d.]+)s (\d+)m([\d.]+)s", output)[0])
    return minutes * 60 + user, more * 60 + system


@pytest.mark.parametrize("beside", ["", "sleep 1000 & "], ids=["alone", "beside a sleeper"])
@pytest.mark.parametrize("cpus", [1, 2])
def test_computing_costs_time(inside, beside, cpus):
    """User code takes time whether a timer is pending or not, and the clock of the wall moves with it."""
    result = inside(["dash", "-c", f"{beside}{LOOP}times"], cpus=cpus)
    user, _ = cpu_seconds(result.output)
    assert 0.05 < user < 2
    assert result.kernel.clock.now_ns >= user * 1e9 * 0.9


def test_a_loop_costs_its_bytes(inside):
    """Twice the work is twice the time."""
    script = "i=0; while [ $i -lt {n} ]; do i=$((i+1)); done"
    spent = [
        inside(["dash", "-c", script.format(n=n)]).kernel.clock.now_ns for n in (0, 10_000, 20_000)
    ]
    assert spent[2] - spent[1] == pytest.approx(spent[1] - spent[0], rel=0.02)


@pytest.mark.parametrize("number", range(10))
def test_what_the_engine_has_translated_does_not_matter(deadlines, number):
    """The same trace where all translated code is dropped at each signal."""
    traces = []
    for cold in (False, True):
        machine = Machine(root="/", trace=True)

        def drop(event, machine=machine):
            for vcpu in machine.kernel.x86.vcpus:
                vcpu.cpu.drop_code(range(100))

        if cold:
            machine.kernel.trace.subscribe(drop, "signal_generate")
        result = machine.run([deadlines, str(number)])
        traces.append((result.output, trace_hash(result.trace)))
    assert traces[0] == traces[1]


class HostTime:
    """A host whose clock moves by so many ns at each look; what is slept is noted."""

    def __init__(self, step_ns):
        self.step_ns = step_ns
        self.ns = 0
        self.slept = 0

    def now_ns(self):
        self.ns += self.step_ns
        return self.ns

    def sleep_until(self, ns):
        self.slept += 1
        self.ns = max(ns, self.ns)


def realtime(step_ns, argv):
    machine = Machine(root="/", realtime=True)
    host = machine.kernel.clock.host = HostTime(step_ns)
    return machine.run(argv), host


def test_a_real_time_clock_goes_with_the_host_while_a_program_computes():
    """A slow host: the guest's clock is that of the host, and so is what the program has used."""
    script = f"read a _ </proc/uptime; {LOOP}read b _ </proc/uptime; times; echo $a $b"
    result, host = realtime(1_000_000, ["dash", "-c", script])
    assert result.kernel.clock.now_ns == pytest.approx(host.ns, abs=2_000_000)
    before, after = map(float, result.output.split()[-2:])
    assert after - before > 0.1
    assert sum(cpu_seconds(result.output)) >= after - before - 0.03


def test_a_fast_host_waits_for_a_real_time_clock():
    """A host that takes no time for anything sleeps, so that no guest's second is shorter than its own."""
    result, host = realtime(1, ["dash", "-c", "for i in $(seq 100); do /bin/true; done"])
    assert result.status == 0
    assert host.slept
    assert result.kernel.clock.now_ns <= host.ns + 1_100_000


def test_a_timer_cuts_in_on_computing_when_the_host_is_there():
    script = "trap 'read a _ </proc/uptime; echo $a; exit' TERM; (sleep 0.5; kill $$) & while :; do :; done"
    start = time.monotonic()
    result = Machine(root="/", realtime=True).run(["dash", "-c", script])
    assert 0.5 <= float(result.output) <= time.monotonic() - start + 0.01


def command(*arguments):
    return starter.run("run", *arguments, text=True)


@pytest.mark.parametrize(("said", "date"), [
    ("2020-02-03", "2020-02-03 00:00:00"), ("2020-02-03T04:05:06", "2020-02-03 04:05:06"),
    ("2020-02-03T04:05:06+02:00", "2020-02-03 02:05:06"), ("1970-01-01", "1970-01-01 00:00:00"),
])
def test_the_day_at_boot(said, date):
    result = command("--boot-time", said, "--", "date", "-u", "+%F %T")
    assert (result.stdout, result.stderr, result.returncode) == (date + "\n", "", 0)


@pytest.mark.parametrize("said", ["", "yesterday", "2020-13-01", "12", "1969-12-31", "2262-04-12", "9999-12-31", "nan"])
def test_a_date_that_is_none(said):
    result = command("--boot-time", said, "--", "date")
    assert (result.stdout, result.returncode) == ("", 125)
    assert len(result.stderr.splitlines()) == 1
    assert "--boot-time" in result.stderr


def test_the_host_s_files_are_not_from_the_future(tmp_path):
    made = tmp_path / "made"
    made.write_text("")
    script = f"[ $(stat -c %Y {made}) -le $(date +%s) ] && [ $(date +%s) -lt $(($(stat -c %Y {made}) + 600)) ]"
    assert command("--", "sh", "-c", script).returncode == 0


def test_elsewhere_it_is_the_same_day():
    assert Machine(root={}).kernel.boot_time_ns == Machine(root="/").kernel.boot_time_ns == BOOT_TIME_NS


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (1 << 63, ValueError), ("now", TypeError), (1.5, TypeError)]
)
def test_a_time_that_no_machine_has(value, error):
    with pytest.raises(error, match="boot_time_ns"):
        Machine(boot_time_ns=value)
