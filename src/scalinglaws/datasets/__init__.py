"""The project's own training runs."""

from __future__ import annotations

from importlib import resources
from typing import Literal

import pandas as pd

from scalinglaws.options import check_option

__all__ = ["ladder"]

_ROLES = {"fit": ("ladder", "repeat"), "target": ("target",), "all": ("ladder", "repeat", "target")}


def ladder(split: Literal["fit", "target", "all"] = "fit") -> pd.DataFrame:
    """Runs of small GPT-2 models, trained on the source code of Python's standard library.

    Parameters
    ----------
    split : {"fit", "target", "all"}
        "fit": the ladder and its replicates with other seeds. "target": three larger, held-out
        runs, to compare extrapolations with. "all": both.

    Returns
    -------
    DataFrame
        One row per run, indexed by its name. ``N``: parameters with embeddings; ``N_no_emb``:
        without. ``D``: bytes seen. ``C``: training FLOPs counted from the architecture, not 6ND.
        ``loss``: nats per byte on held-out files. Also ``bits_per_byte``, ``perplexity``,
        ``seed``, ``learning_rate``, ``batch_size`` in sequences, ``wall_s`` in seconds and more.

    Raises
    ------
    ValueError
        If `split` is misspelt.

    Notes
    -----
    `examples/ladder` in the repository trains them again, in an hour or two on two cores.

    Examples
    --------
    >>> runs = ladder()
    >>> bool((runs["loss"] > 0).all())
    True
    """
    check_option("split", split, tuple(_ROLES))
    file = resources.files("scalinglaws.datasets") / "ladder.csv"
    with file.open(encoding="utf-8") as stream:
        runs = pd.read_csv(stream, index_col="run")
    return runs[runs["role"].isin(_ROLES[split])]
