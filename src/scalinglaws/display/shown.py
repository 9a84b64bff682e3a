"""Results that display as cards: classes with a mixin, and DataFrames while they are whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from scalinglaws.display.card import Card
from scalinglaws.display.html_card import as_html
from scalinglaws.display.text_card import as_text


class Displayed:
    """A result whose text and HTML are those of its card."""

    def _card(self) -> Card:
        raise NotImplementedError

    def __repr__(self) -> str:
        return as_text(self._card())

    def __str__(self) -> str:
        return as_text(self._card())

    def _repr_html_(self) -> str:
        return as_html(self._card())


class CardFrame(pd.DataFrame):
    """A DataFrame that displays as a card, and whose `plot` draws the answer.

    A copy, or a part of it, is a plain DataFrame: only the whole has the answer. So is this one
    once a row or a column is added or removed in place. `frame` is the plain DataFrame.
    """

    _metadata = ["card_from", "card_columns", "draw"]  # noqa: RUF012 - pandas reads this name
    card_from: Callable[[pd.DataFrame], Card]
    card_columns: tuple[Any, int]
    draw: Callable[..., Any] | None

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers alone: a plain DataFrame, whose `plot` is that of pandas."""
        return pd.DataFrame(self)

    @property
    def plot(self) -> Any:
        """What draws the plan, called as ``plot(y=None, *, ax=None, labels=True, title=None)``.

        It returns Axes. `y` is the quantity of the y axis, such as "N" or "D", where the plan has
        several. A table without a picture, or one that was changed, has the `plot` of pandas.
        """
        draw = getattr(self, "draw", None)
        if draw is None or not self._is_whole():
            return self.frame.plot
        return partial(draw, self.frame)

    def _is_whole(self) -> bool:
        return getattr(self, "card_columns", None) == (tuple(self.columns), len(self))

    def _card(self) -> Card | None:
        return self.card_from(self.frame) if self._is_whole() else None

    def __repr__(self) -> str:
        card = self._card()
        return super().__repr__() if card is None else as_text(card)

    def _repr_html_(self) -> str | None:
        card = self._card()
        if card is None:
            plain: str | None = self.frame._repr_html_()  # type: ignore[operator]
            return plain
        return as_html(card)


def with_card(
    frame: pd.DataFrame,
    describe: Callable[[pd.DataFrame], Card],
    draw: Callable[..., Any] | None = None,
) -> pd.DataFrame:
    """The frame, which displays as the card that `describe` makes of it, and plots by `draw`."""
    shown = CardFrame(frame)
    shown.card_from = describe
    shown.draw = draw
    shown.card_columns = tuple(frame.columns), len(frame)
    return shown


def card_of(result: Any) -> Card | None:
    """The card of a result; None where it has none, such as a part of a plan."""
    describe = getattr(result, "_card", None)
    return None if describe is None else describe()
