"""`procession strace` as typer sees it: strace's own options are taken out before typer reads the rest."""

from __future__ import annotations

from typing import Any, Final

from procession.cli.mistakes import fail
from procession.cli.strace_letters import GROUPS, LETTERS, Asked, read
from procession.cli.words import EXAMPLES, Words

__all__ = ("StraceCommand", "asked_in")

_KEY: Final = "procession.strace"


def asked_in(ctx: Any) -> Asked:
    """Return what strace's letters said on this command line."""
    asked: Asked = ctx.meta[_KEY]
    return asked


class StraceCommand(Words):
    """A command with strace's letters before its program."""

    examples = EXAMPLES

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take strace's letters; a mistake in them is the user's one line."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        try:
            asked = read(args, self._takes_value)
        except ValueError as error:
            fail(str(error))
        if asked.count("p") and not asked.program:
            fail("strace -p: say which program, too: nobody runs yet in a machine that is to start")
        ctx.meta[_KEY] = asked
        return super().parse_args(ctx, [*asked.ours, *(["--", *asked.program] if asked.program else [])])

    def _takes_value(self, name: str) -> bool | None:
        option: Any
        for option in self.params:
            if name in option.opts:
                return not option.is_flag
        return None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write strace's options by what they are about, then ours."""
        for group in GROUPS:
            with formatter.section(group):
                formatter.write_dl([(letter.usage, letter.help) for letter in LETTERS if letter.group == group])
        super().format_options(ctx, formatter)
