"""A share of what fuzz/hostile.py does by the million: nothing dies, hangs, raises, leaks, grows, touches the host."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys

from fuzz import hostile, opcodes
import pytest
from tests.hw import elf

from procession.arch.x86 import step
from procession.hw import untranslatable

SIGILL = 4
SHARE = {
    "calls": 8_000, "files": 300, "code": 300, "frames": 600, "tracers": 120, "groups": 20, "pages": 8, "sockets": 12,
    "opcodes": 10_000, "short": 5_000,
}


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_a_share(kind):
    tried = hostile.run(kind, SHARE[kind], seed=8)
    assert tried.found == []
    assert tried.count >= SHARE[kind]


GROWS = (
    "import json; from fuzz.hostile import most_memory; x = b'x' * (500 << 20);"
    "print(json.dumps({'tried': 1, 'touched': [], 'memory': most_memory()}))"
)


def test_what_a_batch_may_not_do(monkeypatch):
    """Dying, hanging, growing and writing are all found."""
    for code, words, seconds in (
        ("import os; os.abort()", "exit status -6", 60),
        ("raise OSError('the reason')", "the reason", 60),
        ("import time; time.sleep(90)", "not done after", 2),
        (GROWS, "MB of memory", 60),
    ):
        monkeypatch.setattr(hostile, "SECONDS", seconds)
        monkeypatch.setattr(hostile, "COMMAND", ["-c", code])
        count, problem = hostile.one_batch("calls", 1, 1)
        assert count == 1
        assert words in problem


def test_a_deed_is_noted(tmp_path):
    code = (
        "import os, sys; from fuzz.hostile import touched; deeds = touched(); path = sys.argv[1];"
        "open('/etc/passwd').close(); assert not deeds; open(path, 'w').close(); os.open(path, os.O_RDWR);"
        "os.chmod(path, 0o600); os.remove(path); print(len(deeds))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")], cwd=hostile.SOURCES.parents[1], capture_output=True,
        text=True, check=True,
    )
    assert done.stdout == "4\n"


# Machine code that the engine cannot translate.

UNTRANSLATABLE = ("f00fa3c0", "f0480fabd8", "66f00fb3c7", "2ef0660fbbff", "f00fbae001", "f0410fbaff1f")
HARMLESS = ("0fa3c0", "f00fab03", "f00fba2b01", "f00fb1c0", "f0900fabc0", "0fbae001", "f00fbac001")


@pytest.mark.parametrize("text", UNTRANSLATABLE)
def test_the_engine_still_has_no_translation(text):
    """Else hw/untranslatable.py has had its day."""
    code = f"from fuzz.opcodes import Bare; Bare().run(bytes.fromhex('{text}'))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=hostile.SOURCES.parents[1], capture_output=True, check=False)
    assert done.returncode == -6
    assert untranslatable.begins(bytes.fromhex(text))
    assert untranslatable.starts(b"\x90" + bytes.fromhex(text))[0] == 1


def test_what_looks_like_it():
    machine = opcodes.Bare()
    for text in HARMLESS:
        assert not untranslatable.begins(bytes.fromhex(text))
        machine.run(bytes.fromhex(text))
    machine.cpu.close()


def test_its_bytes_within_another_instruction_cost_nothing(monkeypatch):
    """No page is executed one instruction at a time because of what lies in it."""
    steps = []
    monkeypatch.setattr(step, "Step", lambda *a: steps.append(a))
    # mov ecx, 1000000; mov eax, 0xc0ab0ff0; dec ecx; jnz there
    loop = "b940420f00 b8f00fabc0 ffc9 75f7"
    assert elf.run(loop + "89cf" + elf.EXIT).exit_code == 0
    assert elf.run(loop + "eb" + f"{-10 & 255:02x}").status == SIGILL
    assert steps == []


def test_where_such_an_instruction_may_begin():
    starts = untranslatable.starts
    for text in UNTRANSLATABLE:
        code = bytes.fromhex(text)
        assert starts(code) == list(range(code.index(0xF0) + 1))
        assert starts(code[:-2]) == []
    assert starts(bytes.fromhex("90 f066f0 0fabc0 90 660fa3c0 f00fa3c0")) == [1, 2, 3, 12]
    assert starts(b"\xf0" * 30 + bytes.fromhex("0fabc0")) == list(range(18, 30))
    assert starts(b"\x66" * 4093 + bytes.fromhex("0fabc0")) == []


def test_every_encoding_has_its_number():
    some = {opcodes.encoding(n) for n in range(0, opcodes.TOTAL, 9973)}
    assert len(some) == len(range(0, opcodes.TOTAL, 9973))
    assert opcodes.encoding(0)[:2] == b"\x00\xc0"


# Machines that never end.


def test_a_machine_that_never_rests_does_not_grow():
    """The process stays as large as it was: less than two kilobytes for a turn of forks, execs, files and signals."""
    turns, marks = 900, 9
    command = [
        sys.executable, "-m", "procession.cli", "run", "--memory", "64M", "--", hostile.program("churn"), str(turns),
        str(turns // marks),
    ]
    sizes = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while process.stdout.read(1):
            sizes.append(int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) << 12)
    assert process.returncode == 0
    assert len(sizes) == marks
    assert sizes[-1] - sizes[3] < 1 << 20, sizes
