"""python -m procession.cli."""

from procession.cli import main

main()
