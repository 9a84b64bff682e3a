"""A card as text of at most 88 columns, for terminals and logs."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from scalinglaws.display.bar_scale import bar_scale
from scalinglaws.display.card import Bars, Card, Column, Shares, Table
from scalinglaws.escaping import one_line

WIDTH = 88
_BAR = 34  # characters of the common scale of bars
_LABEL = 24  # characters of a bar's name
_WIDEST = 48  # characters of a cell, from which on it is wrapped
_NARROWEST = 24  # characters that a column of words keeps
_GAP = "  "
_HARD = "\u00a0"  # a space at which no line is broken
_MARKS = {"├": "|", "─": "-", "●": "o", "┤": "|", "→": "->", "±": "+-", "×": "x", "…": ".."}
_TO_ASCII = str.maketrans(_MARKS)


def as_text(card: Card) -> str:
    """Answer, pictures, tables, caveats and the next call, in this order."""
    formula = [] if card.formula is None else _wrapped(card.formula.text, _GAP)
    blocks = [_wrapped(card.answer) + formula]
    for picture in card.pictures:
        blocks.append(_bars(picture) if isinstance(picture, Bars) else _shares(picture))
    for table in card.tables:
        blocks.append(_table(table))
    closing = list(chain(*(_wrapped(caveat, "! ") for caveat in card.shown_caveats)))
    if card.next:
        closing += _wrapped(card.next, f"{_marked('→')} ")
    lines = "\n\n".join("\n".join(block) for block in (*blocks, closing) if block)
    return "\n".join(line.rstrip() for line in lines.splitlines())


def _marked(text: str) -> str:
    """A text on one line, in ASCII where the terminal has nothing better."""
    text = one_line(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "".join(_MARKS).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return text.translate(_TO_ASCII)
    return text


def _wrapped(text: str, first: str = "", width: int = WIDTH) -> list[str]:
    lines = textwrap.wrap(
        _marked(text).replace(" %", f"{_HARD}%"), width, initial_indent=first,
        subsequent_indent=" " * len(first), break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(f"{_HARD}%", " %") for line in lines]


# --- pictures ---------------------------------------------------------------------------------


def _bars(bars: Bars) -> list[str]:
    """The ends of the scale, then a bar for each interval."""
    scale = bar_scale(bars)
    ends = scale.low_text + scale.high_text.rjust(_BAR - len(scale.low_text))
    rows = [("", "", ends, "")]
    for each in bars.intervals:
        label = each.label if len(each.label) <= _LABEL else f"{each.label[: _LABEL - 1]}…"
        bar = " " * _BAR
        if scale.shows(each):
            cells = [round((_BAR - 1) * place) for place in scale.places(each)]
            bar = _bar(*cells)
        rows.append((label, each.text, bar, each.note))
    return _aligned([[_marked(cell) for cell in column] for column in zip(*rows, strict=True)])


def _bar(low: int, estimate: int, high: int) -> str:
    cells = [" "] * _BAR
    cells[low : high + 1] = ["─"] * (high + 1 - low)
    cells[low], cells[high] = "├", "┤"
    cells[estimate] = "●"
    return "".join(cells)


def _shares(shares: Shares) -> list[str]:
    parts = [f"{name} {100 * share:.0f} %" for name, share in shares.parts if share]
    return _wrapped(f"{shares.whole}: {', '.join(parts)}", _GAP) if parts else []


# --- tables -----------------------------------------------------------------------------------


def _table(table: Table) -> list[str]:
    """As many blocks below one another as the width asks for; the first column is repeated."""
    lines = [] if table.folded else _wrapped(table.caption)
    if table.columns and table.columns[0].cells:
        columns = [column for column in table.columns if not column.roomy]
        written = [_lines_of(column) for column in columns]
        parts = [_rows(block) for block in _blocks(columns, written)]
        lines += parts[0] + [line for part in parts[1:] for line in ("", *part)]
    note = _wrapped(table.note, _GAP)
    return [*lines, "", *note] if note and lines else lines + note


class _Written:
    """A column whose cells are wrapped to its width."""

    def __init__(self, column: Column, width: int) -> None:
        self.left, self.title = column.left, _wrapped(column.title, width=width)
        self.cells = [_wrapped(cell, width=width) or [""] for cell in column.texts]

    @property
    def width(self) -> int:
        """Characters of the widest line."""
        return max((len(line) for cell in (self.title, *self.cells) for line in cell), default=0)


def _lines_of(column: Column) -> _Written:
    return _Written(column, _WIDEST if not column.left else WIDTH - len(_GAP))


def _blocks(columns: Sequence[Column], written: Sequence[_Written]) -> Iterator[list[_Written]]:
    """Columns that fit beside each other; a column of words is wrapped to do so."""
    first = written[0]
    if columns[0].left and first.width > _WIDEST:
        first = _Written(columns[0], _WIDEST)
    left = WIDTH - len(_GAP) - first.width  # what a block has left
    block, room = [first], left
    for group in _groups(columns, written):
        needed = sum(len(_GAP) + own.width for _, own in group)
        (column, own), *_ = group
        least = len(_GAP) + min(own.width, _NARROWEST)
        if needed > room and len(block) > 1 and not (column.left and least <= room):
            yield block
            block, room = [first], left
        for column, own in group:
            fitting = max(room - len(_GAP), 1)
            block.append(own if own.width <= fitting else _Written(column, fitting))
            room -= len(_GAP) + block[-1].width
    yield block


def _groups(
    columns: Sequence[Column], written: Sequence[_Written]
) -> list[list[tuple[Column, _Written]]]:
    """The columns after the first, those that are joined together."""
    groups: list[list[tuple[Column, _Written]]] = []
    for column, own in zip(columns[1:], written[1:], strict=True):
        if column.joined and groups:
            groups[-1].append((column, own))
        else:
            groups.append([(column, own)])
    return groups


def _rows(block: Sequence[_Written]) -> list[str]:
    header = [column.title for column in block]
    body = zip(*(column.cells for column in block), strict=True)
    lines = []
    for row in ([header] if any(header) else []), body:
        for cells in row:
            for parts in zip_longest(*cells, fillvalue=""):
                texts = [
                    part.ljust(column.width) if column.left else part.rjust(column.width)
                    for part, column in zip(parts, block, strict=True)
                ]
                lines.append(_GAP + _GAP.join(texts))
    return lines


def _aligned(columns: Sequence[Sequence[str]]) -> list[str]:
    """Rows of columns of bars: names at the left, everything else as it is."""
    widths = [max(map(len, column)) for column in columns]
    return [
        _GAP + _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*columns, strict=True)
    ]
