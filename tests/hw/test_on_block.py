"""The count of user code, where it is machine code and where the host lets none be made: slower, and the same run."""

from __future__ import annotations

import mmap
from pathlib import Path
import platform

import pytest

from procession import Machine
from procession.hw import engine
from procession.tools.tracefile import trace_hash

ROOT = Path(__file__).parents[1] / "upgrade" / "root"


def hash_of_a_run():
    result = Machine(root=ROOT, trace=True).run(["/forks"])
    assert result.exit_code == 7
    return trace_hash(result.trace)


@pytest.mark.parametrize("how", ["no code for this processor", "none may be made", "no files in memory"])
def test_the_run_is_the_same_without(how, monkeypatch):
    usual = hash_of_a_run()
    monkeypatch.setattr(engine, "_made", [])
    if how == "no code for this processor":
        monkeypatch.setattr(engine, "_ON_BLOCK", None)
    elif how == "none may be made":
        monkeypatch.setattr(engine.mmap, "mmap", refuse(mmap.mmap))
    else:
        monkeypatch.setattr(engine, "_HAS_MEMFD", False)
    assert hash_of_a_run() == usual
    assert bool(engine._made) == (how == "no files in memory" and engine._ON_BLOCK is not None)


def refuse(real):
    """As SELinux does (execmem)."""

    def made(*arguments, prot=mmap.PROT_READ | mmap.PROT_WRITE, **options):
        if prot & mmap.PROT_EXEC:
            raise PermissionError
        return real(*arguments, prot=prot, **options)

    return made


def test_this_processor_has_its_code():
    known = platform.system() == "Linux" and platform.machine() in {"x86_64", "aarch64"}
    assert (engine._ON_BLOCK is not None) == known or platform.system() in {"Darwin", "FreeBSD"}
