"""What a Jacobian is asked for beside its arguments."""

from __future__ import annotations

from typing import Any, NamedTuple

from .refusals import check_chunk_size
from .workers import check_workers


class Options(NamedTuple):
    """What a Jacobian is asked for beside its arguments; see `jacfwd`."""

    chunk_size: int | None = None
    has_aux: bool = False
    holomorphic: bool = False
    workers: Any = None
    progress: Any = None

    def checked(self, transform: str) -> Options:
        check_chunk_size(self.chunk_size, transform)
        check_workers(self.workers, self.progress, transform)
        return self

    def without_workers(self) -> dict[str, Any]:
        """As keywords of a transform that runs in one process."""
        return {"chunk_size": self.chunk_size, "has_aux": self.has_aux, "holomorphic": self.holomorphic}


DEFAULT = Options()
