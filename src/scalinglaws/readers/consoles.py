"""What trainers print: Megatron-LM, GPT-NeoX and torchtitan, and the report of nanochat."""

from __future__ import annotations

import re

from scalinglaws.numerals import parse_number
from scalinglaws.readers.file_formats import read_scalar
from scalinglaws.readers.logs import Layout, LogFile, RunLog

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf"

# --- Megatron-LM and GPT-NeoX --------------------------------------------------------------------

_ITERATION = re.compile(r"\biteration\s+(\d+)/\s*\d+ *\|")
_VALIDATION = re.compile(
    r"\b(validation|test) (?:loss|results) at .*?iteration (\d+)"
    r"(?: on (validation|test) set)?[^|]*\|"
)
_TIME = re.compile(r"^\s*\[[^\]]*\]")
_PAIR = re.compile(rf"([^|:]+?)\s*:\s*({_NUMBER})(?:/[\d.]+)?[^|]*", re.IGNORECASE)
_ARGUMENT = re.compile(r"(?:^|\s)(\w+) \.{3,} ?(\S.*)")  # seq_length ........ 2048
_SIZE = re.compile(
    r"([Nn]umber of parameters[\w ]*?|Total number of parameters) in billions: *([\d.]+)"
)
_RANK = re.compile(
    r"number of parameters on \(tensor, pipeline\) model parallel rank (\(.*?\)): (\d+)"
)


def _is_megatron(file: LogFile) -> bool:
    return _ITERATION.search(file.console_start) is not None


def _read_megatron(file: LogFile) -> list[RunLog]:
    run = RunLog(file.run_name, MEGATRON.name, file.shown, str(file.path))
    ranks: dict[str, int] = {}
    for line in file.console.splitlines():
        step = _ITERATION.search(line)
        if step:
            run.add_row(int(step[1]), _pairs(line))
        elif check := _VALIDATION.search(line):
            kind = check[3] or check[1]
            pairs = _pairs(line[check.end() :]).items()
            run.add_row(int(check[2]), {f"{_plain(name)} {kind}": value for name, value in pairs})
        elif argument := _ARGUMENT.search(line):
            run.config[argument[1]] = read_scalar(argument[2].strip())
        elif size := _SIZE.search(line):
            run.config[f"{size[1]} (B)"] = float(size[2])
        elif rank := _RANK.search(line):
            ranks[rank[1]] = int(rank[2])
    if ranks:
        run.config["num_parameters"] = sum(ranks.values())
    return [run]


def _pairs(line: str) -> dict[str, float]:
    """Items such as ``lm loss: 2.3E+00``; of ``now/mean`` the first."""
    values: dict[str, float] = {}
    for item in _TIME.sub("", line).split("|"):
        match = _PAIR.fullmatch(item.strip())
        if match:
            values[match[1]] = float(match[2].replace(",", ""))
    return values


def _plain(name: str) -> str:
    return name.removesuffix(" value").replace(" PPL", " ppl")


MEGATRON = Layout("Megatron or NeoX console", _is_megatron, _read_megatron)

# --- torchtitan ----------------------------------------------------------------------------------

_TITAN = re.compile(r"(validate )?step:\s*(\d+)\s+(loss:.*)")
_TITAN_PAIR = re.compile(rf"(\w+):\s*({_NUMBER})", re.IGNORECASE)
_TITAN_SIZE = re.compile(r"size:\s*([\d,]+) total parameters")


def _is_torchtitan(file: LogFile) -> bool:
    start = file.console_start
    return "tps:" in start and _TITAN.search(_COLOUR.sub("", start)) is not None


def _read_torchtitan(file: LogFile) -> list[RunLog]:
    run = RunLog(file.run_name, TORCHTITAN.name, file.shown, str(file.path))
    for line in _COLOUR.sub("", file.console).splitlines():
        match = _TITAN.search(line)
        if match:
            kind = "validation " if match[1] else ""
            pairs = _TITAN_PAIR.findall(match[3])
            run.add_row(int(match[2]), {kind + k: float(v.replace(",", "")) for k, v in pairs})
        elif size := _TITAN_SIZE.search(line):
            run.config["num_parameters"] = int(size[1].replace(",", ""))
    return [run]


TORCHTITAN = Layout("torchtitan console", _is_torchtitan, _read_torchtitan)


# --- nanochat ------------------------------------------------------------------------------------

_TITLE = "# nanochat training report"


def _read_nanochat(file: LogFile) -> list[RunLog]:
    run = RunLog(file.run_name, NANOCHAT.name, file.shown, str(file.path))
    for line in file.text.splitlines():
        name, colon, text = line.strip().removeprefix("- ").rpartition(": ")
        if not (colon and line.startswith("- ")):
            continue
        try:
            run.summary.setdefault(name, parse_number(text))
        except ValueError:
            run.summary.setdefault(name, text)
    run.name = str(run.summary.pop("run", run.name))
    return [run]


NANOCHAT = Layout(
    "nanochat report",
    lambda file: file.head.lstrip().startswith(_TITLE.encode()),
    _read_nanochat,
)
