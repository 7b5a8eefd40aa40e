"""The programs that an explorer of orders is judged by do what they say, under a few seeds."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
import re
import tomllib

import pytest

from procession import Deadlock, Machine

HERE = Path(__file__).parent
EXPLORED = HERE / "explored"
LAB = HERE.parent / "src" / "procession" / "grading"
MODELS = sorted(path.stem for path in (HERE.parent / "bench" / "models").glob("[a-z]*.py"))
CASES = sorted(EXPLORED.glob("*.json"))
SEEDS = 4


def outcome(program, seed):
    """How it ended, and what it printed."""
    machine = Machine(seed=seed)
    try:
        result = machine.run(program)
    except Deadlock:
        return "deadlock", machine.console.stdout.decode()
    assert result.stderr == b""
    return result.exit_code, result.output


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    model = importlib.import_module(f"bench.models.{name}")
    assert {outcome(model.main, seed) for seed in range(SEEDS)} <= model.OUTCOMES


def test_there_are_fourteen_models():
    assert len(MODELS) == 14


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_cases_are_complete(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["name"] == path.stem
    assert (EXPLORED / case["source"]).exists()
    fixed = case["fixed"]
    assert fixed == {"flags": ["-DFIXED"]} or (EXPLORED / fixed["source"]).exists()
    assert case["good"]
    assert not [bad for bad in case["bad"] if bad in case["good"]]


def test_every_program_is_a_case():
    programs = {path.stem for path in EXPLORED.glob("*.[cs]*") if not path.stem.endswith("_fixed")} - {"explored"}
    assert programs == {path.stem for path in CASES}


def test_traces_are_complete():
    lab = tomllib.loads((LAB / "shlab.toml").read_text(encoding="utf-8"))
    assert sum(trace["points"] for trace in lab["trace"]) == 100
    for trace in lab["trace"]:
        assert trace.keys() == {"name", "points", "stdin", "allowed", "hint"}
        assert all(re.compile(allowed) for allowed in trace["allowed"])
    assert all((LAB / source).exists() for source in lab["programs"].values())
