"""The count of user code, where it is machine code and where the host lets none be made: slower, and the same run."""

from __future__ import annotations

import mmap
from pathlib import Path
import platform

from machine import AX, CODE
from machine import Machine as Machines
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


def test_a_run_ends_where_the_machine_code_ends_it(monkeypatch):
    """In the same block, with the same count, and goes on from there."""
    def ends():
        m = Machines()
        m.code("31c0 48ffc0 eb00 48ffc0 90 90 483d40420f00 75f1 0f05")
        found, ip = [], CODE
        for ns in (1, 2, 3, 4, 5, 7, 11):
            m.run(ip, ns=ns)
            ip = m.cpu.q[m.ip]
            found.append((ip, m.cpu.q[AX], m.cpu.spent(), m.cpu.was_cut(), m.cpu.block_end()))
        m.cpu.close()
        return found

    usual = ends()
    monkeypatch.setattr(engine, "_made", [])
    monkeypatch.setattr(engine, "_ON_BLOCK", None)
    assert ends() == usual
    assert len({ip for ip, *_ in usual}) > 1
    assert {cut for *_, cut, _ in usual} == {True}


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
