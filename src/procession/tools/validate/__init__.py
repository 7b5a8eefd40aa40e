"""Validators: what Linux' structures promise, checked by walking them. Each returns what is wrong, in words."""

from procession.tools.validate.check import AT_EVERY_TRAP, Checker, validate_all
from procession.tools.validate.memory import (
    real_entries,
    validate_areas,
    validate_memory,
    validate_page_cache,
    validate_pages,
)

__all__ = (
    "AT_EVERY_TRAP",
    "Checker",
    "real_entries",
    "validate_all",
    "validate_areas",
    "validate_memory",
    "validate_page_cache",
    "validate_pages",
)
