"""Every layout of logs, in the order in which they are tried; a new one is a line here."""

from __future__ import annotations

from scalinglaws.readers import (
    consoles,
    csv_histories,
    json_logs,
    run_stores,
    tensorboard,
    wandb_logs,
)
from scalinglaws.readers.logs import Layout

LAYOUTS: tuple[Layout, ...] = (
    wandb_logs.OFFLINE,
    tensorboard.LAYOUT,
    run_stores.TRACKIO,
    run_stores.MLFLOW,
    run_stores.MLFLOW_FILES,
    json_logs.TRAINER_STATE,
    json_logs.LM_EVAL,
    wandb_logs.SUMMARY,
    json_logs.LEVANTER,
    csv_histories.CHART,
    csv_histories.DOWNLOAD,
    csv_histories.HISTORY,
    consoles.NANOCHAT,
    consoles.MEGATRON,
    consoles.TORCHTITAN,
)
