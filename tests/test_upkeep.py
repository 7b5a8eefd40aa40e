"""What is printed for a report of a fault, and what is said of the cache, on hosts of all kinds."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from procession.cli import bug_report, upkeep


@pytest.fixture
def try_quickly(monkeypatch):
    """Let the run that is tried be this script."""
    def with_script(script, seconds=60):
        monkeypatch.setattr(bug_report, "_TRY", (sys.executable, "-c", script))
        monkeypatch.setattr(bug_report, "_TRY_SECONDS", seconds)

    return with_script


def fields(text):
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def test_a_report_says_what_is_installed_and_how_a_run_goes(monkeypatch, try_quickly):
    try_quickly("import sys; print('no', file=sys.stderr); sys.exit('cannot read /home/eve/x')")
    monkeypatch.setattr(bug_report, "_PACKAGES", ("unicorn", "no-such-package"))
    monkeypatch.setattr(bug_report.os, "isatty", lambda fd: fd != 1)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: bug_report.os.terminal_size((99, 33)))
    monkeypatch.setenv("TERM", "vt100")
    said = fields(bug_report.text())
    assert said["a run"] == "     /bin/true ends with 1: cannot read /..."
    assert said["terminal"] == "  stdin+stderr, vt100, 99 x 33"
    assert said["packages"].endswith("no-such-package not installed")


def test_a_report_of_a_run_that_does_not_end(monkeypatch, try_quickly):
    try_quickly("import time; time.sleep(60)", seconds=0.1)
    monkeypatch.setattr(bug_report.os, "isatty", lambda _: False)
    said = fields(bug_report.text())
    assert said["a run"] == "     /bin/true has not ended in 0.1 seconds"
    assert said["terminal"] == "  none"


@pytest.mark.parametrize(("cpuinfo", "name"), [("model name\t: A CPU\n", "A CPU"), ("Processor : 1\n", "another")])
def test_a_report_names_the_cpu(tmp_path, monkeypatch, cpuinfo, name):
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(bug_report, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr(bug_report.platform, "processor", lambda: "another")
    assert bug_report._cpu_model() == name


def test_what_came_from_outside_is_not_in_a_report(tmp_path, try_quickly, capsys):
    try_quickly("")
    path = tmp_path / "trace"
    lines = [{"event": "run", "seed": 7, "env": {"A": "b"}}, {"event": "console_read", "kind": "tty", "data": "secret"}]
    path.write_text("\n".join(map(json.dumps, lines)))
    upkeep.bug_report(path, 5)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        '{"event":"run","seed":7}', '{"event":"console_read","kind":"tty","data":"6 characters"}',
    ]


def test_the_cache_is_shown_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    where = tmp_path / "procession"
    upkeep.show()
    upkeep.clear()
    (where / "a").mkdir(parents=True)
    (where / "a" / "file").write_bytes(bytes(2_500_000))
    upkeep.show()
    upkeep.clear()
    assert not where.exists()
    assert capsys.readouterr().out.splitlines() == [
        f"nothing is cached ({where})", f"nothing was cached ({where})",
        f"     2.5 MB      1 files  {where}/a", f"2.5 MB removed from {where}",
    ]


def test_what_the_host_refuses_is_one_line(tmp_path, monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "procession").mkdir()
    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(SystemExit):
        upkeep.clear()
    assert capsys.readouterr().err == f"procession: {tmp_path}/procession: Permission denied\n"
