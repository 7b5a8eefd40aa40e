"""The parts of packages.py and surroundings.py that no run with everything at hand shows."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess

import pytest
from tests import packages, surroundings


def test_what_is_missing():
    """All that tests ask for, but for what is installed, or stands in for it."""
    everything = packages.missing(())
    assert everything == sorted(packages.PROGRAMS)
    assert packages.missing(everything) == []
    instead = {"zsh-common", "zsh-static", "gdb-minimal"}
    assert packages.missing({*everything, "zsh", "gdb"} - instead - {"less"}) == ["less"]
    assert packages.missing({"zsh", "busybox"}) == [name for name in everything if not name.startswith("zsh-")]


def test_servers_are_fetched_apart(monkeypatch, tmp_path):
    """What only the long runs want, and once only; a reason where it cannot be had."""
    assert packages.missing(packages.SERVERS, packages.SERVERS) == []
    assert "rustc" in packages.missing((), packages.SERVERS)
    assert not set(packages.SERVERS) & set(packages.PROGRAMS)
    asked = []

    def make(names, _, folder):
        asked.append(names)
        folder.mkdir()
        (folder / "wanted").write_text(packages.sought(names), encoding="utf-8")

    monkeypatch.setattr(packages, "installed_here", lambda: {"nodejs"})
    monkeypatch.setattr(packages, "make_folder", make)
    assert [packages.provide(packages.SERVERS, tmp_path / "new") for _ in range(2)] == ["", ""]
    assert asked == [[name for name in sorted(packages.SERVERS) if name != "nodejs"]]

    def refuse():
        raise packages.CannotFetch("no\nnetwork")

    monkeypatch.setattr(packages, "installed_here", refuse)
    assert packages.provide(packages.SERVERS, tmp_path / "other") == "no network"


def test_what_is_installed():
    status = "installed less\nconfig-files nano\nnot-installed zsh\ninstalled gcc\n"
    assert packages.installed_among(status) == {"less", "gcc"}


def test_what_apt_has():
    """A release without the small debugger has the large one; what it does not have at all is left out."""
    assert packages.available(["gdb-minimal", "less"], {"gdb-minimal", "gdb", "less"}) == ["gdb-minimal", "less"]
    assert packages.available(["gdb-minimal", "less"], {"gdb", "less"}) == ["gdb", "less"]
    assert packages.available(["gdb-minimal", "zsh-static"], {"zsh"}) == []


def test_why_apt_failed():
    assert packages.last_words("E: one\nE: two\nW: not this\n\n") == "E: two"
    assert packages.last_words("W: only this\n") == ""


@pytest.mark.parametrize(("program", "expected"), [
    ("usr/bin/tmux", "$ORIGIN/../lib/x86_64-linux-gnu"),
    ("usr/lib/gcc/x86_64-linux-gnu/12/cc1", "$ORIGIN/../../../x86_64-linux-gnu"),
])
def test_libraries_are_found_from_the_program(tmp_path, program, expected):
    assert packages.rpath(tmp_path / program, tmp_path) == expected


def test_dynamic_programs_are_told_from_other_files(tmp_path):
    script, text, link = (tmp_path / name for name in ("script", "text", "link"))
    script.write_text("#!/bin/sh\n/lib64/ld-linux-x86-64.so.2\n")
    text.write_bytes(b"")
    link.symlink_to("/bin/sh")
    assert not any(map(packages.is_dynamic_program, (script, text, link, tmp_path, tmp_path / "nothing")))
    assert packages.is_dynamic_program(Path("/bin/sh").resolve())
    go = tmp_path / "go"
    go.write_bytes(Path("/bin/sh").read_bytes()[:2000] + b"\4\0\0\0S\0\0\0\4\0\0\0Go\0\0")
    assert b"ld-linux" in go.read_bytes()
    assert not packages.is_dynamic_program(go)


def test_pythons_tests_are_one_package(tmp_path):
    """What is unpacked, and beside it what is installed; nothing is compiled into the host's folder."""
    root, host = tmp_path / "root", tmp_path / "host"
    tests, installed = (place / "usr/lib/python3.11/test" for place in (root, host))
    tests.mkdir(parents=True)
    (tests / "test_os.py").touch()
    packages._complete_pythons_tests(root, host)
    assert [part.name for part in tests.iterdir()] == ["test_os.py"]
    (installed / "support").mkdir(parents=True)
    (installed / "__pycache__").mkdir()
    for name in ("__init__.py", "test_os.py"):
        (installed / name).touch()
    packages._complete_pythons_tests(root, host)
    packages._complete_pythons_tests(root, host)
    assert sorted(part.name for part in tests.iterdir()) == ["__init__.py", "support", "test_os.py"]
    assert (tests / "support").readlink() == installed / "support"
    assert not (tests / "test_os.py").is_symlink()


def test_where_programs_are(tmp_path):
    """Nothing is added to PATH for a folder that was never filled; perl's directory has two names, one is a link."""
    assert packages.directories(tmp_path) == []
    assert packages.perl_library(tmp_path) == ""
    (tmp_path / "root/usr/bin").mkdir(parents=True)
    modules = tmp_path / "root/usr/share/perl/5.36.0"
    modules.mkdir(parents=True)
    modules.with_name("5.36").symlink_to("5.36.0")
    assert packages.directories(tmp_path) == [str(tmp_path / "root/usr/bin")]
    assert packages.perl_library(tmp_path) == str(modules)


@pytest.fixture
def root(tmp_path):
    """An unpacked root, as far as finish() looks at it."""
    packages.unpack([], tmp_path)
    for name in "usr/bin/vim.tiny", "usr/bin/patchelf", "usr/include/stdio.h", "usr/share/tcltk/tcl8.6/init.tcl":
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tmp_path / packages.LIBRARIES).mkdir(parents=True)
    return tmp_path


def test_names_that_an_installation_would_give(root):
    packages.finish(root)
    bin_ = root / "usr/bin"
    assert (bin_ / "vi").readlink() == Path("vim.tiny")
    assert not (bin_ / "zsh").exists()
    assert (root / "bin/vi").exists()
    assert (root / "usr/lib/tcl8.6/init.tcl").exists()
    assert (root / "usr/lib64/ld-linux-x86-64.so.2").readlink() == Path("/lib64/ld-linux-x86-64.so.2")


@pytest.mark.parametrize("own", [True, False])
def test_the_compiler_is_given_the_headers(root, own):
    """The one of the folder, or the host's where only headers and libraries were missing."""
    tool = root / "usr/bin/x86_64-linux-gnu-gcc-12" if own else root / "gcc"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{root}:{os.environ['PATH']}")
        packages.finish(root)
    out = subprocess.run([root / "usr/bin/cc", "-c", "a b"], capture_output=True, text=True, check=True).stdout
    assert out == f"--sysroot={root}/usr/bin/../.. -c a b\n"


def test_a_command_that_fails_says_why():
    with pytest.raises(packages.CannotFetch, match=r"^sh: E: no$"):
        packages._run(["sh", "-c", "echo W: no matter >&2; echo E: no >&2; exit 100"])
    with pytest.raises(packages.CannotFetch, match="No such file"):
        packages._run(["/no/such/program"])


def test_nothing_is_left_of_a_fetch_that_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))       # there is no apt
    with pytest.raises(packages.CannotFetch):
        packages.make_folder(["less"], (), tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_the_line_about_what_was_left_out():
    zsh, gdb = "no zsh here (package zsh-static)", "no gdb here (package gdb-minimal)"
    assert surroundings.left_out([zsh, gdb, zsh]) == (
        "3 tests left out; 3 for want of these packages: gdb-minimal zsh-static"
    )
    assert surroundings.left_out(["no namespaces"]) == "1 test left out; 1: no namespaces"
    assert surroundings.left_out(["no x here", zsh, "no x here"]) == (
        "3 tests left out; 1 for want of these packages: zsh-static; 2: no x here"
    )


def test_what_is_needed_and_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=r"no zsh here \(package zsh-static\)"):
        surroundings.need("zsh")
    with pytest.raises(pytest.skip.Exception, match=r"^no something here$"):
        surroundings.need("something")


def test_the_surroundings_of_the_tests():
    """Nothing of whoever started them."""
    assert os.environ["HOME"] == "/nonexistent"
    assert os.environ["PATH"] == surroundings.PATH
    assert not {"LANG", "LC_CTYPE", "TMUX", "LESS", "EDITOR", "BASH_ENV"} & set(os.environ)
    assert os.umask(0o022) == 0o022
