"""docs/will-it-run.md says what happens: its table has every program of the script, and the quick ones run as told."""

from __future__ import annotations

from pathlib import Path
import re
import sys

import pytest

HOME = Path(__file__).parents[1]
sys.path.append(str(HOME))

from scripts import will_it_run  # noqa: E402

TOLD = will_it_run.rows(will_it_run.PAGE.read_text(encoding="utf-8"))
QUICK = [program for program in will_it_run.PROGRAMS if program.quick]


def test_the_table_has_what_the_script_runs():
    """Run scripts/will_it_run.py when this fails."""
    assert list(TOLD) == [program.what for program in will_it_run.PROGRAMS]
    text = will_it_run.PAGE.read_text(encoding="utf-8")
    assert will_it_run.with_table(text, TOLD) == text


@pytest.mark.parametrize("program", QUICK, ids=lambda program: program.what.partition(":")[0])
def test_a_quick_one_runs_as_told(program):
    if not will_it_run.is_here(program):
        pytest.skip(f"no {program.needs}")
    assert will_it_run.of_program(program, 0)[0] == TOLD[program.what][0]


def test_verdicts():
    """What counts as running, and what is named when something does not."""
    good = (0, "42\n", "", 1.0)
    assert will_it_run.verdict(good, good) == "yes"
    assert will_it_run.verdict(good, (0, "43\n", "", 1.0)) == "differs"
    assert will_it_run.verdict(good, (1, "", "", 1.0)) == "no"
    assert will_it_run.verdict(good, (None, "", "", 1.0)) == "too slow"
    assert will_it_run.verdict((1, "", "", 1.0), good) == "no (the host: status 1)"
    errors = (
        "not in Linux 3.2 (ENOSYS): getrandom (3)\nnot in Linux 3.2 (ENOSYS): memfd_create (1)\n"
        "not supported here: socket: family 2 (1)\nsomething else\n"
    )
    assert will_it_run.missed(errors) == "`memfd_create`, `socket: family 2`"


def test_the_figures_of_the_text_are_those_of_the_table():
    """How many times as long real programs take."""
    ratios = [int(ratio.replace(",", "")) for _, ratio, _ in TOLD.values() if ratio]
    text = will_it_run.PAGE.read_text(encoding="utf-8")
    (low, high) = re.findall(r"take (\d+) to (\d+) times as long", text)[0]
    assert (int(low), int(high)) == (min(ratios), max(ratios))
