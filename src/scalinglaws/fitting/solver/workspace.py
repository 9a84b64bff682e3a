"""Work arrays that are used again, so that a loop over small batches does not ask for new memory.

Fresh pages cost as much as the arithmetic on them. Each thread has its own arrays; an array taken
under a name is valid until the name is taken again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# Larger arrays are not kept.
_MOST_KEPT = 1_000_000
_LINE = 64  # bytes


class Workspace(threading.local):
    """Named float64 arrays."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], FloatArray] = {}
        self._room = 0

    @contextmanager
    def room(self, number: int) -> Iterator[None]:
        """Inside, names are those of a room of their own, so that several users can share them."""
        outside, self._room = self._room, number + 1
        try:
            yield
        finally:
            self._room = outside

    def take(self, name: str, *shape: int) -> FloatArray:
        """An uninitialised array of this shape; whatever was taken under the name is lost."""
        size = math.prod(shape)
        if size > _MOST_KEPT:
            return np.empty(shape)
        key = self._room, name
        kept = self._kept.get(key)
        if kept is None or kept.size < size:
            kept = self._kept[key] = _aligned(size)
        return kept[:size].reshape(shape)


def _aligned(size: int) -> FloatArray:
    """An uninitialised array that begins a cache line, so that no vector load crosses two."""
    room = np.empty(size + _LINE // 8)
    first = -room.ctypes.data % _LINE // 8
    return room[first : first + size]


WORKSPACE = Workspace()
