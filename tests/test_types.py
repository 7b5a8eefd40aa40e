"""What users write is right to mypy and to pyright: the examples, and the blocks of docs/python.md."""

from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import pytest
from tests.test_docs import BLOCK, HOME, PYTHON_MD


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder with all of them, the blocks with the lines before them empty, so that numbers are the page's."""
    path = tmp_path_factory.mktemp("types")
    for example in (HOME / "examples").glob("*.py"):
        (path / f"example_{example.name}").write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    text = PYTHON_MD.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        (path / f"block_{line}.py").write_text("\n" * line + match[1], encoding="utf-8")
    assert len(list(path.iterdir())) > 20
    return path


def said(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_mypy_strict(folder):
    options = ["--strict", "--no-error-summary", "--cache-dir", folder / "cache"]
    done = said([sys.executable, "-m", "mypy", *options, *sorted(folder.glob("*.py"))], folder)
    assert (done.stdout, done.returncode) == ("", 0)


def test_pyright(folder):
    """basedpyright, which is pyright as a package that needs nothing else, with pyright's own rules."""
    (folder / "pyrightconfig.json").write_text(json.dumps({
        "typeCheckingMode": "standard",
        "pythonVersion": f"3.{sys.version_info.minor}",
    }))
    basedpyright = Path(sys.executable).with_name("basedpyright")
    done = said([basedpyright, "--pythonpath", sys.executable, "--outputjson", "--project", folder], folder)
    found = json.loads(done.stdout)
    errors = [f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
              for one in found["generalDiagnostics"] if one["severity"] == "error"]
    assert errors == []
    assert found["summary"]["filesAnalyzed"] > 20
