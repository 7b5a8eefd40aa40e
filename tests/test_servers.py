"""Other people's servers, unmodified: what they print and how they end is the host's. `make soak` has larger ones."""

from __future__ import annotations

from fuzz import servers
from fuzz.servers import RUNS, Ended, Served
import pytest

QUICK = [served for served in RUNS if served.quick]


@pytest.mark.parametrize("served", QUICK, ids=lambda served: served.name.replace(" ", "_"))
def test_a_server_does_as_on_the_host(served):
    """With fewer requests than in the long runs, and in Linux's own order."""
    why = servers.unavailable(served) or servers.host_refuses(served)
    if why:
        pytest.skip(why)
    host, ours = servers.on_host(served, served.quick), servers.inside(served, served.quick)
    assert servers.differences(served, host, ours) == ""


def a_run(**changes):
    return Ended(**{"status": 0, "output": ["one"], "errors": "", "cpu": 2.0, **changes})


def test_what_is_wrong():
    """Another status, another output, no end, and what is not here but for what is known of it."""
    served = Served("name", "name.sh", (), vain=("known",))
    good = a_run()
    assert servers.differences(served, good, a_run(cpu=9.0, figures=["x: 1"], vain=["known"])) == ""
    assert servers.differences(served, None, a_run(status=5)) == ""
    assert "exit status 1, on the host 0" in servers.differences(served, good, a_run(status=1))
    assert "-one\n+two" in servers.differences(served, good, a_run(output=["two"]))
    assert "has not ended" in servers.differences(served, None, a_run(status=None))
    assert "in vain for new" in servers.differences(served, good, a_run(vain=["known", "new"]))


def test_figures_are_told_apart_from_the_output(tmp_path):
    ended = servers.finish(["sh", "-c", "echo 'figure: ab -k: 17 a second'; echo one; exit 3"], {}, 20, str(tmp_path))
    assert (ended.status, ended.output, ended.figures) == (3, ["one"], ["ab -k: 17 a second"])
    late = servers.finish(["sleep", "1000"], {"PATH": "/bin:/usr/bin"}, 0, str(tmp_path))
    assert late.status is None


def test_the_table_is_of_these_servers():
    """Run python -m fuzz.servers --write when this fails."""
    lines = [line for line in servers.PAGE.read_text(encoding="utf-8").splitlines() if ".sh` |" in line]
    told = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    assert told == [served.name for served in RUNS]
    line = servers.row(RUNS[0], a_run(figures=["SET p: 40 a second"]), a_run(cpu=8.0, figures=["SET p: 30 a second"]))
    assert line == "| redis | `redis.sh` |  | 8.0 | 2.00 | 4 | SET p: 30, 40 |"
    assert servers.with_rows("a\n<!-- servers: x -->\nold\n<!-- end -->\n", [line]).count("|") == 8 * 3


@pytest.fixture
def pretended(monkeypatch):
    """Two sides that only note what is asked of them; on two CPUs another line comes out."""
    asked = []

    def inside(served, count=0, options=()):
        asked.append((served.name, options))
        return a_run(output=["two"] if options else ["one"])

    monkeypatch.setattr(servers, "inside", inside)
    monkeypatch.setattr(servers, "on_host", lambda _: a_run())
    monkeypatch.setattr(servers, "host_refuses", lambda served: "not as root" if served.root else "")
    monkeypatch.setattr(servers, "unavailable", lambda served: "no x here" if served.name == "absent" else "")
    monkeypatch.setattr(servers.packages, "provide", lambda *_: "")
    return asked


def test_each_runs_in_two_orders(pretended, capsys):
    """Both beside the host, if it may be asked; one that is not here is told of and left out."""
    wrong, host, ours = servers.both(Served("one", "one.sh", ()), 4)
    assert pretended == [("one", ()), ("one", ("--cpus", "2", "--seed", "5"))]
    assert (len(wrong), host.output, ours.output) == (1, ["one"], ["one"])
    assert servers.both(Served("one", "one.sh", (), root=True), 4)[:2] == ([], None)
    assert servers.both(Served("absent", "absent.sh", ()), 4) == ([], None, None)
    told = capsys.readouterr().err.splitlines()
    assert told[0].strip() == "one: 2.0 s of the CPU inside, 2.0 on two CPUs, 2.00 on the host"
    assert [line.rpartition("; ")[2].rpartition(", ")[2] for line in told[1:]] == ["not as root", "  absent: no x here"]


def test_a_share_begins_at_the_seed(pretended):
    """So that small shares of several seeds come to all of them."""
    tried = servers.run(2, seed=len(RUNS) - 1)
    assert (tried.count, len(tried.found)) == (2, 2 - sum(served.root for served in (RUNS[-1], RUNS[0])))
    assert list(dict.fromkeys(name for name, _ in pretended)) == [RUNS[-1].name, RUNS[0].name]
    assert servers.run(names=["s6"]).count == 1
