"""The procession command."""

# Without the enums of `signal`, whose import takes longer than all before it.
import _signal  # type: ignore[import-not-found]
import gc
import sys

from procession import _build
from procession.cli import cache


def main() -> None:
    """Enter from the command line; before there is anything to clean up, Ctrl-C just ends it."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    if _build.running.error:
        print(f"procession: {_build.running.error}", file=sys.stderr)
        raise SystemExit(125)
    # Nearly all that imports make stays to the end, and so does what a kernel makes until it is freed in order.
    gc.set_threshold(100_000)
    cache.use(__spec__.cached)
    from procession.cli.main import main as command

    command()
