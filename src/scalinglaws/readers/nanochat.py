"""The training report of nanochat, a Markdown file with one setting or result a line."""

from __future__ import annotations

from scalinglaws.numerals import parse_number
from scalinglaws.readers.logs import Layout, LogFile, RunLog

_NAME = "nanochat report"
_TITLE = "# nanochat training report"


def _read(file: LogFile) -> list[RunLog]:
    run = RunLog(file.run_name, _NAME, file.shown, str(file.path))
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


LAYOUT = Layout(_NAME, lambda file: file.head.lstrip().startswith(_TITLE.encode()), _read)
