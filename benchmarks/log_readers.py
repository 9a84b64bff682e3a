"""The readers of logs beside those of the trackers themselves: the same numbers, and how fast.

pip install tensorboard mlflow-skinny trackio "wandb<0.20"  # newer wandb has no reader
python -m benchmarks.log_readers            # the shipped samples, and 1,000 event files
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import scalinglaws as sl
from scalinglaws.errors import DataWarning

LOGS = Path(__file__).parents[1] / "examples" / "logs"
_PLAIN = {"tokens", "lr", "logged lr", "eval_loss", "train_loss"}  # metrics without a slash
Points = dict[tuple[str, str, float], float]  # (run, metric, step): value


def ours(folder: Path) -> Points:
    """What `read_runs` reads."""
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        frame = sl.read_runs(folder, every="step")
    metrics = [c for c in frame.columns if "/" in c or c in _PLAIN]
    if "logged lr" in metrics:
        metrics.remove("lr")  # the configured one
    return {
        (row["run"], name.removeprefix("logged "), float(row["step"])): float(row[name])
        for row in frame.to_dict("records")
        for name in metrics
        if not math.isnan(row[name])
    }


def tensorboard(folder: Path) -> Points:
    """What TensorBoard's own reader reads."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: Points = {}
    for run in sorted({file.parent for file in folder.rglob("events.out.tfevents.*")}):
        log = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
        for tag in log.Tags()["scalars"]:
            for event in log.Scalars(tag):
                found[run.name, tag, float(event.step)] = event.value
    return found


def wandb(folder: Path) -> Points:
    """What the data store of wandb reads."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    found: Points = {}
    for file in sorted(folder.rglob("*.wandb")):
        store = DataStore()
        store.open_for_scan(str(file))
        name = ""
        while (data := store.scan_data()) is not None:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            name = record.run.display_name or name
            row = {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            found |= {
                (name, key, float(row["_step"])): float(value)
                for key, value in row.items()
                if not key.startswith("_")
            }
    return found


def mlflow(folder: Path) -> Points:
    """What the client of MLflow reads from its file store."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.tracking import MlflowClient

    with tempfile.TemporaryDirectory() as copy:
        store = Path(shutil.copytree(folder, Path(copy) / "mlruns"))
        for metrics in store.glob("*/*/metrics"):  # a store that git has kept has no empty folders
            metrics.with_name("artifacts").mkdir()
        client = MlflowClient(tracking_uri=store.as_uri())
        return {
            (run.info.run_name, key, float(point.step)): point.value
            for run in client.search_runs(["0"])
            for key in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, key)
        }


def trackio(folder: Path) -> Points:
    """What the storage of trackio reads; it writes beside its database, so from a copy."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copy(folder / "ladder.db", copy)
        os.environ["TRACKIO_DIR"] = copy
        from trackio.sqlite_storage import SQLiteStorage

        return {
            (run, key, float(row["step"])): float(value)
            for run in SQLiteStorage.get_runs("ladder")
            for row in SQLiteStorage.get_logs("ladder", run)
            for key, value in row.items()
            if key not in {"step", "timestamp"}
        }


def timed(read: Callable[[Path], object], folder: Path) -> float:
    """Seconds of processor time, the better of two."""
    times = []
    for _ in range(2):
        start = time.process_time()
        read(folder)
        times.append(time.process_time() - start)
    return min(times)


def many_event_files(folder: Path) -> None:
    """1,000 runs of 10 kB each."""
    content = next((LOGS / "tb" / "d12").iterdir()).read_bytes()[:10_000]
    for number in range(1000):
        (folder / str(number)).mkdir()
        (folder / str(number) / "events.out.tfevents.1").write_bytes(content)


_READERS = {"tb": tensorboard, "wandb": wandb, "mlruns": mlflow, "trackio": trackio}


def main() -> None:
    """Compare point by point, then time."""
    for name, reader in _READERS.items():
        try:
            official = reader(LOGS / name)
        except ImportError as error:
            print(f"{name}: skipped, {error}")
            continue
        mine = ours(LOGS / name)
        shared = official.keys() & mine.keys()
        differ = [key for key in shared if official[key] != mine[key]]
        print(
            f"{name}: {len(official):,} points of the official reader, {len(mine):,} of ours, "
            f"{len(shared):,} in both, {len(differ)} differ; "
            f"{timed(reader, LOGS / name):.3f} s against {timed(ours, LOGS / name):.3f} s"
        )
    folder = Path(tempfile.mkdtemp())
    try:
        many_event_files(folder)
        with warnings.catch_warnings(action="ignore", category=DataWarning):
            print(f"1,000 event files: {timed(sl.read_runs, folder):.2f} s of processor time")
        print(f"with the official reader: {timed(tensorboard, folder):.2f} s")
    except ImportError as error:
        print(f"the official reader is skipped, {error}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
