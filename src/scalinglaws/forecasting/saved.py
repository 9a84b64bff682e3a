"""A forecast as plain JSON, and back: the runs and the settings, from which it is made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalinglaws import json_files
from scalinglaws.errors import FileFormatError
from scalinglaws.fitting import stored_values as stored
from scalinglaws.forecasting.metric_scale import MetricScale
from scalinglaws.forecasting.run_rows import RunRows, restored
from scalinglaws.options import check_level

if TYPE_CHECKING:
    from scalinglaws.forecasting.forecast import Forecast

FORMAT = "scalinglaws forecast"
SCHEMA = 1
_LEAST = 1e-100  # of what has a logarithm and a product


def write(forecast: Forecast, path: str | Path, *, follow_links: bool = False) -> None:
    """Write a forecast; see `Forecast.save`."""
    json_files.write(to_dict(forecast), path, follow_links=follow_links)


def to_dict(forecast: Forecast) -> dict[str, Any]:
    """The forecast as values that JSON has."""
    rows = forecast.rows
    table = rows.table
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "confidence_level": forecast.confidence_level,
        "params": {name: float(value) for name, value in forecast.params.items()},
        "scale": asdict(rows.scale),
        "columns": dict(table.columns),
        "target": table.target,
        "cluster_column": table.cluster_column,
        "dropped": [[_label(k), v] for k, v in table.dropped],
        "n_checkpoints": rows.n_checkpoints,
        "n_thinned": rows.n_thinned,
        "runs": {
            "index": [_label(label) for label in rows.index],
            "N": rows.N.tolist(),
            "D": rows.D.tolist(),
            "C": rows.C.tolist(),
            "y": table.y[rows.places].tolist(),
            "weights": table.weights[rows.places].tolist(),
        },
    }


def read(path: str | Path) -> tuple[RunRows, float]:
    """Runs and level of a saved forecast.

    Raises
    ------
    FileFormatError
        If the file is none, or from a newer version.
    """
    found: tuple[RunRows, float] = json_files.read(path, FORMAT, SCHEMA, SCHEMA, _from_dict)
    return found


def is_forecast(path: str | Path) -> bool:
    """Whether a file says that it is a saved forecast."""
    return bool(_format(path) == FORMAT)


def is_saved(path: str | Path) -> bool:
    """Whether a file says that it is something that was saved, and no table."""
    return _format(path) is not None


def _format(path: str | Path) -> Any:
    try:
        values = json_files.parsed(path)
    except (OSError, FileFormatError):
        return None
    return values.get("format") if isinstance(values, dict) else None


def _from_dict(values: Mapping[str, Any]) -> tuple[RunRows, float]:
    check_level(values["confidence_level"])
    given = stored.mapping(values["runs"], "runs")
    n = len(stored.array(given["y"], "y"))
    positive = ("N", "D", "C", "weights")
    runs = {
        name: stored.numbers(
            given[name], name, length=n, least=_LEAST if name in positive else -np.inf
        )
        for name in (*positive, "y")
    }
    scale = stored.mapping(values["scale"], "scale")
    ends = [
        None if scale[name] is None else stored.number(scale[name], name)
        for name in ("best", "worst")
    ]
    metric = MetricScale(stored.flag(scale["falls"], "falls"), *ends)
    if any(end is not None and abs(end) > 1 / _LEAST for end in ends):
        raise ValueError("an end of the metric is out of range")
    with np.errstate(all="ignore"):
        inside = metric.is_inside(runs["y"])
        if not n or not (inside & np.isfinite(metric.forward(runs["y"]))).all():
            raise ValueError("the metric is outside its limits")
    columns = {
        name: stored.text(column, f"column of {name}")
        for name, column in stored.mapping(values["columns"], "columns").items()
    }
    rows = restored(
        runs, pd.Index(stored.labels(given["index"], "index", length=n)), columns,
        stored.text(values["target"], "target"), metric,
        tuple(stored.reasons(values["dropped"], "dropped")),
        stored.text(values["cluster_column"], "cluster_column"),
        (stored.count(values["n_checkpoints"], "n_checkpoints"),
         stored.count(values["n_thinned"], "n_thinned")),
    )  # fmt: skip
    return rows, float(values["confidence_level"])


def _label(label: Any) -> Any:
    """Row labels as JSON has them: numbers and text stay, anything else becomes text."""
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, int | str) else str(label)
