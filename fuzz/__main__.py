"""make fuzz: see programs.py."""

import sys

from fuzz.programs import main

if __name__ == "__main__":
    sys.exit(main())
