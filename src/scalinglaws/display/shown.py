"""Results that display as cards: classes with a mixin, and DataFrames while they are whole."""

from __future__ import annotations

from collections.abc import Callable
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
    """A DataFrame that displays as a card.

    A copy, or a part of it, is a plain DataFrame: only the whole has the answer. So is this one
    once a row or a column is added or removed in place.
    """

    _metadata = ["card_from", "card_columns"]  # noqa: RUF012 - pandas reads this name
    card_from: Callable[[pd.DataFrame], Card]
    card_columns: tuple[Any, int]

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def _card(self) -> Card | None:
        if getattr(self, "card_columns", None) != (tuple(self.columns), len(self)):
            return None
        return self.card_from(pd.DataFrame(self))

    def __repr__(self) -> str:
        card = self._card()
        return super().__repr__() if card is None else as_text(card)

    def _repr_html_(self) -> str | None:
        card = self._card()
        if card is None:
            plain: str | None = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return plain
        return as_html(card)


def with_card(frame: pd.DataFrame, describe: Callable[[pd.DataFrame], Card]) -> pd.DataFrame:
    """The frame, which displays as the card that `describe` makes of it."""
    shown = CardFrame(frame)
    shown.card_from = describe
    shown.card_columns = tuple(frame.columns), len(frame)
    return shown


def card_of(result: Any) -> Card | None:
    """The card of a result; None where it has none, such as a part of a plan."""
    describe = getattr(result, "_card", None)
    return None if describe is None else describe()
