"""Programs of Debian and Ubuntu that the tests run, in a folder of the checkout.

    python -m tests.packages            # fetch what this host lacks; one line says so if that cannot be
    python -m tests.packages servers    # the same for what only the long runs of fuzz/servers.py want: half a gigabyte

Nothing is installed and nobody has to be root: apt works on lists and a cache of its own, the packages are unpacked
into .packages/root, and programs there are told to look for their libraries beside them (RPATH), so that they start by
their path like any other, without a wrapper and without a variable that their children would inherit. `make test` calls
this; it does nothing once everything is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
import os
from pathlib import Path
import shlex
import shutil
import subprocess
import sys

FOLDER = Path(__file__).resolve().parent.parent / ".packages"
SERVERS_FOLDER = FOLDER.with_name(".packages-servers")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
APT_SECONDS = 900

# Package: the programs that tests ask for by name. Debian's zsh and gdb need files at fixed places, these do not.
PROGRAMS = {
    "apache2-utils": ["ab"], "bash-static": ["bash-static"], "busybox-static": ["busybox"], "catatonit": ["catatonit"],
    "curl": ["curl"], "expect": ["expect"], "fish": ["fish"],
    "gcc": ["gcc", "cc"], "gdb-minimal": ["gdb"], "gdbserver": ["gdbserver"], "inotify-tools": ["inotifywait"],
    "iproute2": ["ip", "ss"], "less": ["less"], "libc6-dev": [],
    "libpython3.11-testsuite": [], "lsof": ["lsof"], "ltrace": ["ltrace"],
    "make": ["make"], "nano": ["nano"], "nginx": ["nginx"], "perl": ["prove"],
    "procps": ["pgrep", "ps", "top", "watch"], "psmisc": ["fuser"], "redis-server": ["redis-server"],
    "redis-tools": ["redis-benchmark", "redis-cli"], "runit": ["runsvdir"], "s6": ["s6-svscan"], "strace": ["strace"],
    "tini": ["tini"], "tmux": ["tmux"], "vim": ["vim"], "vim-tiny": ["vi", "vim.tiny"], "zsh-common": [],
    "zsh-static": ["zsh"],
}
SERVERS = {
    "apache2-bin": ["apache2"], "golang-go": ["go"], "haproxy": ["haproxy"], "lighttpd": ["lighttpd"],
    "mariadb-client-core": ["mariadb"], "mariadb-server-core": ["mariadbd"], "memcached": ["memcached"],
    "nodejs": ["node"], "openssh-client": ["sftp", "ssh", "ssh-keygen"],
    "openssh-server": ["sshd"], "postgresql": ["postgres"], "rustc": ["rustc"], "socat": ["socat"],
}
AS_GOOD = {"gdb-minimal": "gdb", "zsh-common": "zsh", "zsh-static": "zsh"}     # if it is installed
OTHERWISE = {"gdb-minimal": "gdb"}      # where the release has no such package
PACKAGE_OF = {program: package for package, programs in (PROGRAMS | SERVERS).items() for program in programs}

# Names that the system's alternatives would give, or an installation script.
LINKS = {"vi": "vim.tiny", "vim": "vim.basic", "zsh": "zsh-static"}
# What the linker is told to link with: the host's own, with which the program will run.
LINKED_WITH = (
    "lib64/ld-linux-x86-64.so.2", f"{LIBRARIES}/libc.so.6", f"{LIBRARIES}/libm.so.6", f"{LIBRARIES}/libmvec.so.1",
    f"{LIBRARIES}/libgcc_s.so.1",
)

APT_CONF = """\
Dir::State "{work}/state";
Dir::State::extended_states "{work}/state/extended_states";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{work}/cache";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""


class CannotFetch(Exception):
    """Why the packages are not to be had here."""


# --- what is there ---


def directories(folder: Path = FOLDER) -> list[str]:
    """Return where its programs are, as for PATH: nothing before they were fetched."""
    places = [folder / "root/usr/sbin", folder / "root/usr/bin", *sorted(folder.glob("root/usr/lib/postgresql/*/bin"))]
    return [str(path) for path in places if path.is_dir()]


def perl_library(folder: Path = FOLDER) -> str:
    """Return where its modules of Perl are, as for PERL5LIB."""
    places = [*folder.glob("root/usr/share/perl/5.*.*"), *folder.glob(f"root/{LIBRARIES}/perl/5.*.*")]
    return ":".join(sorted(str(place) for place in places if not place.is_symlink()))


def zsh_functions(folder: Path = FOLDER) -> str:
    """Return where its functions of zsh are, as for FPATH; "" where the host's are in their place."""
    own = folder / "root/usr/share/zsh/functions"
    return ":".join(sorted(str(place) for place in (own, *own.rglob("*")) if place.is_dir()))


def missing(installed: Collection[str], wanted: Collection[str] = PROGRAMS) -> list[str]:
    """Return which of the wanted packages to fetch where these are installed."""
    return [name for name in sorted(wanted) if name not in installed and AS_GOOD.get(name) not in installed]


def installed_among(status: str) -> set[str]:
    """Return the installed packages of a list with "state name" on each line."""
    pairs = (line.split() for line in status.splitlines())
    return {name for state, name in pairs if state == "installed"}


def installed_here() -> set[str]:
    """Return the packages that are installed; raises CannotFetch where dpkg and apt do not do that for x86-64."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise CannotFetch("this is neither Debian nor Ubuntu")
    if _run(["dpkg", "--print-architecture"]).strip() != "amd64":
        raise CannotFetch("this host is not x86-64")
    return installed_among(_run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"]))


# --- fetching ---


def _run(command: list[str]) -> str:
    """Return the output of a command; raises CannotFetch with its last words."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=APT_SECONDS,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotFetch(str(error)) from error
    if done.returncode:
        raise CannotFetch(f"{command[0]}: {last_words(done.stderr) or f'exit status {done.returncode}'}")
    return done.stdout


def last_words(text: str) -> str:
    """Return the last line of a program's errors that is not a warning."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("W:")]
    return lines[-1] if lines else ""


def fetch(names: Iterable[str], installed: Collection[str], work: Path) -> list[Path]:
    """Return the archives of these packages and of all they need that is not installed."""
    for directory in ("state/lists/partial", "cache/archives/partial"):
        (work / directory).mkdir(parents=True)
    conf = work / "state/apt.conf"
    conf.write_text(APT_CONF.format(work=work), encoding="utf-8")
    try:
        _run(["apt-get", "-c", str(conf), "update"])
    except CannotFetch as error:        # one source of several may be out of reach
        print(f"tests.packages: {error}", file=sys.stderr)
    known = set(_run(["apt-cache", "-c", str(conf), "pkgnames"]).split())
    wanted = available(names, known)
    if not wanted:
        raise CannotFetch("apt has no list of packages, and could not fetch one")
    _run(["apt-get", "-c", str(conf), "--yes", "--download-only", "install", *wanted])
    archives = sorted((work / "cache/archives").glob("*.deb"))
    return [archive for archive in archives if archive.name.split("_")[0] not in installed]


def available(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return those of these packages that apt knows, or what stands in for them."""
    chosen = [name if name in known else OTHERWISE.get(name, name) for name in names]
    return [name for name in chosen if name in known]


def unpack(archives: Iterable[Path], root: Path) -> None:
    """Put the files of these packages under root, where /bin is /usr/bin as in today's systems."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for archive in archives:
        tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
        _extract(tar, root)
        if tar.wait():
            raise CannotFetch(f"{archive.name} is damaged")


def _extract(tar: subprocess.Popen[bytes], root: Path) -> None:
    options = ["--keep-directory-symlink", "--no-same-owner", "--no-same-permissions"]
    subprocess.run(["tar", "-x", "-C", str(root), *options], stdin=tar.stdout, check=True)


# --- making them run where they are ---


def is_dynamic_program(path: Path) -> bool:
    """Whether it is an ELF file that names an interpreter; not of Go: patchelf ruins those, which want libc only."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith(b"\x7fELF") and b"/lib64/ld-linux-x86-64.so.2\0" in head and b"\0Go\0\0" not in head


def rpath(program: Path, root: Path) -> str:
    """Return where a program under root finds its libraries, wherever root is moved."""
    return f"$ORIGIN/{os.path.relpath(root / LIBRARIES, program.parent)}"


def compiler(root: Path) -> str:
    """Return a script that calls gcc with the headers and libraries under root, or only those if gcc is the host's."""
    own = sorted((root / "usr/bin").glob("x86_64-linux-gnu-gcc-[0-9]*"))
    gcc = f'"$here/{own[-1].name}"' if own else shlex.quote(shutil.which("gcc") or "gcc")
    return f'#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nexec {gcc} --sysroot="$here/../.." "$@"\n'


def finish(root: Path) -> None:
    """Give the programs under root the names and places they would have where they are installed."""
    bin_ = root / "usr/bin"
    for name, target in LINKS.items():
        if (bin_ / target).exists() and not (bin_ / name).exists():
            (bin_ / name).symlink_to(target)
    for tcl in (root / "usr/share/tcltk").glob("tcl8.[0-9]"):      # Tcl looks for it near its program
        (root / "usr/lib" / tcl.name).symlink_to(f"../share/tcltk/{tcl.name}")
    if (root / "etc/fish").exists():        # which fish looks for as if / were /usr, and else nothing of its own
        (root / "usr/etc").symlink_to("../etc")
    _complete_pythons_tests(root, Path("/"))
    if (root / "usr/include").exists():
        _give_compiler(root)
    patchelf = shutil.which("patchelf", path=os.pathsep.join([str(bin_), os.environ["PATH"]]))
    if patchelf is None:
        raise CannotFetch("apt has no patchelf")
    for program in sorted(path for path in root.rglob("*") if is_dynamic_program(path) and path.name != "patchelf"):
        _run([patchelf, "--force-rpath", "--set-rpath", rpath(program, root), str(program)])


def _complete_pythons_tests(root: Path, host: Path) -> None:
    """Link what is installed of Python's package of tests to the rest of it: its parts are of two of Debian's."""
    for tests in (root / "usr/lib").glob("python3.*/test"):
        installed = host / tests.relative_to(root)
        for part in installed.iterdir() if installed.is_dir() else ():
            if part.name != "__pycache__" and not (tests / part.name).exists():
                (tests / part.name).symlink_to(part)


def _give_compiler(root: Path) -> None:
    for name in LINKED_WITH:
        (root / "usr" / name.removeprefix("usr/")).unlink(missing_ok=True)
        (root / "usr" / name.removeprefix("usr/")).symlink_to(f"/{name}")
    for name in ("gcc", "cc"):
        script = root / "usr/bin" / name
        script.unlink(missing_ok=True)
        script.write_text(compiler(root), encoding="utf-8")
        script.chmod(0o755)


def make_folder(names: list[str], installed: Collection[str], folder: Path) -> None:
    """Fetch these packages into the folder, all or nothing; raises CannotFetch."""
    work = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        archives = fetch([*names, "patchelf"], installed, work)
        unpack(archives, work / "root")
        finish(work / "root")
        for rest in ("state", "cache"):
            shutil.rmtree(work / rest)
        (work / "wanted").write_text(sought(names), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sought(names: Iterable[str]) -> str:
    """Return what the folder is made from: it is made anew when this changes."""
    release = Path("/etc/os-release")
    system = release.read_text(encoding="utf-8") if release.exists() else ""
    return "\n".join([*names, "", system, Path(__file__).read_text(encoding="utf-8")])


def provide(programs: Collection[str] = PROGRAMS, folder: Path = FOLDER) -> str:
    """Fetch what is not installed of these packages, unless that was done; returns why it cannot be, or nothing."""
    try:
        installed = installed_here()
        names = missing(installed, programs)
        wanted = folder / "wanted"
        if names and not (wanted.exists() and wanted.read_text(encoding="utf-8") == sought(names)):
            print(f"tests.packages: fetching {' '.join(names)} into {folder}")
            make_folder(names, installed, folder)
    except CannotFetch as why:
        return " ".join(str(why).split())
    return ""


def main() -> None:
    why = provide(SERVERS, SERVERS_FOLDER) if sys.argv[1:] == ["servers"] else provide()
    if why:
        print(f"tests.packages: {why}; tests of programs that are not here will be left out")


if __name__ == "__main__":
    main()
