"""Results of the lm-evaluation-harness: one model, or one checkpoint of it, a file."""

from __future__ import annotations

import re
from typing import Any

from scalinglaws.readers.logs import Layout, LogFile, RunLog, flatten, to_number

_NAME = "lm-evaluation-harness results"
_REVISION = re.compile(r"(?:.*[^a-z])?step[-_]?(\d+)")
_ARGUMENT = re.compile(r"(pretrained|revision)=([^,]+)")


def _recognise(file: LogFile) -> bool:
    return file.has_keys("results", "config") and isinstance(file.document["results"], dict)


def _read(file: LogFile) -> list[RunLog]:
    document: dict[str, Any] = file.document
    config = document["config"]
    arguments = config.get("model_args") or {}
    if isinstance(arguments, str):
        arguments = dict(_ARGUMENT.findall(arguments))
    model = str(document.get("model_name") or arguments.get("pretrained") or file.run_name)
    revision = str(config.get("model_revision") or arguments.get("revision") or "main")
    step = _REVISION.fullmatch(revision)
    run = RunLog(model, _NAME, file.shown, model if step else f"{model}@{revision}")
    run.config = {**flatten(config), "revision": revision}
    run.started = float(step[1]) if step else 0.0
    if config.get("limit"):
        run.notes.append(f"{file.shown}: limit={config['limit']}, so only a part of each task ran.")
    values = _values(document["results"])
    if step:  # checkpoints of one model are a curve
        run.add_row(int(step[1]), values)
    else:
        run.summary = values
    return [run]


def _values(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """``eval/TASK/METRIC``, with the filter behind the metric where there is one."""
    values: dict[str, float] = {}
    for task, metrics in results.items():
        for name, item in metrics.items():
            value = to_number(item)
            if value is not None:
                values[f"eval/{task}/{name.removesuffix(',none')}"] = value
    return values


LAYOUT = Layout(_NAME, _recognise, _read)
