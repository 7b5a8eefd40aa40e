"""python -m procession."""

from procession.cli import main

main()
