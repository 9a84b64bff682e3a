"""Catalogue of named laws, as rows of data by topic.

To add a law, add a row to the module of its topic and a row to ``tests/catalogue_rows.py``.
"""

from scalinglaws.core.catalogue.entry import Coefficients as Coefficients
from scalinglaws.core.catalogue.entry import Entry as Entry
from scalinglaws.core.catalogue.entry import Reference as Reference
from scalinglaws.core.catalogue.laws import FLEXIBLE as FLEXIBLE
from scalinglaws.core.catalogue.laws import GROUPS as GROUPS
from scalinglaws.core.catalogue.laws import NAMES as NAMES
from scalinglaws.core.catalogue.laws import Laws as Laws
from scalinglaws.core.catalogue.laws import entries as entries
from scalinglaws.core.catalogue.laws import entry as entry
from scalinglaws.core.catalogue.laws import looks_like_a_name as looks_like_a_name
from scalinglaws.core.catalogue.laws import named as named
