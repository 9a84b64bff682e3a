"""Seconds since the start of a verb, and its count of tasks, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter
from typing import Any, TextIO

_PATIENCE = 2.0  # s until something is shown
_PERIOD = 0.5  # s between two lines


class Progress:
    """A short line on a stream, written over by whatever comes next."""

    def __init__(self, verb: str, stream: TextIO) -> None:
        self.verb, self.stream, self.count, self.start = verb, stream, "", perf_counter()

    def write(self) -> None:
        """Write the line and go back to its start."""
        seconds = perf_counter() - self.start
        self.stream.write(f"\x1b[K{self.verb}: {self.count}{seconds:.0f} s\r")
        self.stream.flush()

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        """Map a function over tasks, and count them."""
        todo = list(tasks)
        for done, task in enumerate(todo):
            self.count = f"{done:,} of {len(todo):,}, "
            yield function(task)
        self.count = ""


@contextmanager
def shown_progress(verb: str, patience: float = _PATIENCE) -> Iterator[Progress]:
    """Show the progress of what is done inside, where stderr is a terminal."""
    progress = Progress(verb, sys.stderr)
    if not sys.stderr.isatty():
        yield progress
        return
    done = Event()

    def tick() -> None:
        wait = patience
        while not done.wait(wait):
            progress.write()
            wait = min(_PERIOD, patience)

    thread = Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        done.set()
        thread.join()
        progress.stream.write("\x1b[K")
        progress.stream.flush()
