"""What every benchmark shares: options, tables, interleaved timing, and Markdown."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("SCALINGLAWS_DATA", Path(__file__).parents[2] / "shared" / "data"))
_TURN = 0.05  # seconds that a contender called again and again is given in each round
_PACKAGES = ("numpy", "scipy", "pandas", "lmfit", "autograd", "distributed")


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    quick: bool = False
    full: bool = False
    data: Path | None = None
    rounds: int | None = None
    seeds: range = range(1000)
    real: bool = True
    save: Path | None = None
    rival: Path | None = None
    parts: tuple[Path, ...] = ()

    def count(self, usual: int, quick: int) -> int:
        """A number of rounds, samples or cases."""
        return quick if self.quick else usual


@dataclass(frozen=True)
class Bar:
    """A number that was promised, and what was measured."""

    what: str
    measured: str
    wanted: str
    met: bool


@dataclass
class Section:
    """The result of one benchmark."""

    title: str
    tables: list[tuple[str, pd.DataFrame]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def table(self, caption: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add a table of rows."""
        self.tables.append((caption, pd.DataFrame(rows)))

    def at_most(self, what: str, measured: float, limit: float, unit: str = "") -> None:
        """A bar that smaller numbers meet."""
        self.bars.append(
            Bar(what, f"{measured:.3g}{unit}", f"≤ {limit:g}{unit}", bool(measured <= limit))
        )

    def at_least(self, what: str, measured: float, limit: float, unit: str = "") -> None:
        """A bar that larger numbers meet."""
        self.bars.append(
            Bar(what, f"{measured:.4g}{unit}", f"≥ {limit:g}{unit}", bool(measured >= limit))
        )

    def markdown(self) -> str:
        """The section as Markdown."""
        parts = [f"## {self.title}"]
        parts += [f"{caption}\n\n{_markdown(table)}" for caption, table in self.tables]
        if self.bars:
            rows = [
                {"bar": b.what, "measured": b.measured, "wanted": b.wanted,
                 "met": "yes" if b.met else "**no**"}
                for b in self.bars
            ]  # fmt: skip
            parts.append(_markdown(pd.DataFrame(rows)))
        parts += [f"* {note}" for note in self.notes]
        return "\n\n".join(parts) + "\n"


@dataclass
class Timing:
    """Wall and processor times of one contender, in seconds, and what its last call returned.

    The processor times of the first call of each turn are among the others, and stand alone too.
    On a busy machine the processor times are those to compare; on a quiet one they are the same.
    """

    times: list[float] = field(default_factory=list)
    processor_times: list[float] = field(default_factory=list)
    first_of_turns: list[float] = field(default_factory=list)
    result: Any = None

    def once(self, call: Callable[[], object]) -> None:
        """Time one call."""
        begin, used = time.perf_counter(), time.process_time()
        self.result = call()
        self.times.append(time.perf_counter() - begin)
        self.processor_times.append(time.process_time() - used)

    @property
    def median(self) -> float:
        """Median wall time in seconds."""
        return float(np.median(self.times))

    @property
    def processor(self) -> float:
        """Median processor time in seconds."""
        return float(np.median(self.processor_times))

    @property
    def first(self) -> float:
        """Median processor time of the first call of a turn, in seconds."""
        return float(np.median(self.first_of_turns))

    @property
    def spread(self) -> str:
        """Least and largest of the times, relative to the median."""
        low, high = min(self.times) / self.median, max(self.times) / self.median
        return f"{low:.2f} to {high:.2f}"


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm: bool = True,
    again: Collection[str] = (),
) -> dict[str, Timing]:
    """Time all contenders in turn, A B C A B C ..., so that a busy moment hits them all.

    Those named in `again` are called over and over for a while at each turn, as timeit does: the
    first call finds the caches full of what others left there.
    """
    timings = {name: Timing() for name in contenders}
    if warm:
        for call in contenders.values():
            call()
    for _ in range(rounds):
        for name, call in contenders.items():
            timing, turn = timings[name], time.perf_counter()
            timing.once(call)
            timing.first_of_turns.append(timing.processor_times[-1])
            while name in again and time.perf_counter() - turn < _TURN:
                timing.once(call)
    return timings


def header() -> str:
    """Date, processor and versions."""
    versions = [f"Python {platform.python_version()}"]
    for name in ("scalinglaws", *_PACKAGES):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    now = datetime.now(UTC)
    load = " ".join(f"{v:.2f}" for v in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"* {now:%Y-%m-%d %H:%M} UTC",
            f"* {_processor()}, {os.cpu_count()} cores, load {load}; OMP_NUM_THREADS {threads}",
            f"* {', '.join(versions)}",
            "",
        ]
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    return f"{found.get('model name', platform.machine())} (model {found.get('model', '?')})"


def _markdown(table: pd.DataFrame) -> str:
    columns = [str(c) for c in table.columns]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in table.itertuples(index=False):
        lines.append("| " + " | ".join("" if _empty(v) else str(v) for v in row) + " |")
    return "\n".join(lines)


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def duration(seconds: float) -> str:
    """A time as people read it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


# --- tables that several benchmarks fit --------------------------------------------------------


Floats = npt.NDArray[np.float64]

# Besiroglu et al. 2024, the minimum of the stated objective on the 240 runs, checked in 40 digits.
EPOCH_MINIMUM = 0.0010182740178006
DELTA = 1e-3
TRUTH = {"E": 1.8172, "A": 477.83, "alpha": 0.34731, "B": 2143.4, "beta": 0.36717}


@dataclass(frozen=True)
class Table:
    """Runs as arrays, and where they are from."""

    N: Floats
    D: Floats
    y: Floats
    note: str
    minimum: float | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """The runs as a DataFrame."""
        return pd.DataFrame({"N": self.N, "D": self.D, "loss": self.y}, copy=False)


def data_folder(given: Path | None) -> Path | None:
    """The folder of public tables, if it is there."""
    folder = given or DATA
    return folder if folder.is_dir() else None


def chinchilla_runs(folder: Path | None) -> Table:
    """The 240 Chinchilla runs, or a synthetic table of their shape."""
    if folder is None:
        return _synthetic(240)
    runs = pd.read_csv(folder / "chinchilla" / "chinchilla_epoch.csv").query("outlier == 0")
    n, d, y = (runs[name].to_numpy(float) for name in ("N", "D", "loss"))
    return Table(n, d, y, "the 240 Chinchilla runs", EPOCH_MINIMUM)


def _synthetic(count: int) -> Table:
    rng = np.random.default_rng(2203)
    c = np.resize(np.geomspace(6e18, 3e21, 9), count)
    n = np.sqrt(c / 120) * np.exp(rng.uniform(-1.5, 1.5, count))
    d = c / 6 / n
    y = _chinchilla(n, d) * np.exp(0.004 * rng.standard_t(3, count))
    return Table(n, d, y, f"SYNTHETIC: {count} runs of the shape of the Chinchilla runs")


def _chinchilla(n: Floats, d: Floats) -> Floats:
    t = TRUTH
    return np.asarray(t["E"] + t["A"] / n ** t["alpha"] + t["B"] / d ** t["beta"])


def large_table(rows: int) -> Table:
    """Random sizes and durations under the Chinchilla law, with 1 % of noise."""
    rng = np.random.default_rng(rows)
    n, d = 10 ** rng.uniform(7, 10, rows), 10 ** rng.uniform(9, 12, rows)
    y = _chinchilla(n, d)
    y *= np.exp(0.01 * rng.standard_normal(rows))
    return Table(n, d, y, f"{rows} runs")
