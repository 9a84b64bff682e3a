"""Every layout of logs, in the order in which they are tried; a new one is a line here."""

from __future__ import annotations

from scalinglaws.readers import (
    consoles,
    csv_histories,
    databases,
    levanter,
    lm_eval,
    mlflow_files,
    nanochat,
    tensorboard,
    trainer_state,
    wandb_logs,
)
from scalinglaws.readers.logs import Layout

LAYOUTS: tuple[Layout, ...] = (
    wandb_logs.OFFLINE,
    tensorboard.LAYOUT,
    databases.TRACKIO,
    databases.MLFLOW,
    mlflow_files.LAYOUT,
    trainer_state.LAYOUT,
    lm_eval.LAYOUT,
    wandb_logs.SUMMARY,
    levanter.LAYOUT,
    csv_histories.CHART,
    csv_histories.DOWNLOAD,
    csv_histories.HISTORY,
    nanochat.LAYOUT,
    consoles.MEGATRON,
    consoles.TORCHTITAN,
)
