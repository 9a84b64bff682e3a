"""A language model on a text, measured into a row of a table of runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from scalinglaws.errors import DataError

_STEP = re.compile(r"(?:.*[^a-z])?step[-_]?(\d+)")


def measure(
    model: Any,
    text: str | Path,
    *,
    tokenizer: Any = None,
    revision: str | Sequence[str] | None = None,
    context: int | None = None,
    batch_size: int = 8,
    device: str | None = None,
    progress: Callable[[Iterator[Any]], Any] = iter,
) -> pd.DataFrame:
    r"""Size and held-out loss of a language model, as one row of a table of runs.

    Parameters
    ----------
    model : str, Path or model
        A name on the Hugging Face hub, a folder with a saved model, or a loaded causal language
        model. Needs torch and transformers: ``pip install 'scalinglaws[measure]'``.
    text : str or Path
        A text file in UTF-8 that was not trained on.
    tokenizer : optional
        Tokenizer of a loaded model: called with the text, it returns ``input_ids``.
    revision : str or sequence of str, optional
        Revisions of a model by name, such as ``["step1000", "step3000"]``: one row each, with the
        step where the name has one.
    context : int, optional
        Tokens in a window; the longest that the model allows, at most 2,048, by default.
    batch_size : int
        Number of windows evaluated at once.
    device : str, optional
        ``"cpu"`` or ``"cuda"``; a GPU where there is one by default. A loaded model stays where
        it is.
    progress : callable
        Wraps the iterator of batches, such as ``tqdm.tqdm``.

    Returns
    -------
    DataFrame
        A row for each revision: ``model``, ``revision``, ``step``, ``N``, ``N_no_emb``, ``loss``
        (nats per token), ``bits_per_byte``, ``perplexity``, ``context``, ``evaluated_tokens`` and
        ``text_bytes``. How many tokens a model was trained on is not known: add the column ``D``.

    Raises
    ------
    DataError
        If the text is too short, or the model has no finite loss on it.
    ImportError
        If torch or transformers are not installed.
    FileNotFoundError
        If there is no such text.

    Notes
    -----
    Windows overlap by one token, so that every token but the first is predicted once, within its
    window: ``loss = -sum(log p) / tokens`` and ``bits_per_byte = -sum(log2 p) / bytes``. Tokens at
    the beginning of a window have little context, so a longer `context` gives a lower loss.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> row = sl.measure("gpt2", text="held_out.txt")  # doctest: +SKIP
    """
    content = Path(text).read_text(encoding="utf-8")
    revisions = [revision] if revision is None or isinstance(revision, str) else list(revision)
    if not isinstance(model, str | Path) and revisions != [None]:
        raise ValueError("`revision` needs the name of a model; a loaded model is one revision.")
    rows: list[dict[str, Any]] = []
    for name in revisions:
        network, encode = _loaded(model, tokenizer, name, device)
        step = _STEP.fullmatch(name or "")
        rows.append({
            "model": _called(model),
            "revision": name,
            "step": int(step[1]) if step else None,
            **_parameters(network),
            **_evaluate(network, encode(content), content, context, batch_size, progress),
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    return frame.drop(columns=[c for c in ("revision", "step") if frame[c].isna().all()])


def _called(model: Any) -> str:
    if isinstance(model, str | Path):
        return str(model)
    return str(getattr(model, "name_or_path", "") or type(model).__name__)


def _loaded(
    model: Any, tokenizer: Any, revision: str | None, device: str | None
) -> tuple[Any, Callable[[str], list[int]]]:
    """The model, ready to be evaluated, and how it reads a text."""
    if not isinstance(model, str | Path):
        if tokenizer is None:
            raise TypeError("A loaded model needs its `tokenizer`.")
        return model, lambda content: _ids(tokenizer, content)
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise ImportError(
            "Measuring a model needs torch and transformers: pip install 'scalinglaws[measure]'."
        ) from error
    options = {} if revision is None else {"revision": revision}
    reader = tokenizer or AutoTokenizer.from_pretrained(str(model), **options)
    network = AutoModelForCausalLM.from_pretrained(str(model), **options)
    target = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return network.to(target), lambda content: _ids(reader, content)


def _ids(tokenizer: Any, content: str) -> list[int]:
    encoded = tokenizer(content)
    ids = encoded["input_ids"] if not isinstance(encoded, list) else encoded
    return [int(token) for token in ids]


def _parameters(network: Any) -> dict[str, int]:
    """Parameters, each counted once, and those outside embeddings and the head."""
    sizes = {id(p): int(p.numel()) for p in network.parameters()}
    tables = [m for m in network.modules() if type(m).__name__.endswith("Embedding")]
    head = getattr(network, "get_output_embeddings", lambda: None)()
    outer = {id(p) for module in [*tables, *([head] if head is not None else [])]
             for p in module.parameters()}  # fmt: skip
    return {
        "N": sum(sizes.values()),
        "N_no_emb": sum(size for key, size in sizes.items() if key not in outer),
    }


def _evaluate(
    network: Any,
    ids: list[int],
    content: str,
    context: int | None,
    batch_size: int,
    progress: Callable[[Iterator[Any]], Any],
) -> dict[str, float]:
    import torch

    longest = getattr(getattr(network, "config", None), "max_position_embeddings", None) or 2048
    length = context or min(int(longest), 2048)
    if length < 2 or len(ids) < 2:
        raise DataError(
            f"The text has {len(ids)} tokens and the context {length}; 2 and more are needed."
        )
    windows = [ids[at : at + length] for at in range(0, len(ids) - 1, length - 1)]
    batches = [windows[at : at + batch_size] for at in range(0, len(windows), batch_size)]
    device = next(network.parameters()).device
    was_training, total = network.training, 0.0
    network.eval()
    with torch.no_grad():
        for batch in progress(iter(batches)):
            total += _surprise(network, batch, device)
    network.train(was_training)
    if not math.isfinite(total):
        raise DataError("The model's loss on this text is not a number.")
    n_tokens, n_bytes = len(ids) - 1, len(content.encode("utf-8"))
    return {
        "loss": total / n_tokens,
        "bits_per_byte": total / math.log(2) / n_bytes,
        "perplexity": math.exp(min(total / n_tokens, 700.0)),
        "context": length,
        "evaluated_tokens": n_tokens,
        "text_bytes": n_bytes,
    }


def _surprise(network: Any, batch: list[list[int]], device: Any) -> float:
    """Sum of -log p over the predicted tokens of some windows, in nats; short ones are padded."""
    import torch

    width = max(map(len, batch))
    tokens = torch.zeros((len(batch), width), dtype=torch.long)
    targets = torch.full((len(batch), width), -100, dtype=torch.long)
    for row, window in enumerate(batch):
        tokens[row, : len(window)] = torch.tensor(window)
        targets[row, 1 : len(window)] = torch.tensor(window[1:])
    logits = network(input_ids=tokens.to(device)).logits[:, :-1].float()
    return float(
        torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]),
            targets[:, 1:].reshape(-1).to(device),
            ignore_index=-100,
            reduction="sum",
        )
    )
