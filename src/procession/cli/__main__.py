"""python -m procession.cli."""

from procession.cli.main import main

main()
