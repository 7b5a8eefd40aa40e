"""The procession command."""

# Without the enums of `signal`, whose import takes longer than all before it.
import _signal  # type: ignore[import-not-found]
import sys

from procession import _build


def main() -> None:
    """Enter from the command line; before there is anything to clean up, Ctrl-C just ends it."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    if _build.running.error:
        print(f"procession: {_build.running.error}", file=sys.stderr)
        raise SystemExit(125)
    from procession.cli.main import main as command

    command()
