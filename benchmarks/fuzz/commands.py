"""Command lines: verbs, files and options in any order, right and wrong."""

from __future__ import annotations

import contextlib
import io
from functools import cache

import numpy as np

import scalinglaws as sl
from benchmarks.fuzz.tables import good
from benchmarks.fuzz.trial import TEXTS, Case, choice, scratch_folder
from scalinglaws.cli import main

_VERBS = (
    "fit", "fit", "predict", "laws", "plan", "serve", "judge", "overtrain", "repeat", "next",
    "isoflop", "envelope", "approaches", "gain", "simulate", "count", "bill", "forecast", "nothing",
)  # fmt: skip
_OPTIONS = (
    "--law", "--y", "--columns", "--method", "--objective", "--delta", "--scale", "--weights",
    "--fixed", "--groups", "--tied", "--missing", "--confidence-level", "--json", "--csv",
    "--budget", "--budgets", "--tolerance", "--cost", "--at", "--by", "--loss", "--truth",
    "--search", "--topic", "--variable", "--help", "--version", "--odd",
)  # fmt: skip
_WORDS = (
    "chinchilla", "power", "kaplan", "E + A/N**a", "loss", "N", "N=7B", "D=1T", "N=", "=", "N=x",
    "s=c4", "E=1.7", "E=data", "beta=alpha", "nls", "huber", "log", "drop", "0.9", "95", "-1",
    "1e21", "1e300", "nan", "inf", "6ND", "parabola", "chinchilla/epoch2024", "E=s", "s",
)  # fmt: skip


_RIGHT = (
    "fit {runs} --law chinchilla --json", "fit {runs} --law chinchilla --save {out}.json",
    "fit {runs} --law loss_~_E+A/N**alpha --fixed E=1.7 --objective squared",
    "fit {runs} --law power-floor --columns N=N --scale level --confidence-level 0.9",
    "fit {runs} --law chinchilla --groups E=s --missing drop", "predict {fit} N=7B D=1T",
    "predict {fit} N=7B D=1T --json", "laws --search repeat", "laws chinchilla",
    "plan {fit} --budget 1e21 1e22", "plan {fit} --budget 1e21 --csv", "isoflop {runs}",
    "forecast {runs} N=7B D=1T", "serve {fit} --loss 2.2 --served 1T", "envelope {runs}",
    "approaches {runs} {fit} --budget 1e21", "overtrain {fit} --budget 1e21",
    "next {fit} --budget 1e20", "judge {fit} N=7B D=1T", "repeat {fit} --budget 1e21 --unique 1B",
)  # fmt: skip


@cache
def _files() -> tuple[str, ...]:
    """A table, a saved fit, and files that are neither."""
    folder = scratch_folder() / "commands"
    folder.mkdir()
    runs = good(np.random.default_rng(3), 30)
    runs.to_csv(folder / "runs.csv", index=False)
    runs.to_json(folder / "runs.jsonl", orient="records", lines=True)
    sl.fit(runs, "chinchilla").save(folder / "fit.json")
    (folder / "empty.csv").write_text("")
    (folder / "text.csv").write_text("a;b\n1;2\n")
    (folder / "broken.csv.gz").write_text("no gzip")
    (folder / "broken.json").write_text("{")
    (folder / "bytes.csv").write_bytes(bytes(range(256)))
    names = sorted(str(path) for path in folder.iterdir())
    return (*names, str(folder), str(folder / "nothing.csv"))


def case(rng: np.random.Generator) -> Case:
    """A command line."""
    if rng.random() < 0.4:
        words = _right(rng)
        if rng.random() < 0.5:  # all but one word
            words[int(rng.integers(len(words)))] = str(choice(rng, (*_WORDS, *TEXTS[:13])))
        return _case(words)
    words = [str(choice(rng, _VERBS))]
    for _ in range(int(rng.integers(0, 7))):
        kind = rng.random()
        if kind < 0.4:
            words.append(str(choice(rng, _files())))
        elif kind < 0.7:
            words += [str(choice(rng, _OPTIONS)), str(choice(rng, (*_WORDS, *TEXTS[:13])))]
        else:
            words.append(str(choice(rng, _WORDS)))
    if words[0] in ("fit", "isoflop", "envelope", "forecast") and rng.random() < 0.7:
        words[1:1] = [next(name for name in _files() if name.endswith("runs.csv"))]
    return _case(words)


def _case(words: list[str]) -> Case:
    return Case(" ".join(words).encode("unicode_escape").decode(), lambda: _run(words))


def _right(rng: np.random.Generator) -> list[str]:
    """A command line that makes sense."""
    folder = scratch_folder() / "commands"
    line = str(choice(rng, _RIGHT)).format(
        runs=next(name for name in _files() if name.endswith("runs.csv")),
        fit=next(name for name in _files() if name.endswith("fit.json")),
        out=folder / "out",
    )
    return [word.replace("_", " ") if "~" in word else word for word in line.split(" ")]


def _run(words: list[str]) -> None:
    out = io.StringIO()
    # files that a line names go into the folder of the run
    here = contextlib.chdir(scratch_folder())
    with here, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            status = main(words)
        except SystemExit as end:  # argparse's own
            status = end.code if isinstance(end.code, int) else 1
    if status not in (0, 1, 2, 3) or "Traceback" in out.getvalue():
        raise AssertionError(f"exit status {status}: {out.getvalue()}")
    if status in (1, 2):
        raise sl.ScalingLawError(out.getvalue())
