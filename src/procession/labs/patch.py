"""Lines of the kernel exchanged for a while: how a lab puts a fault back that 3.2 has not, or mends one that it has.

Only the pure build has functions that can be changed.
"""

from __future__ import annotations
import __future__

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
import inspect
from operator import attrgetter
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Final, NamedTuple
import warnings

__all__ = ("Patch", "patched")

_FLAGS: Final = __future__.annotations.compiler_flag


class Patch(NamedTuple):
    """Some lines of one function, and what stands there instead.

    where: "kernel.exit:find_new_reaper", or "fs.proc.mem:MemInode.open".  old: a text that is there once, as the
    function stands at the left margin, the ones before it applied.
    """

    where: str
    old: str
    new: str

    def text(self) -> str:
        """Return the change as a diff writes it."""
        module, _, name = self.where.partition(":")
        lines = [f"@@ {module.replace('.', '/')}.py: {name} @@"]
        lines += [f"-{line}" for line in self.old.splitlines()]
        lines += [f"+{line}" for line in self.new.splitlines()]
        return "\n".join(lines)


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Exchange these lines for as long as the block lasts, for all who call these functions.

    Raises LookupError if the lines are not there.
    """
    with ExitStack() as undo:
        for where in dict.fromkeys(patch.where for patch in patches):
            function = _function(where)
            old = function.__code__
            undo.callback(_exchange, function, old)
            _exchange(function, _compiled(function, [patch for patch in patches if patch.where == where]))
        yield


def _exchange(function: FunctionType, code: CodeType) -> None:
    """Give a function other code; a coroutine's in the place of a plain function's is deprecated since Python 3.13."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        function.__code__ = code


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found = attrgetter(path)(import_module(f"procession.{module}"))
    if not isinstance(found, FunctionType):
        raise LookupError(f"{where} is no function of the pure build")  # noqa: TRY004 -- of the module, not of a caller
    return found


def _compiled(function: FunctionType, patches: Sequence[Patch]) -> CodeType:
    """Return the function's code with the other lines; each patch changes what the ones before it have left."""
    where = patches[0].where
    text = dedent(inspect.getsource(function))
    for patch in patches:
        if text.count(patch.old) != 1:
            raise LookupError(f"{where} has changed: {text.count(patch.old)} times {patch.old!r}")
        text = text.replace(patch.old, patch.new)
    module = compile(text, f"<{where}, changed>", "exec", flags=_FLAGS, dont_inherit=True)
    code = next(c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == function.__name__)
    if code.co_freevars != function.__code__.co_freevars:
        raise LookupError(f"{where}: a closure")
    return code
