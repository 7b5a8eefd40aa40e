"""Import each module first of all; reads knots of modules, one a line, and prints what cannot be imported.

A module outside a knot is imported after all that it needs, whoever is first. So only for the members of a knot it
matters with which one Python begins: each begins once, in a process of its own, below it only what the knot needs.
"""

import importlib
import os
import sys


def fails(module):
    """Import module in a child; returns whether that failed, and prints how."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] != 0
    status = 0
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 -- whatever it is
        status = 1
        print(f"{module}: {type(error).__name__}: {error}", flush=True)
    os._exit(status)


def main():
    for line in sys.stdin:
        knot = line.split()
        if len(knot) > 1:
            failed = [module for module in knot if fails(module)]
            knot = [module for module in knot if module not in failed]
        for module in knot:
            importlib.import_module(module)


if __name__ == "__main__":
    main()
