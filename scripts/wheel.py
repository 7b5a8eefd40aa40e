"""Make all that is published, in dist/: `python scripts/wheel.py`, or make wheel.

An sdist; a wheel in pure Python for every machine; a wheel with a compiled build for this Python on x86-64 Linux with
glibc 2.17 or later, which is compiled by ziglang's compiler because that knows what an older glibc has.
"""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys

HOME = Path(__file__).resolve().parents[1]
DIST = HOME / "dist"


def build(*what: str, **environment: str) -> None:
    """Run the build tool; raises CalledProcessError."""
    command = [sys.executable, "-m", "build", "--outdir", str(DIST), *what, str(HOME)]
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)


def main() -> int:
    """Enter from the command line; returns the exit status."""
    shutil.rmtree(DIST, ignore_errors=True)
    build("--sdist", "--wheel", PROCESSION_WHEEL="pure")
    try:
        subprocess.run([sys.executable, str(HOME / "scripts" / "compile.py"), "--zig"], check=True)
    except subprocess.CalledProcessError:
        return 1
    build("--wheel", PROCESSION_WHEEL="compiled")
    for path in sorted(DIST.iterdir()):
        print(f"{path.stat().st_size / 1e6:6.1f} MB  {path.relative_to(HOME)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
