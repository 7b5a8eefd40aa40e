"""What the tests that run Python programs share."""

import errno

from procession import Machine


def run(main, **kwargs):
    """Run a program; returns what it wrote to standard output."""
    result = Machine(**kwargs).run(main)
    assert result.stderr == b""
    return result.output


async def errno_of(awaitable):
    """Return the name of the error a call answers."""
    try:
        await awaitable
    except OSError as error:
        return errno.errorcode[error.errno]
    return "none"
