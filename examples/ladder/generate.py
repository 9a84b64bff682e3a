"""Text out of the ladder's own models, smallest to largest: what a loss means.

python examples/ladder/train.py --models models --names L2d8-D8M-s0 L4d64-D8M-s0
python examples/ladder/generate.py models
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from plan import CONTEXT
from train import held_out_loss
from transformers import GPT2LMHeadModel


def continue_text(model: GPT2LMHeadModel, start: str, n_bytes: int, temperature: float) -> str:
    """The start and what the model writes behind it, one byte after the other."""
    text = list(start.encode())
    for _ in range(n_bytes):
        window = torch.tensor(text[-CONTEXT:])[None]
        with torch.no_grad():
            logits = model(input_ids=window).logits[0, -1] / temperature
        text.append(int(torch.multinomial(torch.softmax(logits, dim=-1), 1)))
    return bytes(text).decode(errors="replace")


def size(folder: Path) -> int:
    """Parameters of a saved model."""
    return sum(p.numel() for p in GPT2LMHeadModel.from_pretrained(folder).parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="folder of models that train.py --models wrote")
    parser.add_argument("--start", default="def ", help="text to continue ('def ')")
    parser.add_argument("--bytes", type=int, default=200, help="how many bytes to write (200)")
    parser.add_argument("--temperature", type=float, default=0.7, help="of the sampling (0.7)")
    options = parser.parse_args()

    for folder in sorted((f for f in options.models.iterdir() if f.is_dir()), key=size):
        torch.manual_seed(0)
        model = GPT2LMHeadModel.from_pretrained(folder)
        loss = held_out_loss(model.eval(), "cpu")
        print(
            f"{'=' * 80}\n{folder.name}: {size(folder):,} parameters, loss on held-out files "
            f"{loss:.3f} nats per byte, perplexity {math.exp(loss):.1f}\n"
        )
        print(continue_text(model, options.start, options.bytes, options.temperature))


if __name__ == "__main__":
    main()
