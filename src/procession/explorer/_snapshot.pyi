"""What _snapshot.c makes; procession.explorer.snapshot has the documentation."""

from typing import Any

class Snapshot:
    """What objects hold at one moment."""

    def __init__(self, objects: list[Any], /) -> None:
        """Take it."""

    def put_back(self) -> int:
        """Put all objects back; return how many had changed."""

    def changed(self) -> list[Any]:
        """Return the objects that are not as they were."""

    def __len__(self) -> int:
        """Return how many objects it has."""
