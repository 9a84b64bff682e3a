"""JSON logs: Hugging Face trainer_state, Levanter, and the lm-evaluation-harness."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from scalinglaws.errors import DataError
from scalinglaws.readers.logs import N_OF_TOTAL_FLOS, Layout, LogFile, RunLog, flatten, to_number

# --- Hugging Face trainer_state ------------------------------------------------------------------

_PROGRESS = {"log_history", "global_step", "epoch", "total_flos", "num_input_tokens_seen"}
_TABLES = ("embed", "wte", "wpe")  # parts of the names of embeddings
_MOST_HEADER = 2**26  # bytes of names and shapes in front of a model's weights


def _is_trainer_state(file: LogFile) -> bool:
    cut_off = file.document is None and b'"log_history":' in file.head
    return file.has_keys("log_history", "global_step") or (cut_off and file.is_text)


def _read_trainer_state(file: LogFile) -> list[RunLog]:
    if file.document is None:
        raise DataError(
            f"{file.shown} is a trainer_state.json that is cut off or damaged: it is no whole JSON "
            f"({len(file.data):,} bytes). An earlier checkpoint has the log up to there."
        )
    state: dict[str, Any] = file.document
    folder = file.path.parent
    is_checkpoint = folder.name.startswith("checkpoint-")
    root = folder.parent if is_checkpoint else folder
    step = to_number(state["global_step"]) or 0.0
    run = RunLog(root.resolve().name, TRAINER_STATE.name, file.shown, str(root), started=step)
    run.config = {
        name: item
        for name, item in state.items()
        if name not in _PROGRESS and isinstance(item, int | float | str)
    }
    run.config |= _model(folder)
    for row in state["log_history"]:
        values = dict(row)
        # a summary at the end of training: its loss is a mean over the whole run
        row_step = values.pop("step", None)
        if "train_runtime" in values:
            run.summary |= values
        else:
            run.add_row(row_step, values)
    for name in ("total_flos", "num_input_tokens_seen"):
        value = to_number(state.get(name))
        if value:
            run.summary[name] = value
            run.add(step, name, value)
    if "num_input_tokens_seen" in run.summary:
        run.notes.append(f"{file.shown}: num_input_tokens_seen may count padding as tokens.")
    return [run]


def _model(folder: Path) -> dict[str, Any]:
    """Settings of the model beside the log, and its size from the header of its weights."""
    settings: dict[str, Any] = {}
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        settings |= {f"model.{name}": item for name, item in flatten(config).items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    weights = sorted(folder.glob("model*.safetensors"))
    try:
        shapes: dict[str, list[int]] = {}
        for file in weights:
            shapes |= _shapes(file)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return settings
    if shapes:
        settings["num_parameters"] = _count(shapes)
        settings["N_no_emb"] = _count(shapes, *_TABLES, "lm_head")
        settings[N_OF_TOTAL_FLOS] = _count(shapes, *_TABLES)
    return settings


def _count(shapes: dict[str, list[int]], *without: str) -> int:
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if not any(part in name for part in without)
    )


def _shapes(file: Path) -> dict[str, list[int]]:
    with file.open("rb") as weights:
        length = int.from_bytes(weights.read(8), "little")
        if length > _MOST_HEADER:
            return {}
        header = json.loads(weights.read(length))
    return {name: item["shape"] for name, item in header.items() if name != "__metadata__"}


TRAINER_STATE = Layout("Hugging Face trainer_state", _is_trainer_state, _read_trainer_state)


# --- Levanter ------------------------------------------------------------------------------------

_STEPS = ("step", "_step", "global_step")


def _first(file: LogFile) -> dict[str, Any]:
    if not file.is_text or file.head.lstrip()[:1] != b"{":
        return {}
    try:
        first = json.loads(file.text.partition("\n")[0])
    except (ValueError, RecursionError):
        return {}
    return first if isinstance(first, dict) else {}


def _is_levanter(file: LogFile) -> bool:
    first = _first(file)
    return {"config", "summary"} <= first.keys() or "tracker" in first


def _read_levanter(file: LogFile) -> list[RunLog]:
    run = RunLog(file.run_name, LEVANTER.name, file.shown, str(file.path))
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


LEVANTER = Layout("Levanter tracker metrics", _is_levanter, _read_levanter)


# --- lm-evaluation-harness -----------------------------------------------------------------------

_REVISION = re.compile(r"(?:.*[^a-z])?step[-_]?(\d+)")
_ARGUMENT = re.compile(r"(pretrained|revision)=([^,]+)")


def _is_lm_eval(file: LogFile) -> bool:
    return file.has_keys("results", "config") and isinstance(file.document["results"], dict)


def _read_lm_eval(file: LogFile) -> list[RunLog]:
    document: dict[str, Any] = file.document
    config = document["config"]
    arguments = config.get("model_args") or {}
    if isinstance(arguments, str):
        arguments = dict(_ARGUMENT.findall(arguments))
    model = str(document.get("model_name") or arguments.get("pretrained") or file.run_name)
    revision = str(config.get("model_revision") or arguments.get("revision") or "main")
    step = _REVISION.fullmatch(revision)
    run = RunLog(model, LM_EVAL.name, file.shown, model if step else f"{model}@{revision}")
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


LM_EVAL = Layout("lm-evaluation-harness results", _is_lm_eval, _read_lm_eval)
