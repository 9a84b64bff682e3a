"""``read_runs``, whose readers are imported when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from scalinglaws.options import check_option

if TYPE_CHECKING:
    from scalinglaws.readers.given import Given
    from scalinglaws.workers import Workers


def read_runs(
    path: Any,
    *,
    every: Literal["eval", "step"] | None = None,
    metric: str | None = None,
    N: Given | None = None,
    D: Given | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    workers: Workers = 1,
) -> pd.DataFrame:
    r"""Read training runs out of the logs of trackers and trainers, or out of a table.

    Parameters
    ----------
    path : str, Path, or an iterable of them
        A file, a folder, a pattern such as ``"logs/*/metrics.csv"``, or an archive (.zip, .tar,
        .tar.gz; single files may be packed with .gz, .bz2, .xz or .zst). Files are recognised by
        their contents; ``docs/logs.md`` lists the layouts. Run objects of the W&B API do as well.
    every : {"eval", "step"}, optional
        One row for each evaluated or each logged step. By default, one row for each run.
    metric : str, optional
        The metric that becomes the column ``loss``, or a pattern such as ``"*/c4*/loss"``. By
        default a held-out loss, else the training loss, with a warning.
    N, D : number, str, mapping, Path, re.Pattern or callable, optional
        Parameters and tokens where the logs do not have them, or to replace what they have: one
        number; a mapping from run to number, or a file with one (CSV of two columns, JSON); a
        pattern with one group on the run's name, such as ``r"_([\d.]+[MB])_"``; a column times a
        number, such as ``"step * 524288"``; a function of the row.
    on_error : {"raise", "skip"}
        What to do with a damaged file: raise an error, or skip it with a warning and list it in
        ``attrs["source"]``.
    workers : int or callable
        Number of processes that read files, -1 for one per processor, or a map-like callable.

    Returns
    -------
    DataFrame
        From logs: the columns ``run``, ``step``, ``N``, ``D``, ``C`` (FLOPs) and ``loss``, then
        settings and metrics under their own names. A metric with the name of a setting is called
        ``logged NAME``. From a table: its columns as they are. ``attrs["source"]`` says where each
        column came from, and what was skipped or guessed.

    Raises
    ------
    DataError
        If a file is damaged or of no known layout, or if nothing was found.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    One rule for all logs: each metric has its last value that is a number, by step; a step that was
    logged twice has its later value. N, D and C are found by their usual names. D and C belong to
    the step of the loss, and are interpolated between logged steps. N is counted from the shape
    where a configuration has one. Unknown values are NaN.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import scalinglaws as sl
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "runs.csv").write_text("N,D,loss\n1e6,2e7,3.1\n")
    >>> sl.read_runs(folder / "runs.csv").shape
    (1, 3)
    >>> _ = (folder / "trainer_state.json").write_text(
    ...     '{"global_step": 9, "log_history": [{"step": 9, "eval_loss": 3.2}]}'
    ... )
    >>> runs = sl.read_runs(folder / "trainer_state.json", N="1M", D="step * 1000")
    >>> runs[["step", "N", "D", "loss"]].values.tolist()
    [[9.0, 1000000.0, 9000.0, 3.2]]
    """
    from scalinglaws.readers.pipeline import read

    check_option("on_error", on_error, ("raise", "skip"))
    if every is not None:
        check_option("every", every, ("eval", "step"))
    given = {name: item for name, item in (("N", N), ("D", D)) if item is not None}
    return read(path, every, metric, given, skip=on_error == "skip", workers=workers)
