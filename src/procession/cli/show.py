"""What rich draws, on the standard files: the one place where width, colour and the reader are thought of.

On a terminal a table has bold and colour, unless NO_COLOR is set to anything or TERM is dumb, and the width of COLUMNS
or the terminal. For any other reader there is neither: plain lines, as long as what they say.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ("show",)

_UNLIMITED: Final = 1 << 16  # columns; rich knows no width that is none


def show(what: RenderableType, *, stderr: bool = False, fold: bool = True) -> None:
    """Print it on standard output, or standard error; raises OSError.

    fold: whether lines are laid out for the terminal's width; else it folds them itself, as it does any program's.
    """
    from rich.console import Console

    out = sys.stderr if stderr else sys.stdout
    terminal = out.isatty()
    console = Console(
        file=out,
        force_terminal=terminal,  # FORCE_COLOR and its like do not make a terminal of a pipe
        color_system="auto" if terminal and not os.environ.get("NO_COLOR") else None,  # rich leaves bold otherwise
        width=None if terminal else _UNLIMITED,
        highlight=False,
        soft_wrap=not (terminal and fold),
    )
    with console.capture() as text:  # printing itself it would end the command where nobody reads
        console.print(what)
    lines = text.get().splitlines()
    out.write("".join(f"{line.rstrip()}\n" for line in lines))
