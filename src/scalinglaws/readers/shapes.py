"""Parameters of a run from the shape in its configuration."""

from __future__ import annotations

from typing import Any

from scalinglaws.errors import ScalingLawError
from scalinglaws.readers.logs import N_OF_TOTAL_FLOS, RunLog
from scalinglaws.readers.quantities import Count, constant
from scalinglaws.transformer.shape import Transformer


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
