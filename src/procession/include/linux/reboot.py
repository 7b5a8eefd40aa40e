"""What reboot(2) is asked for (include/linux/reboot.h)."""

from __future__ import annotations

from typing import Final

LINUX_REBOOT_CMD_CAD_ON: Final = 0x89ABCDEF
LINUX_REBOOT_CMD_CAD_OFF: Final = 0
LINUX_REBOOT_CMD_RESTART: Final = 0x01234567
LINUX_REBOOT_CMD_RESTART2: Final = 0xA1B2C3D4
LINUX_REBOOT_CMD_HALT: Final = 0xCDEF0123
LINUX_REBOOT_CMD_POWER_OFF: Final = 0x4321FEDC
