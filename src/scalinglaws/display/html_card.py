"""A card as HTML for notebooks: inline styles alone, no script and no background of its own.

Text has the colour of the page, so that a card follows every theme. The two hues reach a contrast
of 3:1 on white and on black.
"""

from __future__ import annotations

import html

from scalinglaws.display.bar_scale import Scale, bar_scale, write_tick
from scalinglaws.display.card import Bars, Card, Column, Interval, Role, Shares, Table, Typeset
from scalinglaws.escaping import for_html, one_line

FORECAST, LAW = "#3b82c4", "#d0692c"
_HUES: dict[Role, str] = {"forecast": FORECAST, "law": LAW, "": "currentColor"}
_CARD = "line-height:1.45"
_TEXT = "max-width:56em"  # of sentences; tables take the width that there is
_ANSWER = f"{_TEXT};font-size:1.15em;font-weight:600;margin-bottom:6px"
_FORMULA = "font-family:serif;font-size:1.25em;margin:6px 0 10px"
_QUIET = "opacity:.72"
_CAVEATS = f"{_TEXT};border-left:4px solid {LAW};padding-left:10px;margin:8px 0"
_TABLE = (
    "font-variant-numeric:tabular-nums;border-collapse:collapse;border:none;margin:4px 0;"
    "font-size:inherit"
)
_CELL = "padding:1px 16px 1px 0;border:none;background:none;vertical-align:top;font-weight:normal"
_LONG = 24  # rows, from which on a table is folded

# Of the pictures, in pixels.
_WIDE, _ROW, _LETTER, _SCALE = 620, 28, 7.4, 270
_MOST_LETTERS = 22


def as_html(card: Card) -> str:
    """Answer, pictures, tables, caveats and the next call, in this order."""
    parts = [f'<div style="{_ANSWER}">{_escaped(card.answer)}</div>']
    if card.formula is not None:
        parts.append(f'<div style="{_FORMULA}">{card.formula.html}</div>')
    for picture in card.pictures:
        if isinstance(picture, Bars):
            parts.append(_bars(picture, card.answer))
        else:
            parts.append(_shares(picture))
    parts += [_table(table) for table in card.tables if table.columns[0].cells]
    if card.caveats:
        lines = "".join(f"<div><b>!</b> {_escaped(text)}</div>" for text in card.shown_caveats)
        parts.append(f'<div style="{_CAVEATS}">{lines}</div>')
    if card.next:
        parts.append(f'<div style="{_QUIET}">next: <code>{_escaped(card.next)}</code></div>')
    return f'<div style="{_CARD}">{"".join(parts)}</div>'


def _escaped(text: str) -> str:
    return for_html(one_line(text)).replace(" %", "&nbsp;%")


# --- pictures ---------------------------------------------------------------------------------


def _svg(height: float, label: str, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDE} {height:g}" width="{_WIDE}" style="max-width:100%;height:auto;'
        f'display:block;margin:4px 0" role="img" font-size="13" font-family="inherit" '
        f'aria-label="{html.escape(one_line(label))}">{inside}</svg>'
    )


def _words(x: float, y: float, text: str, more: str = "", fill: str = "currentColor") -> str:
    """Text in a picture, where a dollar must not begin maths either."""
    escaped = for_html(one_line(text), "tspan")
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{more}>{escaped}</text>'


def _bars(bars: Bars, label: str) -> str:
    scale = bar_scale(bars)
    letters = max(min(len(i.label), _MOST_LETTERS) for i in bars.intervals)
    start, bottom = letters * _LETTER + 14, len(bars.intervals) * _ROW + 6
    parts = []
    for tick in scale.ticks():
        x = start + _SCALE * scale.place(tick)
        parts.append(f'<path d="M{x:.1f} 2V{bottom}" stroke="currentColor" opacity=".15"/>')
        parts.append(
            _words(x, bottom + 15, write_tick(tick), ' text-anchor="middle" opacity=".72"')
        )
    parts += [_bar(each, start, k, scale) for k, each in enumerate(bars.intervals)]
    return _svg(bottom + 20, label, "".join(parts))


def _bar(each: Interval, start: float, row: int, scale: Scale) -> str:
    y, hue = row * _ROW + 16, _HUES[each.role]
    label = each.label if len(each.label) <= _MOST_LETTERS else f"{each.label[:_MOST_LETTERS]}…"
    parts = [_words(0, y + 4, label, ' font-weight="600"' if each.role else "", hue)]
    if scale.shows(each):
        low, middle, high = (start + _SCALE * place for place in scale.places(each))
        parts.append(f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="{hue}" stroke-width="3"/>')
        parts.append(f'<circle cx="{middle:.1f}" cy="{y}" r="5" fill="{hue}"/>')
    text = "  ".join(filter(None, (each.text, each.note)))
    parts.append(_words(start + _SCALE + 14, y + 4, text, ' xml:space="preserve"'))
    return "".join(parts)


def _shares(shares: Shares) -> str:
    """A strip in two tints of one hue and the text's own colour, and what they are below it."""
    tints = ((FORECAST, "1"), (FORECAST, ".5"), ("currentColor", ".5"))
    parts, names, x = [], [], 0.0
    for (name, share), (fill, opacity) in zip(shares.parts, tints, strict=False):
        wide = _WIDE * share
        parts.append(
            f'<rect x="{x:.1f}" y="18" width="{max(wide - 1, 0):.1f}" height="10" '
            f'fill="{fill}" opacity="{opacity}"/>'
        )
        if share:
            names.append((x, f"{name} {100 * share:.0f} %"))
        x += wide
    labels, end = "", float(_WIDE)
    for start, text in reversed(names):  # no name may leave the picture, or reach the next
        at = max(min(start, end - len(text) * _LETTER), 0.0)
        labels, end = _words(at, 43, text) + labels, at - 12
    title = _words(0, 12, shares.whole, ' opacity=".72"')
    return _svg(48, shares.whole, title + "".join(parts) + labels)


# --- tables -----------------------------------------------------------------------------------


def _table(table: Table) -> str:
    header = "".join(_cell(column, column.title, "th") for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(
        f"<tr>{''.join(map(_cell, table.columns, row, ['td'] * len(row)))}</tr>" for row in rows
    )
    head = f"<thead><tr>{header}</tr></thead>" if any(c.title for c in table.columns) else ""
    grid = (
        f'<div style="overflow-x:auto"><table style="{_TABLE}">{head}<tbody>{body}</tbody></table>'
        "</div>"
    )
    note = f'<div style="{_TEXT};{_QUIET}">{_escaped(table.note)}</div>' if table.note else ""
    n_rows = len(table.columns[0].cells)
    if table.folded or n_rows > _LONG:
        caption = _escaped(table.caption or f"{n_rows:,} rows")
        return (
            f'<details style="margin:6px 0"><summary style="cursor:pointer">{caption}</summary>'
            f"{grid}{note}</details>"
        )
    caption = (
        f'<div style="margin-top:8px">{_escaped(table.caption)}</div>' if table.caption else ""
    )
    return f"{caption}{grid}{note}"


def _cell(column: Column, cell: str | Typeset, tag: str) -> str:
    side = "left" if column.left else "right"
    text = _escaped(cell) if isinstance(cell, str) else cell.html
    quiet = f";{_QUIET}" if tag == "th" else ""
    quiet += "" if column.left else ";white-space:nowrap"
    return f'<{tag} style="{_CELL};text-align:{side}{quiet}">{text}</{tag}>'
