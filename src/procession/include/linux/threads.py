"""How many CPUs there can be (include/linux/threads.h)."""

from typing import Final

NR_CPUS: Final = 64
