"""Catalogue of named laws, as rows of data by topic.

To add a law, add a row to the module of its topic and a row to ``tests/catalogue_rows.py``.
"""

from scalinglaws.core.catalogue.entry import Coefficients as Coefficients
from scalinglaws.core.catalogue.entry import Entry as Entry
from scalinglaws.core.catalogue.entry import Reference as Reference
from scalinglaws.core.catalogue.lookup import FLEXIBLE as FLEXIBLE
from scalinglaws.core.catalogue.lookup import GROUPS as GROUPS
from scalinglaws.core.catalogue.lookup import NAMES as NAMES
from scalinglaws.core.catalogue.lookup import entries as entries
from scalinglaws.core.catalogue.lookup import entry as entry
from scalinglaws.core.catalogue.lookup import looks_like_a_name as looks_like_a_name
from scalinglaws.core.catalogue.lookup import named as named
from scalinglaws.core.catalogue.shelf import Laws as Laws
