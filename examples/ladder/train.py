"""Train the ladder: real, small GPT-2 models on the sources of the standard library.

    python examples/ladder/train.py                 # two processes on the CPU, resumable
    python examples/ladder/train.py --device cuda   # the same on a GPU
    python examples/ladder/train.py --logs logs --models models   # TensorBoard logs, checkpoints

One row is appended to the table for each finished run; start again and it resumes where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from corpus import Corpus, standard_library
from plan import CONTEXT, VOCABULARY, Run, whole_ladder
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel

Log = Callable[..., None]  # of a step and named values
TABLE = Path(__file__).parent / "ladder.csv"
WARM_UP = 0.1  # share of the steps
EVALUATION_BATCH = 64


@cache
def corpus() -> Corpus:
    """The text, read once in each process."""
    return standard_library()


def build_model(run: Run) -> GPT2LMHeadModel:
    """A GPT-2 from random initialisation, without dropout: no byte is seen twice."""
    torch.manual_seed(run.seed)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=run.shape.d_model,
            n_layer=run.shape.n_layer,
            n_head=run.shape.n_head,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
            use_cache=False,
        )
    )


def rate_at(step: int, n_steps: int) -> float:
    """Linear warm-up, then a cosine that reaches zero at the run's own last step."""
    warm_up = max(1, int(WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))


def take(text: np.ndarray, starts: np.ndarray, device: str) -> torch.Tensor:
    """Windows of CONTEXT + 1 bytes, shape (len(starts), CONTEXT + 1)."""
    rows = text[starts[:, None] + np.arange(CONTEXT + 1)]
    return torch.from_numpy(rows.astype(np.int64)).to(device)


def mean_loss(model: GPT2LMHeadModel, rows: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats per byte; the next byte of every position is predicted."""
    logits = model(rows[:, :-1]).logits
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, VOCABULARY), rows[:, 1:].reshape(-1)
    )


def optimise(model: GPT2LMHeadModel, run: Run, device: str, log: Log) -> None:
    """AdamW over one permutation of the windows; weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=run.learning_rate,
        betas=(0.9, 0.98),
    )
    starts = corpus().training_windows(CONTEXT, run.n_tokens, run.seed)
    for step in range(run.n_steps):
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate * rate_at(step, run.n_steps)
        batch = starts[step * run.batch_size : (step + 1) * run.batch_size]
        loss = mean_loss(model, take(corpus().train, batch, device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        log(step + 1, **{"train/loss": loss.item(), "tokens": len(batch) * CONTEXT * (step + 1)})


@torch.no_grad()
def held_out_loss(model: GPT2LMHeadModel, device: str) -> float:
    """Mean loss over the held-out windows, nats per byte."""
    starts = corpus().evaluation_windows(CONTEXT)
    losses = [
        mean_loss(model, take(corpus().held_out, starts[i : i + EVALUATION_BATCH], device)).item()
        for i in range(0, len(starts), EVALUATION_BATCH)
    ]
    return float(np.mean(losses))


def tensorboard_log(run: Run, folder: Path | None) -> Log:
    """What writes named values of a step into the run's own folder, or does nothing."""
    if folder is None:
        return lambda step, **values: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder / run.name)

    def log(step: int, **values: float) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return log


def train(run: Run, device: str, logs: Path | None, models: Path | None) -> dict[str, object]:
    """Train one run and return its row of the table."""
    began = time.perf_counter()
    model = build_model(run).to(device)
    assert sum(p.numel() for p in model.parameters()) == run.shape.n_parameters
    log = tensorboard_log(run, logs)
    optimise(model, run, device, log)
    loss = held_out_loss(model, device)
    seen = run.n_steps * run.batch_size * CONTEXT
    flops = run.shape.training_flops_per_token * seen
    log(run.n_steps, N=run.shape.n_parameters, flops=flops, **{"eval/loss": loss})
    if models is not None:
        model.save_pretrained(models / run.name)
    return {
        "run": run.name,
        "role": run.role,
        "n_layer": run.shape.n_layer,
        "d_model": run.shape.d_model,
        "n_head": run.shape.n_head,
        "N": run.shape.n_parameters,
        "N_no_emb": run.shape.n_no_embedding,
        "D": seen,
        "C": flops,
        "epochs": round(seen / len(corpus().train), 4),
        "loss": round(loss, 6),
        "bits_per_byte": round(loss / math.log(2), 6),
        "perplexity": round(math.exp(loss), 6),
        "seed": run.seed,
        "learning_rate": round(run.learning_rate, 6),
        "batch_size": run.batch_size,
        "context": CONTEXT,
        "steps": run.n_steps,
        "schedule": "cosine to 0, 10% warm-up",
        "wall_s": round(time.perf_counter() - began, 1),
        "device": device,
        "corpus": corpus().digest,
    }


def finished(table: Path) -> set[str]:
    """Names of the runs that the table already holds."""
    if not table.exists():
        return set()
    with table.open(newline="") as file:
        return {row["run"] for row in csv.DictReader(file)}


def append(table: Path, row: dict[str, object]) -> None:
    """Add one row; the header goes in with the first."""
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def _train_in_worker(
    job: tuple[Run, str, Path | None, Path | None],
) -> tuple[Run, dict[str, object]]:
    torch.set_num_threads(1)  # tiny models: two processes beat two threads
    return job[0], train(*job)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--table", type=Path, default=TABLE, help="where the rows go")
    parser.add_argument(
        "--roles", nargs="+", default=["ladder", "repeat", "target"], help="which runs (all)"
    )
    parser.add_argument("--logs", type=Path, help="folder for TensorBoard logs (none)")
    parser.add_argument("--models", type=Path, help="folder for trained models (none)")
    parser.add_argument("--names", nargs="+", help="only these runs, such as L2d8-D0.5M-s0")
    options = parser.parse_args()

    done = finished(options.table)
    runs = [run for run in whole_ladder() if run.role in options.roles and run.name not in done]
    runs = [run for run in runs if options.names is None or run.name in options.names]
    jobs = [(run, options.device, options.logs, options.models) for run in runs]
    with (
        multiprocessing.get_context("spawn").Pool(options.workers) as pool,
        tqdm(total=sum(run.flops for run in runs), unit="FLOP", unit_scale=True) as bar,
    ):
        for run, row in pool.imap_unordered(_train_in_worker, jobs):
            append(options.table, row)
            bar.set_postfix_str(f"{run.name} loss {row['loss']}")
            bar.update(run.flops)


if __name__ == "__main__":
    main()
