"""The text: Python's own standard library, byte by byte, split by file into train and held-out."""

from __future__ import annotations

import hashlib
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HELD_OUT_ONE_IN = 20  # about 5 % of the files
EVALUATION_WINDOWS = 2048


@dataclass(frozen=True)
class Corpus:
    """Train and held-out bytes (uint8 arrays), and a hash that names this very text."""

    train: np.ndarray
    held_out: np.ndarray
    digest: str

    def training_windows(self, context: int, n_tokens: int, seed: int) -> np.ndarray:
        """Starts of the windows of one run: distinct, in random order, so one pass or fewer."""
        available = (len(self.train) - 1) // context
        wanted = n_tokens // context
        if wanted > available:
            raise ValueError(
                f"D = {n_tokens:,} bytes is more than one pass over {len(self.train):,}"
            )
        return np.random.default_rng(seed).permutation(available)[:wanted] * context

    def evaluation_windows(self, context: int) -> np.ndarray:
        """The same evenly spread held-out windows for every run."""
        available = (len(self.held_out) - 1) // context
        return np.linspace(0, available - 1, EVALUATION_WINDOWS).astype(np.int64) * context


def standard_library() -> Corpus:
    """Read every ``.py`` file of this interpreter's standard library."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(
        path
        for path in root.rglob("*.py")
        if not {"site-packages", "dist-packages"} & set(path.parts)
    )
    parts: dict[bool, list[bytes]] = {True: [], False: []}
    whole = hashlib.sha256()
    for path in files:
        name = path.relative_to(root).as_posix()
        text = path.read_bytes() + b"\0"  # the separator keeps files apart
        held_out = int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT_ONE_IN == 0
        parts[held_out].append(text)
        whole.update(name.encode() + text)
    return Corpus(
        train=np.frombuffer(b"".join(parts[False]), dtype=np.uint8),
        held_out=np.frombuffer(b"".join(parts[True]), dtype=np.uint8),
        digest=whole.hexdigest()[:12],
    )
