"""python -m procession."""

from procession.cli.main import main

main()
