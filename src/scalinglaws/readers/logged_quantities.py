"""Which logged values are N, D, C and the loss of a run."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError, ScalingLawError
from scalinglaws.fitting.tables.columns import VARIABLE_ALIASES
from scalinglaws.numerals import format_compute, parse_number
from scalinglaws.readers.logs import N_OF_TOTAL_FLOS, RunLog, to_number
from scalinglaws.transformer.shape import Transformer

# Names that only logs use, after the usual ones; compared without regard to case.
_LOG_NAMES: Mapping[str, tuple[str, ...]] = {
    "N": ("Number of parameters", "Total number of parameters"),
    "D": ("consumed tokens", "total tokens", "Number of training tokens", "Pretraining Data Size"),
    "C": ("total training flops",),
}
_WITHOUT_EMBEDDINGS = {
    "n_no_emb", "n_params_no_emb", "non_embedding_params", "num_non_embedding_params",
    "non_embedding_parameters", "params_transformer", "num_scaling_params",
}  # fmt: skip
_SAMPLES = ("consumed samples", "consumed_samples", "consumed_train_samples")
_LENGTHS = (
    "seq_length", "seq_len", "sequence_length", "max_seq_len", "max_sequence_length", "block_size",
    "context_length",
)  # fmt: skip
_PREFIXES = {"": 1.0, "g": 1e9, "giga": 1e9, "t": 1e12, "tera": 1e12, "p": 1e15, "peta": 1e15}
_TOTAL_FLOPS = re.compile(r"total[ _](?:\w+[ _])?(g|giga|t|tera|p|peta)flops?", re.IGNORECASE)
_UNIT = re.compile(r"(.*\S)\s*\((k|m|b|t|1e\d+)\)", re.IGNORECASE)  # "Model Size (B)"

# --- counts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Count:
    """N, D or C of one run: its value at some steps, and where it came from.

    One total stands at the last step. Between steps, and from zero at step 0, it is interpolated.
    """

    steps: FloatArray
    values: FloatArray
    source: str

    def at(self, steps: FloatArray) -> FloatArray:
        """Values at some steps; the last one where a run has no steps."""
        known, values = self.steps, self.values
        if known[0] > 0:
            known, values = np.append(0.0, known), np.append(0.0, values)
        return np.where(np.isfinite(steps), np.interp(steps, known, values), values[-1])


def total(value: float, run: RunLog, source: str) -> Count:
    """A count that has this value at the end of the run."""
    return Count(np.array([last_step(run)]), np.array([value]), source)


def constant(value: float, source: str) -> Count:
    """A count that is the same at every step."""
    return Count(np.zeros(1), np.array([value]), source)


def series_count(run: RunLog, name: str, factor: float, source: str) -> Count | None:
    """A logged metric times a factor, at any step; None where it was not logged."""
    points = _points(run, run.series[name]) if name in run.series else None
    return None if points is None else Count(points[0], points[1] * factor, source)


def last_step(run: RunLog) -> float:
    """The last step that has any value; 0 in a log without steps."""
    return max((max(values) for values in run.series.values() if values), default=0.0)


def match_variable(name: str, variable: str) -> tuple[int, float] | None:
    """How well a name fits a variable (0 is best) and the factor to its plain unit."""
    unit = _UNIT.fullmatch(name)
    if unit:
        base = match_variable(unit[1], variable)
        return base and (
            base[0],
            base[1] * parse_number(unit[2] if "1" in unit[2] else "1" + unit[2]),
        )
    segment = name.rpartition("/")[2]
    total = _TOTAL_FLOPS.fullmatch(segment) if variable == "C" else None
    if total:
        return 0, _PREFIXES[total[1].lower()]
    usual = [*VARIABLE_ALIASES[variable], *_LOG_NAMES[variable]]
    if name in usual:
        return 2 * usual.index(name), 1.0
    lowered = [alias.lower() for alias in usual]
    for part in (name, segment, segment.rpartition(".")[2]):
        if len(part) > 1 and part.lower() in lowered:
            return 2 * lowered.index(part.lower()) + 1, 1.0
    return None


def find_count(run: RunLog, variable: str) -> Count | None:
    """N, D or C of a run by its usual names, and D also as samples times their length."""
    stores: list[tuple[str, Mapping[str, Any]]] = [
        ("logged", run.series),
        ("the summary", run.summary),
        ("the configuration", run.config),
    ]
    if variable == "N":
        stores.reverse()
    for store, names in stores:
        count = _named(run, variable, store, names)
        if count is not None:
            if variable != "N":
                return count
            _note_rivals(run, count)
            return constant(float(count.values[-1]), count.source)
    return _samples_times_length(run) if variable == "D" else None


def _named(run: RunLog, variable: str, store: str, names: Mapping[str, Any]) -> Count | None:
    ranked = sorted(
        (match[0], len(name), name, match[1])
        for name in names
        if (match := match_variable(name, variable)) is not None
    )
    counts: list[Count] = []
    for *_, name, factor in ranked:
        points = _points(run, names[name])
        if points is None:
            continue
        why = "" if variable == "N" else _not_cumulative(points[1])
        if why:
            run.notes.append(f"{run.name}: {name!r} {why}, so it is not taken for {variable}.")
        else:
            counts.append(Count(points[0], points[1] * factor, _source(name, store, factor)))
    if not counts:
        return None
    first, last = counts[0], counts[0].values[-1]
    for rival in counts[1:]:
        if not math.isclose(rival.values[-1], last, rel_tol=1e-6):
            run.notes.append(
                f"{variable} is {first.source}; {rival.source} has other values and is kept."
            )
    return first


def _note_rivals(run: RunLog, count: Count) -> None:
    for name in [*run.config, *run.summary]:
        if re.split(r"[./]", name)[-1].lower() in _WITHOUT_EMBEDDINGS:
            run.notes.append(f"N is {count.source}; {name!r} counts other parameters and is kept.")


def _not_cumulative(values: FloatArray) -> str:
    """Why a series is no running total: it falls, as rates do, or stays, as batch sizes do."""
    if (np.diff(values) < 0).any():
        return "falls at times"
    return "is the same at every step" if len(values) > 2 and values[0] == values[-1] else ""


def _source(name: str, store: str, factor: float) -> str:
    return f"{with_unit(name, factor)} " + ("logged" if store == "logged" else f"in {store}")


def with_unit(name: str, factor: float) -> str:
    """A name, with the factor that its unit stands for."""
    return f"{name!r}" if factor == 1 else f"{name!r} times {format_compute(factor)}"


def _points(run: RunLog, item: Any) -> tuple[FloatArray, FloatArray] | None:
    """Steps and values of a series or of one number; None where none is positive."""
    if isinstance(item, dict):
        pairs = sorted((s, v) for s, v in item.items() if math.isfinite(v))
    else:
        pairs = [(last_step(run), value) for value in [_plain(item)] if value is not None]
    if not any(value > 0 for _, value in pairs):
        return None
    table = np.array(pairs, dtype=np.float64)
    return table[:, 0], table[:, 1]


def _plain(item: Any) -> float | None:
    """A number, also as people write it: 7B, 1,000,000."""
    if isinstance(item, str):
        try:
            item = parse_number(item)
        except ValueError:
            return None
    value = to_number(item)
    return value if value is not None and math.isfinite(value) else None


def _samples_times_length(run: RunLog) -> Count | None:
    lengths = {name.rpartition(".")[2]: name for name in run.config}
    length = next((lengths[name] for name in _LENGTHS if name in lengths), None)
    samples = next((name for name in _SAMPLES if name in run.series), None)
    size = _plain(run.config[length]) if length else None
    if samples is None or not size:
        return None
    points = _points(run, run.series[samples])
    if points is None:
        return None
    return Count(points[0], points[1] * size, f"{samples!r} logged times {length!r} configured")


# --- loss --------------------------------------------------------------------------------------

_HELD_OUT = {"eval", "val", "valid", "validation", "test", "heldout", "dev", "evaluation"}
_FAMILIES = (
    ("loss", {"loss", "nll", "crossentropy", "xent", "ce"}),
    ("bits per byte", {"bpb", "bits"}),
    ("perplexity", {"ppl", "perplexity"}),
)
GIVEN = "as given"
_OTHER_THINGS = {
    "min", "max", "std", "stderr", "scale", "time", "runtime", "second", "sec", "samples", "vs",
    "weight", "coef", "aux", "z", "grad", "norm", "best", "balancing", "router", "spike", "lr",
    "number", "minimum", "count", "mask", "scaler",
}  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """A metric that could be the loss; smaller `rank` is better."""

    name: str
    rank: tuple[int, int, int, int]
    family: str

    @property
    def held_out(self) -> bool:
        """Whether it was measured on data that was not trained on."""
        return self.rank[0] == 0

    @property
    def kind(self) -> str:
        """What it is, in words."""
        known = "held-out, " if self.held_out else "training, "
        return self.family if self.family == GIVEN else known + self.family


def as_loss(name: str) -> Loss | None:
    """What kind of loss a name promises: held-out before training, then loss before bits."""
    text = (
        re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().replace("cross entropy", "crossentropy")
    )
    words = re.split(r"[^a-z0-9]+", text.replace("cross_entropy", "crossentropy"))
    if _OTHER_THINGS & set(words):
        return None
    for family_rank, (family, names) in enumerate(_FAMILIES):
        if names & set(words):
            held_out = _HELD_OUT & set(words)
            return Loss(
                name, (0 if held_out else 1, family_rank, int("test" in words), len(words)), family
            )
    return None


def choose_loss(names: Iterable[str], metric: str | None) -> list[Loss]:
    """The loss among the metrics of a run; several where none is better than the others."""
    if metric is not None:
        return [Loss(name, (0, 0, 0, 0), GIVEN) for name in _matching(list(names), metric)]
    candidates = sorted((loss for n in names if (loss := as_loss(n))), key=lambda loss: loss.rank)
    return [loss for loss in candidates if loss.rank == candidates[0].rank]


def _matching(names: list[str], metric: str) -> list[str]:
    if metric in names:
        return [metric]
    matches = [name for name in names if fnmatch.fnmatchcase(name, metric)]
    if len(matches) > 1:
        raise DataError(f"metric={metric!r} fits {matches}; give one of them.")
    return matches


# --- N from a shape -------------------------------------------------------------------------------


def count_from_shape(run: RunLog) -> Count | None:
    """N from a Hugging Face configuration, at the top or under ``model``, ``model_config``."""
    for prefix in ("", "model.", "model_config.", "config."):
        config = {
            name.removeprefix(prefix): item
            for name, item in run.config.items()
            if name.startswith(prefix)
        }
        if "model_type" not in config:
            continue
        shape = _shape(config)
        if shape is not None:
            tables = shape.width * (shape.vocabulary + shape.positions)
            run.config.setdefault("N_no_emb", shape.N_no_emb)
            run.config.setdefault(N_OF_TOTAL_FLOS, shape.N - tables)
            return constant(float(shape.N), "counted from the shape in the configuration")
    return None


def _shape(config: dict[str, Any]) -> Transformer | None:
    try:
        return Transformer.from_config(config)
    except (ScalingLawError, ValueError, TypeError, ArithmeticError, AttributeError):
        return None
