"""Repeatability at large: many different runs, twice in a process, and once on every other Python that is here.

`python -m fuzz.repeat` does two hundred.
"""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys
from tempfile import TemporaryDirectory

from fuzz import repeat
import pytest
from tests.surroundings import need

from procession import Machine

COUNT = 20


@pytest.fixture(scope="module")
def runs():
    return repeat.compiled(repeat.table(COUNT, 5))


@pytest.fixture(scope="module")
def hashes(runs):
    return repeat.hashes(sys.executable, runs, 1)


def test_the_runs_are_different(runs, hashes):
    assert len(hashes) == COUNT
    assert len(set(hashes)) > COUNT - 3
    assert {run.get("cpus") for run in runs} >= {1, 2, 3}
    assert any("example" in run for run in runs)
    assert len(repeat.table(200, 0)) == 200
    assert len({str(run) for run in repeat.table(200, 0)}) == 200


def test_the_second_time(runs, hashes):
    """In another process, with another environment, in the opposite order."""
    assert repeat.hashes(sys.executable, runs[::-1], 2)[::-1] == hashes


@pytest.fixture
def pythons(outer, monkeypatch):
    """Environments of the other Pythons of whoever runs the tests, made with their settings of pip."""
    with monkeypatch.context() as theirs:
        for name, value in outer.items():
            theirs.setenv(name, value)
        others = repeat.other_pythons()
        if not others:
            pytest.skip("there is no other Python here that Procession supports")
        try:
            return [repeat.environment_for(python) for python in others]
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no environment for another Python: {error.stderr.decode(errors='replace').strip()[-200:]}")


def test_other_pythons(runs, hashes, pythons):
    """Left out, and said so, where there is no other Python, or no network to make an environment for it."""
    for number, python in enumerate(pythons, 3):
        assert repeat.hashes(python, runs, number) == hashes


def plant(base, names):
    """A tree with nothing in it that depends on where it stands."""
    busybox = need("busybox")
    for name in names:
        (base / name / "sub" / "x").mkdir(parents=True)
        (base / name / "file").write_text(name * 10)
        (base / name / "link").symlink_to("file")
    shutil.copy(busybox, base / "busybox")
    for directory, directories, files in os.walk(base, topdown=False):
        for name in (*directories, *files):
            os.utime(Path(directory) / name, (10**9, 10**9), follow_symlinks=False)
    os.utime(base, (10**9, 10**9))


def test_the_file_system_under_the_root_does_not_matter(tmp_path):
    """A copy on another one, made in another order: the same run, to the last field of stat."""
    script = (
        "busybox ls -lai /; busybox ls -laiR /a /b /c /d /e /f; busybox find / -xdev;"
        "busybox stat / /a /a/file /a/link /b/sub; busybox du -s /a; busybox df; busybox df -i; busybox ls -lcu /a"
    )
    seen = []
    with TemporaryDirectory(dir="/dev/shm") as shared:  # tmpfs
        for base, names in ((Path(shared), "abcdef"), (tmp_path, "fedcba")):
            plant(base, names)
            result = Machine(root=base, trace=True).run(["/busybox", "sh", "-c", script], env={"PATH": "/"})
            assert result.stderr == b""
            seen.append((result.output, result.trace))
    assert seen[0] == seen[1]
