"""Options of the terminal are the parameters of Python's functions."""

from __future__ import annotations

import inspect
import io
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import scalinglaws as sl
from scalinglaws import planning
from scalinglaws.cli import command_line, main
from scalinglaws.cli.generated_options import add_parameters, arguments
from scalinglaws.cli.progress import shown_progress
from tests.conftest import make_runs

# What each verb calls, and parameters that it leaves out on purpose.
CALLS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "fit": (sl.fit, {"bounds", "start"}),
    "report": (sl.fit, {"bounds", "start"}),
    "read": (sl.read_runs, {"on_error"}),  # --skip
    "forecast": (sl.forecast, set()),
    "backtest": (sl.backtest, {"model"}),  # the file
    "compare": (sl.compare, {"N", "D", "C"}),  # --at
    "plan": (sl.optimal, {"limits"}),  # --most-params, --most-tokens
    "judge": (planning.regret, set()),
    "overtrain": (sl.overtraining, set()),
    "serve": (sl.serving, {"limits"}),
    "repeat": (sl.limited_data, set()),
    "next": (sl.next_runs, set()),
    "isoflop": (sl.isoflop, set()),
    "envelope": (sl.envelope, set()),
    "approaches": (planning.approaches, {"options"}),  # those of isoflop
    "gain": (sl.compare_recipes, {"runs"}),  # the files
    "simulate": (sl.simulate, {"values"}),
    "count": (sl.Transformer.from_config, set()),
    "bill": (planning.bill, set()),
}


@pytest.mark.parametrize("verb", command_line.VERBS)
def test_no_parameter_is_forgotten(verb: str) -> None:
    """Each is an option or a place of the verb, or was left out on purpose; each has a help."""
    _, parser = command_line.build_parser(verb)
    assert parser is not None
    offered = {action.dest: action for action in parser._actions}
    assert all(action.help for action in parser._actions)
    function, left_out = CALLS.get(verb, (main, {"arguments"}))
    expected = {
        "at" if p.kind is p.VAR_KEYWORD and name not in left_out else name
        for name, p in inspect.signature(function).parameters.items()
    }
    assert expected - set(offered) == left_out


def test_a_parameter_becomes_an_option() -> None:
    """Its type, default, words and choices are those of the function."""

    def made(*, size: float = 2.0, kind: str = "a", given: bool = False) -> None:
        """Make something.

        Parameters
        ----------
        size : float, optional
            Size in `metres`. In Python it may be None.
        kind : {"a", "b"}
            "a": the first. "b": the second.
        given : bool
            Whether to take what is given.
        """

    parser = ArgumentParser()
    add_parameters(parser, made, names={"size": "--length"})
    text = " ".join(parser.format_help().split())
    assert "size in metres (2)" in text
    assert '"a": the first. "b": the second (a)' in text
    assert "--given take what is given" in text
    options = parser.parse_args(["--size", "7B", "--kind", "b"])
    assert arguments(options, made) == {"size": 7e9, "kind": "b"}
    assert arguments(parser.parse_args([]), made) == {}
    with pytest.raises(LookupError, match="made has no parameter weight"):
        add_parameters(ArgumentParser(), made, left_out=["weight"])


def test_a_parameter_without_a_form_is_an_error() -> None:
    """So that a new one of a new type is not forgotten."""

    def made(*, model: object = None) -> None: ...

    with pytest.raises(TypeError, match="made: model of type 'object' has no form"):
        add_parameters(ArgumentParser(), made)


def test_names_of_python_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """For verbs and for options."""
    law = "chinchilla/epoch2024"
    assert main(["plan", law, "--budget", "1e24"]) == 0
    expected = capsys.readouterr().out
    assert main(["optimal", law, "--C", "1e24"]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["plan", "x", "--bugdet", "1e24"], "there is no option --bugdet. Did you mean --budget?"),
        (["plan", "x", "--xyzzy"], "there is no option --xyzzy. `--help` lists its options."),
        (["fit", "x", "--confidence_level", ".9"], "Did you mean --confidence-level?"),
    ],
)
def test_an_unknown_option_has_a_nearest_one(
    call: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(call)
    assert message in capsys.readouterr().err


def test_an_option_without_effect_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that was given is dropped in silence."""
    law = "chinchilla/epoch2024"
    assert main(["plan", law, "--budget", "1e24", "--within", ".01", "--tokens", "1T"]) == 1
    assert "--tokens has no effect together with the other options" in capsys.readouterr().err
    saved = str(tmp_path / "fit.json")
    sl.forecast(make_runs(0.004)).save(saved)
    assert main(["backtest", saved, "--missing", "drop"]) == 1
    assert "is a saved model: it has its law, y and columns" in capsys.readouterr().err


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, with a count of tasks; cleared at the end. Nothing goes into a file."""
    monkeypatch.setattr("sys.stderr", stream := _Terminal())
    with shown_progress("read", patience=0.01) as progress:
        assert list(progress.map(lambda s: time.sleep(s) or s, [0.05, 0.05])) == [0.05, 0.05]
    assert "\x1b[Kread: 1 of 2, 0 s\r" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[K")
    monkeypatch.setattr("sys.stderr", stream := io.StringIO())
    with shown_progress("read", patience=0.01):
        time.sleep(0.05)
    assert stream.getvalue() == ""
