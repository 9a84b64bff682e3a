"""A tiny model that the test makes is measured into a row of a table of runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scalinglaws as sl

torch = pytest.importorskip("torch", reason="measuring models needs torch")
transformers = pytest.importorskip("transformers", reason="measuring models needs transformers")
pytestmark = pytest.mark.filterwarnings("default")  # those of torch are not ours

TEXT = "Scaling laws: größer, länger, besser. " * 20


def read_bytes(text: str) -> dict[str, list[int]]:
    """A tokenizer with a token for each byte."""
    return {"input_ids": list(text.encode("utf-8"))}


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=256, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=0,
        eos_token_id=0
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "held_out.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_loss_is_that_of_every_token_within_its_window(model: Any, text: Path) -> None:
    ids = torch.tensor(read_bytes(TEXT)["input_ids"])
    total = 0.0
    model.eval()
    with torch.no_grad():
        for at in range(0, len(ids) - 1, 31):
            window = ids[at : at + 32]
            logits = torch.log_softmax(model(input_ids=window[None]).logits[0], dim=-1)
            total -= float(logits[:-1].gather(1, window[1:, None]).sum())
    row = sl.measure(model, text, tokenizer=read_bytes, batch_size=3).iloc[0]
    assert row["loss"] == pytest.approx(total / (len(ids) - 1), rel=1e-6)
    assert row["bits_per_byte"] == pytest.approx(total / math.log(2) / len(ids), rel=1e-6)
    assert row["perplexity"] == pytest.approx(math.exp(row["loss"]))
    assert row[["context", "evaluated_tokens", "text_bytes"]].tolist() == [
        32, len(ids) - 1, len(ids),
    ]  # fmt: skip


def test_parameters_are_those_of_the_shape(model: Any, text: Path) -> None:
    row = sl.measure(model, text, tokenizer=read_bytes).iloc[0]
    shape = sl.Transformer.from_config(model.config.to_dict())
    assert row[["N", "N_no_emb"]].tolist() == [shape.N, shape.N_no_emb]


def test_a_saved_model_and_its_revisions(model: Any, text: Path, tmp_path: Path) -> None:
    """A folder stands for a name on the hub: the same code loads both."""
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    seen: list[int] = []

    def progress(batches: Any) -> Any:
        for number, batch in enumerate(batches):
            seen.append(number)
            yield batch

    runs = sl.measure(
        folder, text, tokenizer=read_bytes, revision=["step1000", "main"], device="cpu", context=16,
        progress=progress,
    )  # fmt: skip
    assert runs["revision"].tolist() == ["step1000", "main"]
    assert runs["step"].tolist()[0] == 1000
    assert runs["loss"].nunique() == 1
    assert seen


def test_what_cannot_be_measured(model: Any, text: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="A loaded model needs its `tokenizer`"):
        sl.measure(model, text)
    with pytest.raises(ValueError, match="`revision` needs the name of a model"):
        sl.measure(model, text, tokenizer=read_bytes, revision="main")
    with pytest.raises(FileNotFoundError):
        sl.measure(model, tmp_path / "none.txt", tokenizer=read_bytes)
    text.write_text("a")
    with pytest.raises(sl.DataError, match="The text has 1 tokens"):
        sl.measure(model, text, tokenizer=read_bytes)


def test_a_training_run_of_the_trainer_is_read_back(model: Any, tmp_path: Path) -> None:
    """Size from the weights beside the log; tokens from FLOPs are those that were trained on."""
    rows = np.random.default_rng(0).integers(0, 256, size=(32, 32))
    data = [{"input_ids": row, "labels": row} for row in rows.tolist()]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "d2"), max_steps=4, per_device_train_batch_size=4,
        logging_steps=1,
        eval_strategy="steps", eval_steps=2, save_steps=2, report_to=[], use_cpu=True,
        disable_tqdm=True, include_num_input_tokens_seen="no",
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=data[:8])
    trainer.train()
    with pytest.warns(sl.DataWarning, match="Guessed: D = total_flos / 6N without embeddings"):
        runs = sl.read_runs(tmp_path / "d2")
    row = runs.iloc[0]
    assert row["run"] == "d2"
    assert row["N"] == model.num_parameters()
    assert row["D"] == 4 * 4 * 32
    assert row["loss"] == trainer.evaluate()["eval_loss"]


def test_a_log_of_tensorboard_is_read_back(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard", reason="needs tensorboard")
    writer = tensorboard.SummaryWriter(tmp_path / "d4")
    for step in range(5):
        writer.add_scalar("eval/loss", 3.0 - step / 8, step)
        writer.add_scalar("tokens", 1024 * step, step)
    writer.close()
    runs = sl.read_runs(tmp_path, N="1M")
    assert runs[["run", "step", "N", "D", "loss"]].to_numpy().tolist() == [
        ["d4", 4, 1e6, 4096, 2.5],
    ]  # fmt: skip
