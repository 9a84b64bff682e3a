"""Saved fits with something changed, cut or overwritten; loaded, and used where they load."""

from __future__ import annotations

import json
import warnings
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import scalinglaws as sl
from benchmarks.fuzz.tables import good
from benchmarks.fuzz.trial import TEXTS, Case, choice, scratch_folder
from scalinglaws import json_files
from scalinglaws.fitting.tables.runs import RunTable

_VALUES: tuple[Any, ...] = (
    *TEXTS[:-3], None, True, False, 0, 1, -1, 3, 1e308, -1e308, 1e-320, 10**400, "inf", "-inf",
    "nan", [], {}, [1, 2], [[1]], {"a": 1}, ["x"], 10**9, "CONVERGED", "N", "level",
)  # fmt: skip


@cache
def _saved() -> tuple[str, ...]:
    """Files of several kinds of fit, as text."""
    runs = good(np.random.default_rng(3), 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        results: list[Any] = [
            sl.fit(runs, "chinchilla"),
            sl.fit(runs, "E[s] + A/N**alpha", fixed={"alpha": 0.3}),
            sl.fit(runs.head(3), "power"),
            sl.fit(runs, "power-floor", weights="w", objective="squared"),
            sl.forecast(runs),
            sl.forecast(runs, x="D"),
            sl.forecast(runs, x="D", series="s"),
            sl.forecast(runs, groups="s"),
            sl.forecast(runs.assign(top=1 / (1 + runs["loss"])), y="top", through="loss",
                        limits=(0, 1)),
            sl.UnfinishedRun("r1", 0.5, 2.1, 2.0, 1.9, 2.2, 2.0, 2.05, 5, 0.9, "loss",
                             ((0.25, 2.4), (0.5, 2.1))),
        ]  # fmt: skip
    texts = []
    for number, result in enumerate(results):
        path = scratch_folder() / f"good-{number}.json"
        result.save(path)
        texts.append(path.read_text(encoding="utf-8"))
    return tuple(texts)


def case(rng: np.random.Generator) -> Case:
    """A damaged file, loaded and used."""
    text = str(choice(rng, _saved()))
    kind = rng.random()
    if kind < 0.15:
        content, what = _damaged_bytes(text.encode(), rng)
    else:
        values = json.loads(text)
        what = " ".join(_change(values, rng) for _ in range(int(rng.choice([1, 1, 2]))))
        if rng.random() < 0.7:
            values, what = _sealed(values), f"{what}, with hashes made anew"
        content = json.dumps(values).encode("utf-8", "surrogatepass")

    def act() -> None:
        path = scratch_folder() / "damaged.json"
        path.write_bytes(content)
        loaded = sl.load(path)
        if isinstance(loaded, sl.Fit):
            _use_fit(loaded)
        else:
            _use_forecast(loaded)

    return Case(what, act)


def _use_forecast(loaded: Any) -> None:
    """Words, a prediction, and the file again."""
    str(loaded)
    match loaded:
        case sl.Forecast() | sl.ChainedForecast():
            loaded.predict(N=1e10, D=1e12)
        case sl.CurveForecast() | sl.CurveForecasts():
            loaded.predict(1e12)
        case sl.GroupedForecast():
            next(iter(loaded.values())).predict(N=1e10, D=1e12)
    if isinstance(loaded, sl.Forecast):
        loaded._repr_html_()
    loaded.save(scratch_folder() / "again.json")


def _use_fit(fit: sl.Fit) -> None:
    fit.summary(), fit._repr_html_(), fit.table, fit.residuals, fit.dropped, fit.identified
    fit.predict(fit.runs.frame())
    fit.save(scratch_folder() / "again.json")
    fit.intervals()


def _sealed(values: Any) -> Any:
    """Hashes that fit the changed values, so that these are looked at themselves."""
    try:
        runs = values["runs"]
        labels = {
            name: pd.Categorical(texts, categories=values["law"]["levels"][name])
            for name, texts in runs["labels"].items()
        }
        numbers = {name: np.array(v, dtype=np.float64) for name, v in runs["values"].items()}
        y, weights = (np.array(runs[name], dtype=np.float64) for name in ("y", "weights"))
        runs["digest"] = RunTable(numbers, y, weights, pd.Index([]), {}, "", labels=labels).digest
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        pass  # the runs' own hash is then wrong as well
    if isinstance(values, dict):
        values["hash"] = json_files.digest(values)
    return values


def _damaged_bytes(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    place = int(rng.integers(0, len(content)))
    kind = str(choice(rng, ("cut", "byte", "hole", "front", "nested")))
    if kind == "cut":
        return content[:place], f"cut at {place}"
    if kind == "byte":
        return content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :], "a byte"
    if kind == "hole":
        return content[:place] + content[place + int(rng.integers(1, 99)) :], f"a hole at {place}"
    if kind == "front":
        return choice(rng, (b"\xef\xbb\xbf", b"\xff\xfe", b" ", b"\x00")) + content, "other front"
    return b"[" * int(choice(rng, (10, 1000, 100_000))) + content, "nested"


def _change(values: Any, rng: np.random.Generator) -> str:
    """Change something at a random place of the tree; the place in words."""
    node, words = values, list[str]()
    while True:
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return ".".join(words)
        key = choice(rng, keys)
        words.append(str(key))
        deeper = isinstance(node[key], dict | list) and len(node[key]) and rng.random() < 0.75
        if not deeper:
            break
        node = node[key]
    action = str(choice(rng, ("set", "set", "set", "delete", "double", "nudge")))
    if action == "delete":
        del node[key]
    elif action == "double" and isinstance(node, list):
        node.append(deepcopy(node[key]))
    elif action == "nudge" and isinstance(node[key], float):
        node[key] *= float(choice(rng, (-1.0, 0.0, 1 + 1e-12, 2.0, 1e6)))
    else:
        value = deepcopy(choice(rng, _VALUES))
        node[key] = value
        action = f"= {str(value)[:30]!r}"
    return f"{'.'.join(words)} {action}"
