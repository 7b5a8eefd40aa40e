"""Compile Procession with mypyc: `python scripts/compile.py`, or make compile.

The sources stay as they are; what is made goes into src/procession/_compiled/ABI, where src/procession/_build.py finds
it. What is made on the way is in build/ABI, and object files in the user's cache folder (procession-objects), by their
contents: the next time only what has changed is compiled again, in another checkout, too.

    --zig       use the compiler of the package ziglang, and let the result run wherever glibc is 2.17 or later: as fast
                as gcc's within 5 %, in two thirds of the time
    --symbols   keep the names of functions, for a profiler
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import contextlib
import hashlib
import importlib.util
import io
import os
from pathlib import Path
import platform
import py_compile
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from types import ModuleType

HOME = Path(__file__).resolve().parents[1]
PACKAGE = HOME / "src" / "procession"
GLIBC = "2.17"

# What stays interpreted, and why.
INTERPRETED = (
    "_host.py",  # asked of any Python
    "_build.py",  # runs before there is anything compiled
    "arguments.py",  # runs once
    "boot.py",  # classes that users subclass; runs once
    "cli/*",  # runs once
    "labs/*",  # run on the pure build
    "explorer/chains.py",  # reads frames
    "explorer/checkpoint.py",  # runs every few seconds
    "explorer/drawing.py",  # runs once for each failure
    "explorer/frontier.py",  # as checkpoint.py
    "explorer/jobs.py",  # runs once for many schedules
    "explorer/queries.py",  # its objects are pickled
    "pytest_*.py",  # pytest looks at the functions
    "grading/*",  # runs once, and finds its labs beside itself
    "result.py",
    "tools/*",  # observers, which not every run has
    "arch/python/_*.py",  # a program's own side of a system call: a plain coroutine is as fast, and users subclass it
    "arch/python/caller.py",
    "arch/python/completed.py",
    "arch/python/crash.py",
    "arch/python/errors.py",
    "arch/python/forgotten.py",
    "arch/python/reenact.py",
    "arch/python/spawn.py",
    "arch/python/sys*.py",
    "arch/python/traps.py",
    "arch/python/wait_status.py",
    "hw/chooser.py",  # tools/replay has its own
    "hw/console.py",  # users write their own
    "hw/hostfile.py",  # its base is CPython's own, which mypyc cannot extend from 3.13 on
    "hw/terminal*.py",
)
# What each C file that mypyc makes of a module begins with.
HEADERS = ("__native_procession.h", "__native_internal_procession.h")
BEGINNING = "".join(f'#include "{name}"\n' for name in HEADERS).encode()
KEPT_DAYS = 30  # since an object file was last of use
FLAGS = ("-fPIC", "-O2", "-g0", "-DNDEBUG", "-w", "-Wno-int-conversion", "-fvisibility=hidden")


class CompileError(Exception):
    """What a compiler said."""


def load_build() -> ModuleType:
    """Return procession._build without importing the package, which would choose a build."""
    spec = importlib.util.spec_from_file_location("procession_build", PACKAGE / "_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_sources() -> list[Path]:
    """Return all modules of the package, those in C included."""
    paths = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.c")])
    return [path for path in paths if path.relative_to(PACKAGE).parts[0] != "_compiled"]


def compiled_sources() -> list[Path]:
    """Return the modules to compile."""
    found = []
    for path in all_sources():
        name = path.relative_to(PACKAGE)
        if path.suffix == ".c" or (
            path.name not in ("__init__.py", "__main__.py") and not any(name.match(pattern) for pattern in INTERPRETED)
        ):
            found.append(path)
    return found


def translate(sources: list[Path], folder: Path, library: str) -> list[tuple[str, list[Path], list[str]]]:
    """Make C of the Python sources; returns for each extension its name, C files and flags. Raises CompileError."""
    # They take a second to import, and --help should not.
    from mypyc.build import mypycify  # noqa: PLC0415

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            extensions = mypycify(
                [str(path.relative_to(HOME)) for path in sources if path.suffix == ".py"],
                opt_level="2",
                multi_file=True,
                group_name="procession",
                target_dir=str(folder),
            )
    except SystemExit:
        raise CompileError(said.getvalue()) from None
    includes = [f"-I{directory}" for directory in [*extensions[0].include_dirs, sysconfig.get_paths()["include"]]]
    # The library of all modules. That of each, which would only call it, is not wanted: _modules.c does that for all.
    made = [
        (extension.name, [Path(source) for source in extension.sources], includes)
        for extension in extensions
        if extension.name == library
    ]
    return made + [(module_name(path), [path], includes) for path in sources if path.suffix == ".c"]


def module_name(path: Path) -> str:
    """Return what a source is imported as."""
    return "procession." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def compilers(*, zig: bool) -> Iterator[list[str]]:
    """Give the commands that may be a C compiler here, the best first."""
    zig_cc = [sys.executable, "-m", "ziglang", "cc"]
    if zig:
        yield [*zig_cc, "-target", f"{platform.machine()}-linux-gnu.{GLIBC}"]
        return
    if os.environ.get("CC"):
        yield shlex.split(os.environ["CC"])
        return
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            yield [name]
    if importlib.util.find_spec("ziglang"):
        yield zig_cc


def find_compiler(folder: Path, *, zig: bool) -> list[str]:
    """Return the command of a C compiler that can make an extension; raises CompileError: what the last one said."""
    probe = folder / "probe.c"
    probe.write_text("#include <Python.h>\nint main(void) { return PY_VERSION_HEX == 0; }\n", encoding="utf-8")
    said = "there is no C compiler, and no package ziglang"
    for command in compilers(zig=zig):
        try:
            run([*command, *FLAGS, f"-I{sysconfig.get_paths()['include']}", "-c", str(probe), "-o", str(probe) + ".o"])
        except (CompileError, OSError, ImportError) as error:
            said = f"{shlex.join(command)}: {error}"
        else:
            return command
    raise CompileError(said)


def run(command: list[str]) -> None:
    """Run a compiler; raises CompileError."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()[-1:]
        raise CompileError("\n".join(errors[:3]) or f"status {done.returncode}")


def objects_folder(otherwise: Path) -> Path:
    """Return where object files are kept, for all checkouts of this user if there is a place for that."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "procession-objects"  # noqa: PTH111
    if not folder.is_absolute():
        return otherwise
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return otherwise
    return folder if os.access(folder, os.W_OK | os.X_OK) else otherwise


class Objects:
    """Object files, made once for each content."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.command = [*command, *FLAGS]
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # Not where anything lies, but which version it is.
        words = ["python" if word == sys.executable else word for word in self.command]
        self.told = "\0".join([*words, version_of(command), mypy_version(), sys.version]).encode()
        self.headers = b""
        self.precompiled: list[str] = []
        self.made = 0

    def see_headers(self, folder: Path, includes: list[str]) -> None:
        """Let what these headers say count as part of every C file, and precompile what mypyc's begin with.

        That is 50,000 lines, a quarter of a second for each file. Raises CompileError.
        """
        contents = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.h")))
        self.headers = hashlib.sha256(contents).digest()
        header = folder.parent / "precompiled" / "all.h"
        header.parent.mkdir(exist_ok=True)
        header.write_text("".join(f'#include "{name}"\n' for name in HEADERS), encoding="utf-8")
        run([*self.command, *includes, "-x", "c-header", str(header), "-o", f"{header}.gch"])
        self.precompiled = ["-include", str(header)]

    def make(self, source: Path, includes: list[str]) -> Path:
        """Compile a C file, unless there is its object already; returns the object's path. Raises CompileError."""
        contents = source.read_bytes()
        key = hashlib.sha256(b"\0".join([self.told, self.headers, contents])).hexdigest()[:32]
        path = self.folder / f"{key}.o"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}.o")
            first = self.precompiled if contents.startswith(BEGINNING) else []
            run([*self.command, *includes, *first, "-c", str(source), "-o", str(unfinished)])
            unfinished.rename(path)
            self.made += 1
        path.touch()
        return path

    def forget_old(self) -> None:
        """Remove what has long been of no use."""
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another run does the same, or has finished a file
                if path.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
                    path.unlink()


# What functions that are system calls begin with.
_SYSCALLS = ("sys_", "sys32_", "stub32_", "compat_sys_")


def signatures(sources: list[Path]) -> str:
    """Return the source of the module that says of each system call's function what a compiled one no longer says.

    SIGNATURES: name -> (module, whether it is a coroutine function, ((parameter, annotation), …), that of the result).
    """
    lines = ['"""What functions that are system calls looked like before they were compiled."""\n', "SIGNATURES = {"]
    for path in sources:
        if path.suffix == ".c":
            continue
        module = module_name(path)
        for node in ast.parse(path.read_bytes()).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith(_SYSCALLS):
                continue
            parameters = tuple((arg.arg, ast.unparse(arg.annotation or ast.Constant(None))) for arg in node.args.args)
            result = ast.unparse(node.returns or ast.Constant(None))
            said = (module, isinstance(node, ast.AsyncFunctionDef), parameters, result)
            lines.append(f"    {node.name!r}: {said!r},")
    return "\n".join([*lines, "}\n"])


def manifest(build: ModuleType, by: str, compiled: list[Path]) -> str:
    """Return what says of which sources a build was made."""
    lines = [by]
    for path in all_sources():
        stat = path.stat()
        how = "compiled" if path in compiled else "plain"
        name = path.relative_to(PACKAGE)
        lines.append(f"{name} {stat.st_size} {stat.st_mtime_ns} {build.fingerprint(str(path))} {how}")
    return "\n".join(lines) + "\n"


def is_made(path: Path, listed: str) -> bool:
    """Whether a build's manifest says just this, and is no older than what makes builds."""
    if not path.exists() or path.stat().st_mtime < Path(__file__).stat().st_mtime:
        return False
    return path.read_text(encoding="utf-8") == listed


def version_of(command: list[str]) -> str:
    """Return a compiler's name and version in a few words."""
    done = subprocess.run([*command, "--version"], check=False, capture_output=True, text=True)
    return done.stdout.partition("\n")[0] or shlex.join(command)


def compile_all(*, zig: bool, symbols: bool) -> None:
    """Make the build; raises CompileError, and leaves the one before where it was."""
    build = load_build()
    target = Path(build.ABI_FOLDER)
    work = HOME / "build" / target.name
    work.mkdir(parents=True, exist_ok=True)
    compiler = find_compiler(work, zig=zig)
    sources = compiled_sources()
    by = f"mypyc {mypy_version()}, {version_of(compiler)}{', with symbols' if symbols else ''}"
    listed = manifest(build, by, sources)
    if is_made(target / build.MANIFEST, listed):
        say("done: nothing has changed")
        return
    c_files = work / "c"
    say(f"translating {len(sources)} modules to C")
    extensions = translate(sources, c_files, build.LIBRARY)
    objects = Objects(compiler, objects_folder(work / "objects"))
    objects.see_headers(c_files, extensions[0][2])
    say(f"compiling {sum(len(files) for _, files, _ in extensions)} C files with {shlex.join(compiler)}")
    unfinished = target.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    used: set[Path] = set()
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        made = [[workers.submit(objects.make, file, includes) for file in files] for _, files, includes in extensions]
        links = []
        for (name, _, _), futures in zip(extensions, made, strict=True):
            parts = [future.result() for future in futures]
            used.update(parts)
            path = unfinished / (name.replace(".", "/") + build.SUFFIX)
            path.parent.mkdir(parents=True, exist_ok=True)
            link = [*compiler, "-shared", *([] if symbols else ["-s"]), "-o", str(path)]
            links.append(workers.submit(run, [*link, *map(str, parts)]))
        for done in links:
            done.result()
    objects.forget_old()
    source = work / "signatures.py"
    source.write_text(signatures(sources), encoding="utf-8")
    py_compile.compile(str(source), cfile=str(unfinished / "SIGNATURES"), doraise=True)
    (unfinished / build.MANIFEST).write_text(listed, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    say(f"done: {objects.made} of {len(used)} C files were compiled again; `procession --version` says what runs")


def mypy_version() -> str:
    """Return the version of mypy, and of mypyc."""
    from mypy.version import __version__  # noqa: PLC0415

    return __version__


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"[{time.perf_counter() - START:5.1f} s] {text}", flush=True)


START = time.perf_counter()


def main() -> int:
    """Enter from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compile Procession for this Python.")
    parser.add_argument("--zig", action="store_true", help=f"with ziglang's compiler, for glibc {GLIBC} and later")
    parser.add_argument("--symbols", action="store_true", help="keep the names of functions, for a profiler")
    arguments = parser.parse_args()
    os.chdir(HOME)  # mypy finds its configuration here
    try:
        compile_all(zig=arguments.zig, symbols=arguments.symbols)
    except (CompileError, OSError) as error:
        why = " ".join(str(error).split())
        print(f"compile: {why}: no compiled build was made, Procession runs as pure Python", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
