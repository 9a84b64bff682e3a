"""Run independent tasks serially, in processes, or on any map-like callable.

``workers`` is read as in scipy: a number of processes, -1 for one on each processor, or a callable
that maps a function over tasks, such as the ``map`` of a pool, of joblib or of a cluster's client.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

Workers = int | Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def map_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: Workers
) -> list[Result]:
    """Results of a module-level function, in the order of the tasks.

    Parameters
    ----------
    function : callable
        Importable by name, so that other processes find it.
    tasks : sequence
    workers : int or callable
        Number of processes, -1 for as many as there are processors, or a map-like callable.

    Raises
    ------
    ValueError
        If `workers` is neither.
    """
    if callable(workers):
        return list(workers(function, tasks))
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < -1 or workers == 0:
        raise ValueError(
            f"`workers` must be a number of processes, -1, or a map-like callable; got {workers!r}."
        )
    n_processes = min(os.cpu_count() or 1 if workers == -1 else workers, len(tasks))
    if n_processes <= 1:
        return [function(task) for task in tasks]
    # spawn: the same on every system, and safe beside threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, mp_context=context) as pool:
        return list(pool.map(function, tasks))
