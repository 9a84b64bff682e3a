"""Types of the arrays that pass between modules, and work arrays that are used again."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

# Larger arrays are not kept.
_MOST_KEPT = 1_000_000
_LINE = 64  # bytes


class Buffers(threading.local):
    """Named work arrays, so that a loop over small batches does not ask for new memory.

    Fresh pages cost as much as the arithmetic on them. Each thread has its own arrays; an array
    taken under a name is valid until the name is taken again.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str, npt.DTypeLike], FloatArray] = {}
        self._room = 0

    @contextmanager
    def room(self, number: int) -> Iterator[None]:
        """Inside, names are those of a room of their own, so that several users can share them."""
        outside, self._room = self._room, number + 1
        try:
            yield
        finally:
            self._room = outside

    def take(self, name: str, *shape: int, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """An uninitialised array of this shape; whatever was taken under the name is lost."""
        size = math.prod(shape)
        if size > _MOST_KEPT:
            return np.empty(shape, dtype)
        key = self._room, name, dtype
        kept = self._kept.get(key)
        if kept is None or kept.size < size:
            kept = self._kept[key] = _aligned(size, dtype)
        return kept[:size].reshape(shape)

    def like(self, name: str, model: FloatArray) -> FloatArray:
        """The same, of the shape and the precision of another array."""
        return self.take(name, *model.shape, dtype=model.dtype)


def _aligned(size: int, dtype: npt.DTypeLike) -> FloatArray:
    """An uninitialised array that begins a cache line, so that no vector load crosses two."""
    width = np.dtype(dtype).itemsize
    room = np.empty(size + _LINE // width, dtype)
    first = -room.ctypes.data % _LINE // width
    return np.asarray(room[first : first + size])


BUFFERS = Buffers()
