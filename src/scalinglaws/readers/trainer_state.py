"""``trainer_state.json`` of the Hugging Face Trainer; checkpoints of one folder are one run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from scalinglaws.errors import DataError
from scalinglaws.readers.logs import N_OF_TOTAL_FLOS, Layout, LogFile, RunLog, flatten, to_number

_NAME = "Hugging Face trainer_state"
_PROGRESS = {"log_history", "global_step", "epoch", "total_flos", "num_input_tokens_seen"}
_TABLES = ("embed", "wte", "wpe")  # parts of the names of embeddings
_MOST_HEADER = 2**26  # bytes of names and shapes in front of a model's weights


def _recognise(file: LogFile) -> bool:
    cut_off = file.document is None and b'"log_history":' in file.head
    return file.has_keys("log_history", "global_step") or (cut_off and file.is_text)


def _read(file: LogFile) -> list[RunLog]:
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
    run = RunLog(root.resolve().name, _NAME, file.shown, str(root), started=step)
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


LAYOUT = Layout(_NAME, _recognise, _read)
