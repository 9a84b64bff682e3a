"""``tracker_metrics.jsonl`` of Levanter and Marin: a summary in one line, or one event a line."""

from __future__ import annotations

import json
from typing import Any

from scalinglaws.readers.logs import Layout, LogFile, RunLog, flatten

_NAME = "Levanter tracker metrics"
_STEPS = ("step", "_step", "global_step")


def _first(file: LogFile) -> dict[str, Any]:
    if not file.is_text or file.head.lstrip()[:1] != b"{":
        return {}
    try:
        first = json.loads(file.text.partition("\n")[0])
    except (ValueError, RecursionError):
        return {}
    return first if isinstance(first, dict) else {}


def _recognise(file: LogFile) -> bool:
    first = _first(file)
    return {"config", "summary"} <= first.keys() or "tracker" in first


def _read(file: LogFile) -> list[RunLog]:
    run = RunLog(file.run_name, _NAME, file.shown, str(file.path))
    for line in file.text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # a line that was being written when the run ended
            run.skipped += bool(line.strip())
            continue
        for name in ("config", "hparams", "hyperparameters"):
            run.config |= flatten(record.get(name) or {})
        for name in ("metrics", "summary"):
            values = flatten(record.get(name) or {})
            step = record.get("step", next((values[s] for s in _STEPS if s in values), None))
            if step is None:
                run.summary |= values
            else:
                run.add_row(step, {k: v for k, v in values.items() if k not in _STEPS})
    return [run]


LAYOUT = Layout(_NAME, _recognise, _read)
