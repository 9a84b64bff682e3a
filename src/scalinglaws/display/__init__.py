"""How results read in a terminal and in a notebook.

A result describes itself once, as a `Card`; `as_text` and `as_html` write that card.
"""

from scalinglaws.display.card import Bars as Bars
from scalinglaws.display.card import Card as Card
from scalinglaws.display.card import Column as Column
from scalinglaws.display.card import Interval as Interval
from scalinglaws.display.card import Shares as Shares
from scalinglaws.display.card import Table as Table
from scalinglaws.display.card import Typeset as Typeset
from scalinglaws.display.card import pairs as pairs
from scalinglaws.display.html_card import as_html as as_html
from scalinglaws.display.shown import CardFrame as CardFrame
from scalinglaws.display.shown import Displayed as Displayed
from scalinglaws.display.shown import card_of as card_of
from scalinglaws.display.shown import with_card as with_card
from scalinglaws.display.text_card import WIDTH as WIDTH
from scalinglaws.display.text_card import as_text as as_text
