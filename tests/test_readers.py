"""Logs of trackers and trainers become the table of runs that they stand for."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
import tarfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main

LOGS = Path(__file__).parents[1] / "examples" / "logs"
SIZES = {"d8": 4_200_000, "d12": "12.5M", "d16": 3.4e7}
EXPECTED = pd.read_csv(LOGS / "expected.csv").set_index("run").sort_index()
TRACKERS = ("wandb", "tb", "hf", "trackio", "mlruns")


def read(*args: object, **options: object) -> pd.DataFrame:
    """Without the library's warnings, which have tests of their own."""
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        return sl.read_runs(*args, **options)  # type: ignore[arg-type]


def known_sizes(tracker: str) -> dict[str, object]:
    """N, for the logs that do not have it."""
    return {"N": SIZES} if tracker in {"tb", "hf"} else {}


# --- the five trackers with a known table --------------------------------------------------------


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_folder_becomes_the_expected_table(tracker: str) -> None:
    runs = read(LOGS / tracker, **known_sizes(tracker)).set_index("run").sort_index()
    assert list(runs.index) == list(EXPECTED.index)
    for name, expected in EXPECTED.rename(columns={"steps": "step"}).items():
        np.testing.assert_allclose(runs[name], expected, rtol=1e-6, err_msg=str(name))


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_curve_law_is_fitted_to_the_evaluated_steps(tracker: str) -> None:
    """The logs follow 1.71 + 90 N^-0.3 + 25 D^-0.22 to five digits after the comma."""
    curves = read(LOGS / tracker, every="eval", **known_sizes(tracker))
    assert set(curves["step"] % 200) == {0}
    curves = curves[curves["D"] > 0]
    assert len(curves) == 24
    fit = sl.fit(curves, "chinchilla", scale="level", clusters=None)
    assert fit.params["E"] == pytest.approx(1.71, abs=0.02)
    assert fit.params["alpha"] == pytest.approx(0.3, abs=0.02)
    assert fit.params["beta"] == pytest.approx(0.22, abs=0.01)


def test_settings_and_metrics_of_one_name_are_both_kept() -> None:
    """A logged learning rate ends at 0; what was set stands in the configuration."""
    runs = read(LOGS / "wandb").set_index("run")
    assert runs.loc["d8", "lr"] == 0.003
    assert runs.loc["d8", "logged lr"] == 0
    assert runs.loc["d8", "optimizer.wd"] == 0.1
    source = runs.attrs["source"]
    assert source["columns"]["lr"] == "the configuration"
    assert source["columns"]["loss"] == "'eval/loss' (held-out, loss)"
    assert "D: 'tokens' logged" in str(source)
    assert json.loads(json.dumps(source))["files"] == {"W&B offline run": 3}


def test_every_step_has_the_values_that_it_logged() -> None:
    curves = read(LOGS / "wandb", every="step").query("run == 'd8'")
    assert len(curves) == 61
    assert curves["loss"].notna().sum() == 7
    assert curves["train/loss"].notna().all()
    assert (curves["D"].diff().dropna() == 65_536 * 20).all()
    assert (curves["N"] == 4.2e6).all()


def test_tokens_out_of_flops_are_called_a_guess() -> None:
    with pytest.warns(
        sl.DataWarning, match=r"Guessed: D = total_flos / 6N, embeddings and all \(3 runs\)"
    ):
        sl.read_runs(LOGS / "hf", N=SIZES)
    runs = read(LOGS / "hf", N=SIZES, D="step * 65536")
    assert not runs.attrs["source"]["guessed"]
    assert set(runs["D"]) == set(EXPECTED["D"])


def test_what_no_log_has_is_asked_for() -> None:
    with pytest.warns(
        sl.DataWarning, match=r"N is not in the logs of d12, d16 and d8. Give it: N="
    ):
        runs = sl.read_runs(LOGS / "tb")
    assert runs["N"].isna().all()


# --- other layouts -------------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


MEGATRON = """\
using world size: 8
  seq_length ...................................... 2048
  lr .............................................. 0.0003
 > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 30000000
 > number of parameters on (tensor, pipeline) model parallel rank (0, 1): 34000000
 [2026-01-01 10:00:00] iteration  100/ 200 | consumed samples: 51200 | elapsed time per iteration \
(ms): 95.1/96.0 | learning rate: 1.2E-04 | global batch size: 512 | lm loss: 2.5E+00 | loss scale: \
1.0 | grad norm: 0.5 | number of skipped iterations:   0 |
 validation loss at iteration 100 | lm loss value: 2.6E+00 | lm loss PPL: 1.3E+01 |
 [2026-01-01 10:01:00] iteration  200/ 200 | consumed samples: 102400 | lm loss: 2.2E+00 |
 validation loss at iteration 200 | lm loss value: 2.3E+00 | lm loss PPL: 9.97E+00 |
"""


def test_megatron_tokens_are_samples_times_the_length_in_its_arguments(tmp_path: Path) -> None:
    path = write(tmp_path, "big.log", MEGATRON)
    runs = sl.read_runs(path)
    assert runs.loc[0, ["run", "step", "N", "D", "loss", "lr"]].tolist() == [
        "big", 200, 64e6, 102400 * 2048, 2.3, 3e-4,
    ]  # fmt: skip
    assert "'consumed samples' logged times 'seq_length' configured" in str(runs.attrs["source"])
    assert sl.read_runs(path, metric="lm loss")["loss"].tolist() == [2.2]


def test_a_megatron_log_without_arguments_asks_for_tokens(tmp_path: Path) -> None:
    lines = "".join(line for line in MEGATRON.splitlines(keepends=True) if "iteration" in line)
    path = write(tmp_path, "big.log", lines)
    with pytest.warns(sl.DataWarning, match="D is not in the logs of big"):
        sl.read_runs(path, N="64M")
    runs = sl.read_runs(path, N="64M", D="consumed samples * 2K", every="eval")
    assert runs["D"].tolist() == [51200 * 2000, 102400 * 2000]


def test_gpt_neox_console(tmp_path: Path) -> None:
    text = (
        " samples/sec: 10.000 | iteration      100/     200 | elapsed time per iteration (ms): "
        "95.0 | learning rate: 3.0E-04 | approx flops per GPU: 50.1TFLOPS | lm_loss: 3.1E+00 |\n"
        " validation results at iteration 100 | lm_loss value: 3.2E+00 | lm_loss_ppl value: 9E0 |\n"
    )
    runs = sl.read_runs(write(tmp_path, "neox.txt", text), N="160M", D="step * 2M")
    assert runs[["D", "loss"]].to_numpy().tolist() == [[2e8, 3.2]]


def test_torchtitan_console_with_colours(tmp_path: Path) -> None:
    text = (
        "[titan] - root - INFO - Model llama3 size: 6,139,136 total parameters\n"
        "[titan] - \x1b[31mstep: 10 \x1b[32m loss:  4.1234 \x1b[0m grad_norm: 1.2  memory: 1GiB(1%)"
        "  tps: 12,345  tflops: 1.0  mfu: 3.1%\n"
        "[titan] - validate step: 10  loss: 4.2000  memory: 1.0GiB  tps: 20,000\n"
    )
    runs = sl.read_runs(write(tmp_path, "titan.log", text), D="step * 4096")
    assert runs[["N", "D", "loss", "tps"]].to_numpy().tolist() == [[6139136, 40960, 4.2, 12345]]


def test_nanochat_report(tmp_path: Path) -> None:
    text = (
        "# nanochat training report\n\n## Base model training\n- run: d16\n- depth: 16\n"
        "- Number of parameters: 536,872,992\n- Number of training tokens: 2,466,250,752\n"
        "- Tokens : Scaling params ratio: 10.4999\n- Minimum validation bpb: 0.8350\n"
        "- Final validation bpb: 0.8359\n- Total training flops: 4.096336e+18\n"
    )
    runs = sl.read_runs(write(tmp_path, "report.md", text))
    assert runs.loc[0, ["run", "N", "D", "C", "loss", "depth"]].tolist() == [
        "d16", 536872992, 2466250752, 4.096336e18, 0.8359, 16,
    ]  # fmt: skip
    assert "bits per byte" in runs.attrs["source"]["columns"]["loss"]


def test_a_sweep_of_nanochat_stays_the_table_that_it_is(tmp_path: Path) -> None:
    header = "flops_budget,depth,params_transformer,params_total,tokens_trained,val_bpb"
    path = write(
        tmp_path, "results.csv", f"{header}\n1e18,8,3e7,9e7,5e9,1.01\n1e18,9,6e7,1.2e8,2e9,1\n"
    )
    assert list(sl.read_runs(path)) == header.split(",")


def test_a_runs_table_with_units_in_its_names_gains_plain_counts(tmp_path: Path) -> None:
    path = write(
        tmp_path, "runs.csv",
        "Name,Model Size (B),Pretraining Data Size (T),throughput/total_gflops,eval/bpb\n"
        "a,7,1.4,5.9e13,0.8\n",
    )  # fmt: skip
    runs = sl.read_runs(path)
    assert runs.loc[0, ["N", "D", "C"]].tolist() == [7e9, 1.4e12, 5.9e22]
    assert runs.attrs["source"]["columns"]["C"] == "'throughput/total_gflops' times 1e9"


def test_a_chart_of_wandb_has_a_run_in_each_column(tmp_path: Path) -> None:
    text = (
        '"Step","Group: 70M_a - test/lm_loss","Group: 70M_a - test/lm_loss__MIN",'
        '"Group: 70M_a - test/lm_loss__MAX","Group: 1-4B_b - test/lm_loss",'
        '"Group: 1-4B_b - test/lm_loss__MIN","Group: 1-4B_b - test/lm_loss__MAX"\n'
        '10,3.2,3.1,3.3,"","",""\n20,3.0,2.9,3.1,2.2,2.1,2.3\n'
    )
    path = write(tmp_path, "wandb_export.csv", text)
    runs = sl.read_runs(path, N=r"^([\d-]+[MB])_", D="step * 2097152")
    assert runs[["run", "step", "N", "loss"]].to_numpy().tolist() == [
        ["70M_a", 20, 7e7, 3.0], ["1-4B_b", 20, 1.4e9, 2.2],
    ]  # fmt: skip
    assert len(sl.read_runs(path, every="eval", N=1, D=1)) == 3
    plain = write(tmp_path, "plain.csv", "Step,a - val/loss,b - val/loss\n1,3,4\n2,2,\n")
    assert sl.read_runs(plain, N=1, D=1)["loss"].tolist() == [2, 4]


def test_the_published_chart_gives_the_published_fit(data: Path) -> None:
    folder = data.parent / "cases"
    if not folder.exists():
        pytest.skip("the chart is not beside the public run tables")
    path, long = folder / "wandb_wide_export.csv", folder / "wandb_long_expected.csv"
    runs = sl.read_runs(path, N=r"^([\d-]+[MB])_", D="step * 2097152").set_index("run").sort_index()
    expected = pd.read_csv(long)
    names = expected["size"] + "_" + expected["steps"].astype(str) + "step"
    for name, d, loss in zip(names, expected["D"], expected["loss"], strict=True):
        row = runs.loc[[run.startswith(name) for run in runs.index]].iloc[0]
        assert (row["D"], row["loss"]) == (d, loss)
    fit = sl.fit(runs.reset_index(), "chinchilla", objective="squared", clusters=None)
    for name, value in {"E": 1.788, "alpha": 0.710, "beta": 0.560}.items():
        assert fit.params[name] == pytest.approx(value, abs=5e-4)


OLMO = """\
_step,throughput/total_tokens,throughput/total_training_Gflops,eval/c4/CrossEntropyLoss
10,1e6,2e5,
20,2e6,4e5,3.1
30,3e6,6e5,
"""
LITGPT = """\
loss,iter,step,epoch,iter_time,tokens,total_tokens,total_gflops,val_loss
3.3,9,10,0,0.1,5e5,1e6,2e5,
3.0,19,20,0,0.1,1e6,2e6,4e5,
,19,20,0,,,,,3.1
2.9,29,30,0,0.1,1.5e6,3e6,6e5,
"""


@pytest.mark.parametrize(
    ("name", "text"), [("190M-1xC.csv", OLMO), ("190M-1xC/metrics.csv", LITGPT)]
)
def test_tokens_belong_to_the_step_of_the_loss(name: str, text: str, tmp_path: Path) -> None:
    """OLMo's ladder and LitGPT: the last evaluation is older than the last row."""
    runs = sl.read_runs(write(tmp_path, name, text), N=r"(\d+M)")
    assert runs.loc[0, ["run", "step", "N", "D", "C", "loss"]].tolist() == [
        "190M-1xC", 20, 1.9e8, 2e6, 4e14, 3.1,
    ]  # fmt: skip


def test_lightning_has_its_settings_beside_the_metrics(tmp_path: Path) -> None:
    text = "epoch,step,train_loss,val_loss\n0,9,3.2,\n0,9,,3.3\n1,19,3.0,\n1,19,,3.1\n"
    for name in ("d8", "d12"):
        write(tmp_path, f"{name}/version_0/metrics.csv", text)
        write(tmp_path, f"{name}/version_0/hparams.yaml", "n_params: 4200000\nlr: 0.003\n")
    runs = sl.read_runs(tmp_path, D="step * 1000")
    assert runs[["run", "step", "N", "D", "loss", "lr"]].to_numpy().tolist() == [
        ["d12", 19, 4.2e6, 19000, 3.1, 0.003], ["d8", 19, 4.2e6, 19000, 3.1, 0.003],
    ]  # fmt: skip


def test_downloads_of_tensorboard_are_one_run_each(tmp_path: Path) -> None:
    for tag, last in (("eval_loss", 3.0), ("tokens", 2e6)):
        text = f"Wall time,Step,Value\n1.0,1,9\n2.0,2,{last}\n"
        write(tmp_path, f"run-a-tag-{tag}.csv", text)
    runs = sl.read_runs(tmp_path, N=1e6)
    assert runs[["run", "D", "loss"]].to_numpy().tolist() == [["a", 2e6, 3.0]]


def test_a_history_of_several_runs_and_a_table_of_checkpoints_differ(tmp_path: Path) -> None:
    """The tracker's own step makes a history; a table that a user made stays as it is."""
    history = write(tmp_path, "h.csv", "_step,name,val/loss\n1,a,3\n2,a,2.5\n1,b,4\n")
    assert read(history)[["run", "loss"]].to_numpy().tolist() == [["a", 2.5], ["b", 4]]
    table = write(tmp_path, "t.csv", "run,step,epoch,N,D,loss\na,1,0,5,6,3\na,2,0,5,12,2.5\n")
    assert len(sl.read_runs(table)) == 2
    with pytest.raises(
        sl.DataError, match=r"every='eval' needs a log with steps; .*t.csv is a table"
    ):
        sl.read_runs(table, every="eval")


def test_lm_eval_results_of_checkpoints_are_a_curve(tmp_path: Path) -> None:
    for step, bits in ((1000, 1.2), (3000, 1.0)):
        document = {
            "results": {"wikitext": {"alias": "wikitext", "bits_per_byte,none": bits,
                                     "bits_per_byte_stderr,none": "N/A", "acc,none": 0.5}},
            "config": {"model_num_parameters": 70426624, "limit": None,
                       "model_args": f"pretrained=EleutherAI/pythia-70m,revision=step{step}"},
        }  # fmt: skip
        write(tmp_path, f"m/results_{step}.json", json.dumps(document))
    runs = sl.read_runs(tmp_path, every="eval", D="step * 2097152")
    assert runs["run"].unique().tolist() == ["EleutherAI/pythia-70m"]
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [
        [70426624, 1000 * 2**21, 1.2], [70426624, 3000 * 2**21, 1.0],
    ]  # fmt: skip
    assert read(tmp_path, metric="eval/wikitext/acc")["loss"].tolist() == [0.5]


@pytest.mark.parametrize(
    "lines",
    [
        [{"config": {"trainer": {"seed": 1}}, "summary": {
            "parameter_count": 1e8, "throughput/total_tokens": 2e9,
            "throughput/total_gflops": 1.2e9, "eval/paloma/macro_loss": 3.1,
            "eval/paloma/c4_en/loss": 3.3}}],
        [{"tracker": "t", "event": "hparams", "hparams": {"trainer": {"seed": 1}}},
         {"tracker": "t", "step": 9, "metrics": {"throughput/total_tokens": 2e9,
          "throughput/total_gflops": 1.2e9, "parameter_count": 1e8, "eval/paloma/macro_loss": 3.1,
          "eval/paloma/c4_en/loss": 3.3}}],
    ],
)  # fmt: skip
def test_levanter_metrics(lines: list[object], tmp_path: Path) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    runs = sl.read_runs(write(tmp_path, "isoflop-1e18/tracker_metrics.jsonl", text))
    assert runs.loc[0, ["run", "N", "D", "C", "loss", "trainer.seed"]].tolist() == [
        "isoflop-1e18", 1e8, 2e9, 1.2e18, 3.1, 1,
    ]  # fmt: skip


def test_a_wandb_folder_with_summary_and_configuration(tmp_path: Path) -> None:
    summary = {"_step": 7, "_runtime": 3, "eval/loss": 3.2, "tokens": 1e9, "_wandb": {"runtime": 3}}
    write(tmp_path, "run-1/files/wandb-summary.json", json.dumps(summary))
    write(
        tmp_path, "run-1/files/config.yaml",
        "wandb_version: 1\n\nmodel:\n  desc: null\n  value:\n    n_params: 1e6\n    layers:\n"
        "    - 1\n    - 2\nlr:\n  value: 0.1\n_wandb:\n  value:\n    t: 'x'\n",
    )  # fmt: skip
    runs = sl.read_runs(tmp_path)
    assert runs.loc[0, ["run", "step", "N", "D", "loss", "lr", "model.layers"]].tolist() == [
        "run-1", 7, 1e6, 1e9, 3.2, 0.1, "[1, 2]",
    ]  # fmt: skip


def test_run_objects_of_the_wandb_api() -> None:
    """Duck-typed: nothing is imported; the whole history is scanned."""

    class Run:
        name, id = "d8", "abc"
        config = {"n_params": {"value": 1e6, "desc": None}, "lr": 0.1}  # noqa: RUF012
        summary = {"val/loss": 2.0, "_wandb": {}}  # noqa: RUF012

        def scan_history(self) -> list[dict[str, object]]:
            return [{"_step": 1, "val/loss": 3.0, "tokens": 10}, {"_step": 2, "val/loss": 2.5},
                    {"_step": 3, "val/loss": None, "tokens": 30}]  # fmt: skip

    runs = sl.read_runs([Run()])
    assert runs.loc[0, ["run", "step", "N", "D", "loss"]].tolist() == ["d8", 2, 1e6, 20, 2.5]


def test_trainer_checkpoints_get_their_size_from_the_weights_beside_them(tmp_path: Path) -> None:
    state = {"global_step": 2, "log_history": [{"step": 2, "eval_loss": 3.0}], "total_flos": 2.4e9}
    write(tmp_path, "a/checkpoint-2/trainer_state.json", json.dumps(state))
    header = json.dumps({
        "__metadata__": {}, "model.embed_tokens.weight": {"dtype": "F32", "shape": [100, 10]},
        "model.layers.0.weight": {"dtype": "F32", "shape": [50, 20]},
    }).encode()  # fmt: skip
    weights = tmp_path / "a/checkpoint-2/model.safetensors"
    weights.write_bytes(len(header).to_bytes(8, "little") + header)
    runs = read(tmp_path)
    assert runs.loc[0, ["run", "N", "N_no_emb", "D"]].tolist() == ["a", 2000, 1000, 400_000]


def test_size_is_counted_from_the_shape_in_a_configuration(tmp_path: Path) -> None:
    config = {
        "model_type": "gpt2", "n_embd": 8, "n_layer": 2, "n_head": 2, "vocab_size": 16,
        "n_positions": 4,
    }  # fmt: skip
    state = {"global_step": 2, "log_history": [{"step": 2, "eval_loss": 3.0}]}
    write(tmp_path, "trainer_state.json", json.dumps(state))
    write(tmp_path, "config.json", json.dumps(config))
    runs = read(tmp_path)
    assert runs.loc[0, "N"] == sl.Transformer.from_config(config).N
    assert runs.attrs["source"]["columns"]["N"] == "counted from the shape in the configuration"


# --- the loss, N and D ---------------------------------------------------------------------------


def history(folder: Path, name: str = "h.csv", **columns: list[object]) -> Path:
    """A history as W&B exports it."""
    frame = pd.DataFrame({"_step": range(1, 1 + len(next(iter(columns.values())))), **columns})
    path = folder / name
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["train/loss", "eval/loss", "eval/c4/loss"], "eval/loss"),
        (["loss", "val_bpb"], "val_bpb"),
        (["train_loss", "test_loss", "val_loss"], "val_loss"),
        (["loss", "best_val_loss", "grad_norm", "loss_scale", "z_loss"], "loss"),
        (["metrics/eval/LanguageCrossEntropy", "metrics/eval/LanguagePerplexity"],
         "metrics/eval/LanguageCrossEntropy"),
        (["lm loss validation", "lm loss validation ppl", "lm loss validation vs samples"],
         "lm loss validation"),
    ],
)  # fmt: skip
def test_held_out_before_training_and_loss_before_bits(
    names: list[str], chosen: str, tmp_path: Path
) -> None:
    path = history(tmp_path, **{name: [2.0 + k] for k, name in enumerate(names)})
    runs = read(path)
    assert runs["loss"].tolist() == [2.0 + names.index(chosen)]
    assert repr(chosen) in runs.attrs["source"]["columns"]["loss"]


def test_a_training_loss_is_taken_with_a_warning(tmp_path: Path) -> None:
    path = history(tmp_path, **{"train/loss": [3.0]})
    with pytest.warns(sl.DataWarning, match="No held-out loss in 1 run: .* 'train/loss' is taken"):
        sl.read_runs(path, N=1, D=1)


def test_equal_candidates_are_not_chosen_between(tmp_path: Path) -> None:
    path = history(tmp_path, **{"eval/c4/loss": [3.0, 2.0], "eval/pile/loss": [2.0, 1.5]})
    with pytest.warns(sl.DataWarning, match="Several metrics could be the loss: .*c4.* and .*pile"):
        runs = sl.read_runs(path, N=1, D=1)
    assert "loss" not in runs
    assert runs.loc[0, ["eval/c4/loss", "eval/pile/loss"]].tolist() == [2.0, 1.5]
    assert sl.read_runs(path, metric="*c4*", N=1, D=1)["loss"].tolist() == [2.0]
    with pytest.raises(sl.DataError, match=r"metric='eval/\*' fits .*give one of them"):
        sl.read_runs(path, metric="eval/*")
    with pytest.raises(
        sl.DataError, match="No run has the metric 'mmlu'; they have 'eval/c4/loss'"
    ):
        sl.read_runs(path, metric="mmlu")


def test_logs_without_evaluations_have_no_evaluated_steps(tmp_path: Path) -> None:
    path = history(tmp_path, lr=[0.1, 0.2])
    with pytest.raises(sl.DataError, match="No run has a step with a loss; name a metric"):
        sl.read_runs(path, every="eval")
    assert len(read(path, every="step")) == 2


def test_losses_in_different_units_are_told(tmp_path: Path) -> None:
    history(tmp_path, "a.csv", **{"val/loss": [3.0]})
    history(tmp_path, "b.csv", **{"val/bpb": [1.0]})
    with pytest.warns(sl.DataWarning, match="losses in different units: 'val/bpb' .bits per byte"):
        sl.read_runs(tmp_path, N=1, D=1)


def test_a_run_that_diverged_says_so(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"tracker": "t", "step": 1, "metrics": {"eval/loss": 3.0}}\n'
        '{"tracker": "t", "step": 2, "metrics": {"eval/loss": NaN}}\n'
    )
    runs = sl.read_runs(path, N=1, D=1)
    assert runs[["step", "loss"]].to_numpy().tolist() == [[1, 3.0]]
    assert any("at step 2, is no number" in note for note in runs.attrs["source"]["notes"])


def test_counts_of_parameters_that_differ_are_both_kept(tmp_path: Path) -> None:
    record = {"config": {"n_params": 2e6, "num_parameters": 3e6, "non_embedding_params": 1e6},
              "summary": {"_step": 1, "val/loss": 3.0, "tokens": 1e9}}  # fmt: skip
    path = write(tmp_path, "metrics.jsonl", json.dumps(record))
    runs = sl.read_runs(path)
    assert runs.loc[0, ["N", "num_parameters", "non_embedding_params"]].tolist() == [2e6, 3e6, 1e6]
    notes = str(runs.attrs["source"]["notes"])
    assert "'num_parameters' in the configuration has other values" in notes
    assert "'non_embedding_params' counts other parameters and is kept" in notes


@pytest.mark.parametrize(
    ("tokens", "why"),
    [([1e6, 2e6, 1.5e6], "falls at times"), ([5e5, 5e5, 5e5], "is the same at every step")],
)
def test_rates_and_batch_sizes_are_not_taken_for_tokens(
    tokens: list[object], why: str, tmp_path: Path
) -> None:
    path = history(tmp_path, **{"val/loss": [3.0, 2.5, 2.0], "throughput/tokens": tokens})
    runs = read(path, N=1)
    assert runs["D"].isna().all()
    assert f"'throughput/tokens' {why}, so it is not taken for D" in str(runs.attrs["source"])


@pytest.mark.parametrize(
    "given",
    [
        {"a": "2M"}, lambda row: 2e6 if row["run"] == "a" else 0, 2_000_000, "2M", "sizes.csv",
        "sizes.json",
    ],
)  # fmt: skip
def test_ways_to_give_a_count(
    given: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "sizes.csv", "run,N\na,2M\n")
    write(tmp_path, "sizes.json", '{"a": 2000000.0}')
    path = history(tmp_path, "a.csv", **{"val/loss": [3.0]})
    assert sl.read_runs(path, N=given, D=1)["N"].tolist() == [2e6]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"b": 1}, sl.DataError, "N= has no value for run 'a'; it has b"),
        ({"a": "many"}, sl.DataError, "N cannot be 'many': 'many' is not a number"),
        (r"(\d+)M", sl.DataError, "finds no number in the run's name 'a'"),
        ("some size", sl.DataError, "no number, no file, no 'column . number', and as a pattern"),
        ("([", sl.DataError, "is no number, file or pattern"),
        ("width * 3", sl.DataError, "run 'a' has no column 'width'; it has run, step"),
        ([1, 2], TypeError, "`N` must be a number, a mapping from run to number"),
    ],
)
def test_counts_that_cannot_be_given(
    given: object, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = history(tmp_path, "a.csv", **{"val/loss": [3.0]})
    with pytest.raises(error, match=message):
        sl.read_runs(path, N=given, D=1)  # type: ignore[arg-type]


def test_a_total_is_spread_over_the_steps(tmp_path: Path) -> None:
    path = history(tmp_path, "a.csv", **{"val/loss": [3.0, 2.5]})
    curves = sl.read_runs(path, N=1, D={"a": 4e9}, every="eval")
    assert curves["D"].tolist() == [2e9, 4e9]
    assert "the total in proportion to the step" in curves.attrs["source"]["columns"]["D"]


def test_a_product_is_taken_at_the_step_of_the_loss(tmp_path: Path) -> None:
    """Samples may be logged at other steps than losses."""
    columns = {"val/loss": [None, 3.0, None], "samples": [100, None, 300]}
    path = history(tmp_path, "a.csv", **columns)  # type: ignore[arg-type]
    for every in (None, "eval"):
        runs = sl.read_runs(path, N=1, D="samples * 10", every=every)  # type: ignore[arg-type]
        assert runs["D"].tolist() == [2000]


def test_counts_are_added_to_a_table_when_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "run,steps,ppl\na-1B,10,9\n")
    runs = sl.read_runs(path, N=r"(\d+B)", D="steps * 1K", metric="ppl")
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [[1e9, 1e4, 9]]
    with pytest.raises(sl.DataError, match="No column 'bleu', named by `metric`"):
        sl.read_runs(path, metric="bleu")


# --- restarts, archives and many files ------------------------------------------------------------


def test_restarts_are_merged_by_step_and_the_later_wins(tmp_path: Path) -> None:
    for number, (first, loss) in enumerate([(1, 9.0), (2, 3.0)]):
        rows = [{"step": step, "eval_loss": loss} for step in range(first, first + 2)]
        state = {"global_step": first + 1, "log_history": rows}
        write(tmp_path, f"a/checkpoint-{number}/trainer_state.json", json.dumps(state))
    curves = read(tmp_path, every="step")
    assert curves["loss"].tolist() == [9.0, 3.0, 3.0]
    assert "1 values were logged again" in str(curves.attrs["source"])


def test_event_files_of_a_restart_are_one_run(tmp_path: Path) -> None:
    """The later file by the clock in it, not by its name, wins at the steps that both have."""
    for number, name in enumerate(("d12", "d8")):
        source = next((LOGS / "tb" / name).iterdir())
        (tmp_path / f"events.out.tfevents.{number}.host").write_bytes(source.read_bytes())
    runs = read(tmp_path, every="eval")
    assert runs["loss"].tolist() == read(LOGS / "tb" / "d12", every="eval")["loss"].tolist()
    assert "values were logged again" in str(runs.attrs["source"])


def test_a_database_of_mlflow(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("""
            CREATE TABLE runs (run_uuid TEXT, name TEXT);
            CREATE TABLE metrics (
                run_uuid TEXT, key TEXT, value REAL, timestamp INTEGER, step INTEGER, is_nan INTEGER
            );
            CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT);
            INSERT INTO runs VALUES ('u1', 'd8');
            INSERT INTO params VALUES ('u1', 'n_params', '4.2M'), ('u1', 'lr', '0.003');
            INSERT INTO metrics VALUES ('u1', 'eval_loss', 3.5, 1, 10, 0),
                ('u1', 'eval_loss', 3.0, 2, 20, 0), ('u1', 'eval_loss', 0, 3, 30, 1),
                ('u1', 'tokens', 1e9, 2, 20, 0);
        """)
    runs = sl.read_runs(path)
    assert runs.loc[0, ["run", "step", "N", "D", "loss", "lr"]].tolist() == [
        "d8", 20, 4.2e6, 1e9, 3.0, 0.003,
    ]  # fmt: skip


def test_what_a_running_tracker_has_in_its_journal_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ladder.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE metrics (id INTEGER, run_id, run_name, step, metrics)")
        database.execute("""INSERT INTO metrics VALUES (1, 'a', 'd8', 5, '{"eval/loss": 3.0}')""")
        database.commit()
        before = sorted(file.name for file in tmp_path.iterdir())
        assert read(path)["loss"].tolist() == [3.0]
        assert sorted(file.name for file in tmp_path.iterdir()) == before


def test_parquet_and_frames_of_others(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    expected = pd.read_csv(LOGS / "expected.csv")
    expected.to_parquet(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(sl.read_runs(tmp_path / "runs.parquet"), expected)


def test_runs_of_one_name_stay_apart(tmp_path: Path) -> None:
    for place in ("a", "b"):
        shutil.copytree(LOGS / "tb" / "d8", tmp_path / place / "d8")
    runs = read(tmp_path, N=1e6)
    assert runs["run"].nunique() == 2
    assert runs["run"].str.startswith("d8 (").all()


def test_archives_and_data_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    """Checkpoints of PyTorch are zip files, and large."""
    shutil.copytree(LOGS / "tb" / "d8", tmp_path / "d8")
    shutil.make_archive(str(tmp_path / "d8" / "optimizer"), "zip", LOGS / "hf")
    with (tmp_path / "d8" / "corpus.jsonl").open("wb") as file:
        file.write(b'{"text": 1}\n')
        file.truncate(2**31 + 1)  # takes no room on the disk
    runs = read(tmp_path, N=1)
    assert len(runs) == 1
    assert "corpus.jsonl: too large for a log" in str(runs.attrs["source"])
    assert "an archive in a folder; name it to have it read" in str(runs.attrs["source"])


@pytest.mark.parametrize("kind", ["zip", "gztar", "tar"])
def test_an_archive_is_read_as_its_folder(kind: str, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "logs"), kind, LOGS)
    runs = read(archive, N=lambda row: SIZES[row["run"].split()[0]])
    assert len(runs) == 15
    assert set(runs["loss"].round(5)) == set(EXPECTED["loss"])


def test_paths_of_an_archive_that_lead_outside_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "logs.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("../outside.csv", "/outside.csv", "inside.csv"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"N\n1\n2"))
        link = tarfile.TarInfo("link.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    runs = sl.read_runs(path)
    assert runs["N"].tolist() == [1, 2]
    skipped = runs.attrs["source"]["skipped"]
    assert sum("outside the archive" in text for text in skipped) == 2
    assert sum("link.csv: a link or device" in text for text in skipped) == 1


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 2**27)
    with pytest.raises(sl.DataError, match=r"bomb\.zip unpacks to more than 64 MiB"):
        sl.read_runs(path)


def test_lists_patterns_and_workers_give_the_same_table() -> None:
    whole = read(LOGS / "wandb")
    files = sorted((LOGS / "wandb").glob("*/*.wandb"))
    for path in (files, str(LOGS / "wandb" / "*" / "*.wandb"), [LOGS / "wandb", *files]):
        pd.testing.assert_frame_equal(read(path), whole)
    pd.testing.assert_frame_equal(read(LOGS / "wandb", workers=map), whole)


def test_a_folder_of_tables_names_their_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"{name}.csv", "N,loss\n1,2\n")
    write(tmp_path, "notes.md", "These are two tables.\n")
    write(tmp_path, "plot.py", "import this, that\nprint(1, 2)\n")
    runs = sl.read_runs(tmp_path)
    assert runs["file"].tolist() == [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    assert runs.attrs["source"]["skipped"] == [
        f"{tmp_path / 'notes.md'}: no log of a known layout",
        f"{tmp_path / 'plot.py'}: no column for N, D, C or a loss",
    ]


def test_a_thousand_event_files_are_read_in_two_seconds(tmp_path: Path) -> None:
    """10 MB in all; processor time, and the best of three, since the machine may be shared."""
    content = next((LOGS / "tb" / "d12").iterdir()).read_bytes()[:10_000]
    for number in range(1000):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "events.out.tfevents.1").write_bytes(content)
    for _ in range(3):
        start = time.process_time()
        runs = read(tmp_path, N=1e6)
        taken = time.process_time() - start
        if taken < 2:
            break
    assert len(runs) == 1000
    assert taken < 2


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"N,D,loss\n", "a.csv has no rows"),
        ("a.csv", b"N,loss\n1,2\n3,4,5,6\n", "a.csv cannot be read as csv: .*line 3"),
        ("a.csv", "größe,loss\n1,2\n".encode("latin-1"), "is not UTF-8 text .invalid"),
        ("a.txt", b"Dear reader, hello.\n", ""),
        ("a.txt", b"hello my friend\n", "neither a known log nor a table with separators"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0", "a.csv is a PNG picture and none of the known logs"),
        ("a.bin", bytes(range(256)), "is binary and none of the known logs and tables"),
        ("a.json", b'{"law": "x", "params": {"a": 1}}', "list of rows.*a saved fit is none"),
        ("a.json", b'[{"N": 1}, {"N": ', "is JSON cut off in the middle, at byte 17"),
        ("a.json", b'[{"N": 1}, {"N": oops}]', "cannot be read as json: Expecting value"),
        ("a.json", b"[" * 200_000, "cannot be read as json: it is nested too deep"),
        ("a.jsonl", b'{"N": 1}\n{"N": 2}\n{"N": ', "line 3 is no JSON .* cut off there"),
        ("trainer_state.json", b'{"log_history": [{"step": 1', "json that is cut off"),
        ("a.csv.gz", b"\x1f\x8b\x08\0nothing", "cannot be unpacked"),
        ("a.zip", b"PK\x03\x04nothing", "cannot be unpacked"),
        ("a.db", b"SQLite format 3\0" + b"x" * 1000, "is a damaged SQLite database"),
        ("run-a.wandb", b":W&B\xe1\xbe\0" + b"x" * 500, "a W&B file without a readable record"),
        ("a.parquet", b"PAR1 nothing PAR1", "cannot be read|needs a package"),
    ],
)  # fmt: skip
def test_damaged_files(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if not message:  # a comma makes a table of one column and no rows
        message = "has no rows"
    with pytest.raises(sl.DataError, match=message):
        sl.read_runs(path)


def test_a_damaged_file_stops_or_is_skipped(tmp_path: Path) -> None:
    shutil.copytree(LOGS / "hf", tmp_path / "hf")
    (tmp_path / "hf" / "d8" / "checkpoint-1200" / "trainer_state.json").write_text(
        '{"log_history": ['
    )
    with pytest.raises(sl.DataError, match=r"d8.*trainer_state\.json that is cut off"):
        read(tmp_path, N=SIZES)
    with pytest.warns(sl.DataWarning, match="1 file could not be read: .*d8"):
        runs = sl.read_runs(tmp_path, N=SIZES, D="step * 65536", on_error="skip")
    assert sorted(runs["run"]) == ["d12", "d16"]
    assert "cut off" in runs.attrs["source"]["skipped"][0]


def test_flipped_bytes_cost_their_records_only(tmp_path: Path) -> None:
    """Checksums of both binary logs are checked; the rest is read and the damage is told."""
    for source in (next((LOGS / "tb" / "d8").glob("*")), next((LOGS / "wandb").glob("*/*.wandb"))):
        content = bytearray(source.read_bytes())
        content[len(content) // 2] ^= 255
        path = tmp_path / source.name
        path.write_bytes(content[:-5])
        runs = read(path)
        assert "1 damaged record" in str(runs.attrs["source"])


def test_encodings_with_a_mark_are_read(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        path = tmp_path / f"{encoding}.csv"
        path.write_bytes("N;loss\n1;2\n".encode(encoding))
        assert sl.read_runs(path).to_numpy().tolist() == [[1, 2]]


def test_nested_json_becomes_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.json", '{"about": "x", "runs": [{"model": {"N": 1, "D": 2}, "loss": 3}]}'
    )
    assert sl.read_runs(path).to_dict("records") == [{"model.N": 1, "model.D": 2, "loss": 3}]
    path = write(tmp_path, "b.json", '{"N": {"0": 1, "1": 2}, "loss": {"0": 3, "1": 4}}')
    assert sl.read_runs(path)["loss"].tolist() == [3, 4]


def test_what_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.csv", str(tmp_path / "*.csv")):
        with pytest.raises(FileNotFoundError, match=r"There is no file|No file matches"):
            sl.read_runs(path)
    with pytest.raises(sl.DataError, match="holds 0 files, none of them a known log or table"):
        sl.read_runs(tmp_path)
    with pytest.raises(sl.DataError, match="is a web address; download it"):
        sl.read_runs("https://example.org/runs.csv")
    with pytest.raises(sl.DataError, match="the list of paths is empty"):
        sl.read_runs([])
    with pytest.raises(ValueError, match="`every` must be 'eval' or 'step'; got 'evals'"):
        sl.read_runs(tmp_path, every="evals")  # type: ignore[arg-type]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, overwritten, with huge lengths, doubled, with deep or binary insertions."""
    place = int(rng.integers(len(content)))
    head, tail = content[:place], content[place:]
    noise = rng.bytes(int(rng.integers(1, 64)))
    return [
        head,
        head + noise + tail[len(noise) :],
        head + (2 ** int(rng.choice([31, 60, 63]))).to_bytes(8, "little") + tail[8:],
        head + head[-500:] + tail,
        head + tail[int(rng.integers(1, 500)) :],
        head + rng.choice([b"[", b'{"a":', b"\0", b"1e400", b"9", b'"', b"\n", b","]) * 5000 + tail,
    ][int(rng.integers(6))]  # fmt: skip


@pytest.mark.parametrize("tracker", [*TRACKERS, "results.csv"])
def test_mutated_logs_are_read_or_refused(tracker: str, tmp_path: Path) -> None:
    """No hang, and no error but the library's own; other files of the folder are not lost."""
    rng = np.random.default_rng(7)
    folder = tmp_path / "logs"
    if tracker in TRACKERS:
        shutil.copytree(LOGS / tracker, folder)
    else:
        write(folder, tracker, (LOGS / "expected.csv").read_text())
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for _ in range(25):
        file = files[int(rng.integers(len(files)))]
        content = file.read_bytes()
        file.write_bytes(mutate(content, rng))
        for path, every in ((file, None), (folder, "eval"), (folder, None)):
            with contextlib.suppress(sl.DataError):
                assert str(read(path, every=every, on_error="skip").attrs["source"])
        file.write_bytes(content)


# --- the terminal --------------------------------------------------------------------------------


def test_the_terminal_reads_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs.csv"
    arguments = ["read", str(LOGS / "tb"), "--every", "eval", "--N", str(tmp_path / "sizes.csv")]
    write(tmp_path, "sizes.csv", "run,N\nd8,4.2M\nd12,12.5M\nd16,34M\n")
    assert main([*arguments, "-o", str(out)]) == 0
    assert "loss: 'eval/loss' (held-out, loss)" in capsys.readouterr().err
    assert len(pd.read_csv(out)) == 27
    assert main([*arguments[:2], "--D", "1B"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("run,step,N,D,loss,")
    assert "warning: N is not in the logs of d12" in printed.err
    assert main([*arguments, "-o", "runs.xlsx"]) == 1
    assert "-o needs a name that ends in .csv or .parquet" in capsys.readouterr().err


def test_the_demo_starts_from_a_folder_of_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", str(tmp_path), "--logs", str(LOGS / "wandb")]) == 0
    assert "27 evaluations of 3 runs" in capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"runs.csv", "chinchilla.json", "chinchilla-curves.png"} <= written
