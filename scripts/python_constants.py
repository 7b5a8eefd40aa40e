"""Write arch/python/_constants.py, the constants of include/ for programs: `python scripts/python_constants.py`.

Nothing of the package is imported: it may be a constant that has gone by which the package cannot be.
"""

from __future__ import annotations

import ast
from pathlib import Path
import re

SOURCE = Path(__file__).parents[1] / "src" / "procession"
PATH = SOURCE / "arch" / "python" / "_constants.py"

# Header -> what the names of user space's constants in it look like. Their numbers are not looked at.
HEADERS = {
    "linux/signal": r"SIG(?!_KERNEL|KILL_MASK).*|MINSIGSTKSZ|(SA|SS|SI|CLD|SEGV|BUS|FPE|ILL|TRAP)_.*",
    "linux/sched": r"(CLONE|SCHED)_.*|CSIGNAL",
    "linux/wait": r"W[A-Z]+|P_[A-Z]+",
    "linux/fcntl": r".*",
    "linux/fs": r"S_(?!\w+UGO).*|DT_.*|POLL.*",
    "linux/eventpoll": r"E?POLL.*|(EFD|SFD)_.*",
    "linux/mm_types": r"(PROT|MAP)_.*|PAGE_SIZE",
    "linux/mman": r".*",
    "linux/time": r"(CLOCK|ITIMER|TFD)_.*|TIMER_ABSTIME",
    "linux/futex": r"FUTEX_.*",
    "linux/resource": r"(RLIMIT|RUSAGE|PRIO)_.*|RLIM_INFINITY",
    "linux/prctl": r"(PR|ARCH|SECBIT|PER)_.*",
    "linux/socket": r"(AF|PF|SOCK|SOL|SO|MSG|SHUT|SCM)_.*",
    "linux/net": r"(SHUT|SOCK)_.*",
    "asm/ioctls": r"(TC|TIO|FIO).*",
}
HEAD = '''"""The constants of include/ as attributes. Made by scripts/python_constants.py."""

from __future__ import annotations

from typing import Final

'''
CLASS = '''
__all__ = ("Constants",)


class Constants:
    """x86-64 Linux's names and numbers."""

    __slots__ = ()
'''


def _names(header: str) -> list[str]:
    """Return the constants of a header that user space has, in the order in which they stand there."""
    pattern = re.compile(HEADERS[header])
    body = ast.parse((SOURCE / "include" / f"{header}.py").read_text(encoding="utf-8")).body
    targets = [node.target for node in body if isinstance(node, ast.AnnAssign)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and pattern.fullmatch(name)]


def text() -> str:
    """Return what the file has to be."""
    out = [HEAD]
    for header in sorted(HEADERS):
        package, module = header.split("/")
        out.append(f"from procession.include.{package} import {module} as {module}_h\n")
    out.append(CLASS)
    for header in HEADERS:
        module = header.partition("/")[2]
        out.append(f"\n    # {header}.h\n")
        out += [f"    {name}: Final = {module}_h.{name}\n" for name in _names(header)]
    return "".join(out)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
