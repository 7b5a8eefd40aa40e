"""Every program of examples/ prints what its docstring says, and leaves nothing behind."""

from __future__ import annotations

import ast
from pathlib import Path
import runpy
import textwrap

import pytest

from procession import boot

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


def promised(path):
    """What the docstring says after "Prints:"."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return textwrap.dedent(docstring.partition("Prints:\n")[2]) + "\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example(path, capsys, monkeypatch):
    """Run it as `python examples/NAME.py` does."""
    results = []
    run = boot.Kernel.run
    monkeypatch.setattr(boot.Kernel, "run", lambda *args, **kwargs: results.append(run(*args, **kwargs)) or results[-1])

    runpy.run_path(str(path), run_name="__main__")

    assert capsys.readouterr().out == promised(path)
    assert results
    for result in results:
        assert result.stderr == b""
        result.kernel.check_baseline()


def test_there_are_examples():
    """An empty directory would pass."""
    assert len(EXAMPLES) >= 6
