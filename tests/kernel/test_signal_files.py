"""3.2's kernel/signal.c is several files: their imports point one way."""

import ast
from pathlib import Path
import subprocess
import sys

import pytest

from procession import kernel

HOME = Path(kernel.__path__[0])
FILES = ["siginfo", "signal_queue", "signal_jobctl", "signal_send", "signal_notify", "signal_stop", "signal",
         "signal_syscalls"]


def imported(name):
    """What a module imports of kernel/, inside functions, too."""
    for node in ast.walk(ast.parse((HOME / f"{name}.py").read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module == "procession.kernel":
            yield from (alias.name for alias in node.names)
        elif node.module.startswith("procession.kernel."):
            yield node.module.removeprefix("procession.kernel.")


@pytest.mark.parametrize("name", FILES)
def test_a_file_knows_only_those_before_it(name):
    assert not set(imported(name)) & set(FILES[FILES.index(name):])


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_be_the_first_that_is_imported(name):
    subprocess.run([sys.executable, "-c", f"import procession.kernel.{name}"], check=True)


def test_no_file_is_left_out():
    assert {path.stem for path in HOME.glob("signal*.py")} <= set(FILES)


def test_a_timer_is_told_through_a_pointer():
    """The queue does not know whose entry it gives out."""
    assert not set(imported("signal_queue")) & {"itimer", "posix_timers"}
