"""Which build runs: PROCESSION_PURE, what is compiled, and whether its sources have changed since."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
import runpy
import shutil
import subprocess
import sys

import pytest

HOME = Path(__file__).parents[1]
ASK = "import procession, procession._build as b; print(b.running.compiled, b.running.by)"


def build_module(package):
    spec = importlib.util.spec_from_file_location("procession_build", package / "_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path):
    """A copy of the package with a build that was never compiled: sources and manifest are all that is looked at."""
    copy = tmp_path / "procession"
    shutil.copytree(HOME / "src" / "procession", copy, ignore=shutil.ignore_patterns("_compiled", "__pycache__"))
    build = build_module(copy)
    folder = Path(build.ABI_FOLDER)
    folder.mkdir(parents=True)
    script = runpy.run_path(str(HOME / "scripts" / "compile.py"))
    script["all_sources"].__globals__["PACKAGE"] = copy
    compiled = [copy / "kernel" / "exit.py", copy / "_modules.c"]
    (folder / build.MANIFEST).write_text(script["manifest"](build, "mypyc 0, cc 0", compiled))
    return copy


def ask(package, code=ASK, pure=None):
    """What a fresh Python says: its output, what it says on stderr, its status."""
    env = {name: value for name, value in os.environ.items() if name != "PROCESSION_PURE"}
    env |= {"PYTHONPATH": str(package.parent), **({} if pure is None else {"PROCESSION_PURE": pure})}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr.strip(), done.returncode


def test_a_build_of_these_sources_runs(package):
    assert ask(package) == ("True mypyc 0, cc 0", "", 0)
    assert ask(package, pure="0") == ("True mypyc 0, cc 0", "", 0)
    assert ask(package, pure="1") == ("False", "", 0)
    # It is looked for where the manifest says.
    said = ask(package, "import procession.kernel.exit")[1].splitlines()[-1]
    assert said.startswith(f"ImportError: {package}/_compiled/")
    assert "/procession/_modules.cpython" in said


def test_a_build_of_other_sources_does_not(package):
    path = package / "mm" / "memory.py"
    path.write_text(path.read_text() + "\n")
    why = "mm/memory.py has changed since the compiled build was made"
    assert ask(package) == ("False", f"procession: {why}: the pure one runs", 0)
    assert ask(package, pure="1") == ("False", "", 0)
    out, err, status = ask(package, "import procession.boot", pure="0")
    assert (out, err.splitlines()[-1], status) == ("", f"ImportError: PROCESSION_PURE=0: {why}", 1)


def test_a_source_that_was_only_touched_is_the_same(package):
    (package / "mm" / "memory.py").touch()
    assert ask(package)[0].startswith("True")


def test_a_source_that_is_gone_is_a_change(package):
    (package / "mm" / "memory.py").unlink()
    assert "mm/memory.py has changed" in ask(package)[1]


@pytest.mark.parametrize(("pure", "why"), [
    ("0", "PROCESSION_PURE=0: there is no compiled build for this Python"),
    ("yes", "PROCESSION_PURE=yes: 1 picks the pure build, 0 the compiled one"),
])
def test_what_cannot_be_had_is_an_error(package, pure, why):
    shutil.rmtree(package / "_compiled")
    assert ask(package, "import procession; procession.Machine", pure=pure)[1].splitlines()[-1] == f"ImportError: {why}"
    command = "from procession.cli import main; import sys; sys.argv[1:] = ['run', '--', '/bin/true']; main()"
    assert ask(package, command, pure=pure) == ("", f"procession: {why}", 125)


def test_who_needs_the_pure_build_picks_it(package):
    out, err, status = ask(package, f"from procession import pick_pure; pick_pure('my module'); {ASK}")
    assert (out, err, status) == ("False", "procession: my module needs the pure build, so that runs", 0)
    late = "import sys, procession; sys.modules['procession__mypyc'] = sys; procession.pick_pure('my module')"
    out, err, status = ask(package, late)
    assert status == 1
    assert err.splitlines()[-1].startswith("ImportError: my module needs the pure build, but the compiled one is")


def test_nobody_needs_to_pick_the_pure_build_where_it_runs(package):
    code = f"from procession import pick_pure; pick_pure('my module'); {ASK}"
    assert ask(package, code, pure="1") == ("False", "", 0)


@pytest.mark.parametrize(("compiler", "why"), [("/bin/false", "status 1"), ("no-such-cc", "No such file")])
def test_a_compiler_that_is_missing_or_fails(compiler, why):
    """One line, and what runs instead; a build that is there stays."""
    script = HOME / "scripts" / "compile.py"
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "CC": compiler}, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert compiler in done.stderr
    assert why in done.stderr
    assert done.stderr.endswith("no compiled build was made, Procession runs as pure Python\n")


def test_objects_are_kept_for_all_checkouts(tmp_path, monkeypatch):
    """In the user's cache folder if there is one; what has long been of no use goes."""
    script = runpy.run_path(str(HOME / "scripts" / "compile.py"))
    place = script["objects_folder"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = place(tmp_path / "build")
    assert folder == tmp_path / "cache" / "procession-objects"
    assert folder.is_dir()
    for elsewhere in "relative", "/dev/null":
        monkeypatch.setenv("XDG_CACHE_HOME", elsewhere)
        assert place(tmp_path / "build") == tmp_path / "build"
    objects = script["Objects"]([sys.executable, "-c", ""], folder)
    old, new = folder / "old.o", folder / "new.o"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    objects.forget_old()
    assert sorted(folder.iterdir()) == [new]
