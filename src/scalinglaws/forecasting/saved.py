"""A forecast as plain JSON, and back: the runs and the settings, from which it is made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalinglaws.errors import FileFormatError
from scalinglaws.forecasting.metric_scale import MetricScale
from scalinglaws.forecasting.run_rows import RunRows, restored

if TYPE_CHECKING:
    from scalinglaws.forecasting.forecast import Forecast

FORMAT = "scalinglaws forecast"
SCHEMA = 1


def write(forecast: Forecast, path: str | Path) -> None:
    """Write a forecast; see `Forecast.save`."""
    text = json.dumps(to_dict(forecast), indent=1, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


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
            "weights": rows.weights.tolist(),
        },
    }


def read(path: str | Path) -> tuple[RunRows, float]:
    """Runs and level of a saved forecast.

    Raises
    ------
    FileFormatError
        If the file is none, or from a newer version.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FileFormatError(f"{path} is not a saved forecast: not JSON ({error}).") from error
    schema = values.get("schema")
    if schema != SCHEMA:
        raise FileFormatError(
            f"{path} has schema {schema!r}, and this version of scalinglaws reads {SCHEMA}: update "
            "scalinglaws, or save the forecast again."
        )
    try:
        return _rows(values), float(values["confidence_level"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise FileFormatError(f"{path} is damaged: {type(error).__name__}: {error}.") from error


def is_forecast(path: str | Path) -> bool:
    """Whether a file says that it is a saved forecast."""
    return bool(_format(path) == FORMAT)


def is_saved(path: str | Path) -> bool:
    """Whether a file says that it is something that was saved, and no table."""
    return _format(path) is not None


def _format(path: str | Path) -> Any:
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values.get("format") if isinstance(values, dict) else None


def _rows(values: Mapping[str, Any]) -> RunRows:
    runs = {
        name: np.array(values["runs"][name], dtype=np.float64)
        for name in ("N", "D", "C", "y", "weights")
    }
    return restored(
        runs, pd.Index(values["runs"]["index"]), values["columns"], values["target"],
        MetricScale(**values["scale"]), tuple((label, why) for label, why in values["dropped"]),
        values["cluster_column"], (int(values["n_checkpoints"]), int(values["n_thinned"])),
    )  # fmt: skip


def _label(label: Any) -> Any:
    """Row labels as JSON has them: numbers and text stay, anything else becomes text."""
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, int | str) else str(label)
