"""A published number beside ours, and where the public tables are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DATA = Path(os.environ.get("SCALINGLAWS_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Line:
    """One number: as published, ours, and how far apart they may be."""

    what: str
    published: float
    ours: float
    tolerance: float
    relative: bool = True
    note: str = ""
    known: str = ""  # why it differs, where that is understood

    @property
    def gap(self) -> float:
        """Relative or absolute difference."""
        gap = abs(self.ours - self.published)
        return gap / abs(self.published) if self.relative else gap

    @property
    def passed(self) -> bool:
        """Within the tolerance."""
        return self.gap <= self.tolerance

    @property
    def verdict(self) -> str:
        """Passes, differs for a known reason, or fails."""
        if self.passed:
            return "pass"
        return f"differs: {self.known}" if self.known else "**fail**"
