"""Many searches side by side: what they minimise at the same time is minimised as one batch.

Each search runs in a thread of its own, one at a time, up to its next minimisation. Once all of
them wait, the minimisations that most of them ask for are joined, solved, and handed back. A step
of a batch costs hardly more than a step of one row, and most of the time of a small fit is steps.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from contextvars import copy_context
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.fitting.solver.grouped import StackedModel
from scalinglaws.fitting.solver.log_affine import LogAffineBlock
from scalinglaws.fitting.solver.model import Model
from scalinglaws.fitting.solver.newton import SOLVER, solve
from scalinglaws.fitting.solver.problem import Minimisation, Solution

Result = TypeVar("Result")

# Rows of a table from which on its own arrays are long enough.
_MOST_ROWS = 256


def run_side_by_side(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Results of some tasks, whose minimisations are done together."""
    started: list[_Coroutine[Result]] = []
    try:
        for task in tasks:
            started.append(_Coroutine(task))
        waiting = [search for search in started if search.resume(None)]
        while waiting:
            group = _largest_group(waiting)
            answers = _solve_together([search.request for search in group])
            ended = {
                id(search)
                for search, answer in zip(group, answers, strict=True)
                if not search.resume(answer)
            }
            waiting = [search for search in waiting if id(search) not in ended]
    finally:
        for search in started:
            search.close()
    return [search.result for search in started]


class _ClosedError(BaseException):
    """Ends a thread whose result nobody waits for."""


class _Coroutine(Generic[Result]):
    """One task in its thread, as a coroutine: it runs only while `resume` waits for it."""

    request: Minimisation
    result: Result

    def __init__(self, task: Callable[[], Result]) -> None:
        self._task = task
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._answer: Solution | None = None
        self._error: BaseException | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), daemon=True)
        self._thread.start()

    def resume(self, answer: Solution | None) -> bool:
        """Hand over an answer, and wait for the next request; False at the end.

        Without an answer, the task solves its request by itself.
        """
        self._answer = answer
        self._turn.release()
        self._back.acquire()
        if self._error is not None:
            raise self._error
        return not hasattr(self, "result")

    def close(self) -> None:
        """End the thread, if it has not ended."""
        self._is_closed = True
        self._turn.release()
        self._thread.join()

    def _run(self) -> None:
        SOLVER.set(self._ask)
        try:
            self._wait()
            self.result = self._task()
        except _ClosedError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by `resume`
            self._error = error
        self._back.release()

    def _ask(self, request: Minimisation) -> Solution:
        self.request = request
        self._back.release()
        self._wait()
        return solve(request) if self._answer is None else self._answer

    def _wait(self) -> None:
        self._turn.acquire()
        if self._is_closed:
            raise _ClosedError


# --- minimisations that are joined ---------------------------------------------------------------


def _largest_group(waiting: Sequence[_Coroutine[Result]]) -> list[_Coroutine[Result]]:
    """Tasks that ask for the same kind of minimisation."""
    groups: dict[Hashable, list[_Coroutine[Result]]] = defaultdict(list)
    for search in waiting:
        groups[_kind(search.request)].append(search)
    return max(groups.values(), key=len)


def _kind(request: Minimisation) -> Hashable:
    """Minimisations of one kind can be joined."""
    block = _stackable(request)
    if block is None:
        return id(request)
    arrays = request.lower, request.upper, request.amplitude, *block.indices
    return (
        request.loss.kind, request.majorise, request.patient, request.tolerance,
        request.max_iterations, request.enough, block.is_log, *(a.tobytes() for a in arrays),
    )  # fmt: skip


def _stackable(request: Minimisation) -> LogAffineBlock | None:
    """The block of a small table, if its law is a sum of products of powers."""
    model = request.model
    if type(model) is not Model or model.n_rows > _MOST_ROWS:
        return None
    if request.shifts is not None or request.known is not None:
        return None
    ((_, block),) = model.blocks()
    return block if isinstance(block, LogAffineBlock) else None


def _solve_together(requests: Sequence[Minimisation]) -> Sequence[Solution | None]:
    """Solutions of requests of one kind; None where each is to be solved alone."""
    if len(requests) == 1:
        return [None]
    sizes = [len(request.start) for request in requests]
    owner = np.repeat(np.arange(len(requests)), sizes)
    model = StackedModel(
        [request.model for request in requests], [request.loss for request in requests], owner
    )
    try:
        joined = replace(
            requests[0],
            model=model,
            start=np.concatenate([request.start for request in requests]),
            weights=np.concatenate([_weights(request, model.n_rows) for request in requests]),
            free=np.concatenate([request.free for request in requests]),
            owner=owner,
        )
        found = solve(joined)
    except np.linalg.LinAlgError:
        return [None] * len(requests)
    ends = np.cumsum(sizes)
    return [found.take(np.arange(end - size, end)) for size, end in zip(sizes, ends, strict=True)]


def _weights(request: Minimisation, n_rows: int) -> FloatArray:
    """A row of weights for each start, with zeros where a table is filled up."""
    found = np.zeros((len(request.start), n_rows))
    found[:, : request.model.n_rows] = request.weights
    return found
