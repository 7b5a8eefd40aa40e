"""What _engine.c makes; procession.hw.engine has the documentation."""

from procession.hw.engine import Engine as Engine

def bind(uc_emu_start: int, uc_emu_stop: int, uc_reg_read: int, uc_reg_write: int, uc_hook_add: int, /) -> None:
    """Say at what addresses they are."""
