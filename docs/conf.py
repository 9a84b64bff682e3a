"""Settings of the documentation site; `python -m docs.build` builds it.

The source folder of Sphinx is the root of the repository. Pages are the Markdown files and
notebooks where they are, so that links between them also work in an editor and on a code host.
"""

from __future__ import annotations

import html
import os
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

import scalinglaws

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # of the notebooks' kernels

project = "scalinglaws"
author = "The scalinglaws developers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = scalinglaws.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
root_doc = "docs/index"
default_role = "autolink"
smartquotes = False  # texts name columns={"D": ...}
include_patterns = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/gallery/**.rst",
    "docs/api/*.rst",
    "examples/*.ipynb",
    "examples/ladder/README.md",
    "benchmarks/*.md",
    "benchmarks/results/*.md",
]
templates_path = ["docs/templates"]

# --- Markdown and notebooks -----------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "html_image"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_ipywidgets_js: dict[str, Any] = {}  # nothing from a content network
nb_merge_streams = True
highlight_options = {"pycon": {"stripnl": True}}  # doctests end with an empty line

# --- reference ------------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc sections have the types
autodoc_member_order = "groupwise"
# What modules of the package share, and users do not need.
_SHARED = (
    "outlook moments usable saved_points from_dict to_dict inversion parsed products separation "
    "symbols replaced with_bounds with_levels attended attention_weights attention_width "
    "dense_width ffn_weights inner_width kv_width router_weights score_width norms covariance "
    "runs scale"
)
autodoc_default_options = {"exclude-members": ", ".join(_SHARED.split())}
numpydoc_show_class_members = False
# Every docstring is checked but for: optional sections, and parameters documented in groups.
numpydoc_validation_checks = {
    "all", "ES01", "EX01", "PR03", "PR04", "RT03", "SA01", "SA03", "SS05",
}  # fmt: skip
# Fields of results are under Attributes; `laws` and `published` are instances.
numpydoc_validation_exclude = {r"\.[A-Z]\w*$", r"\.laws$", r"\.published$"}

# --- gallery --------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "examples/gallery",
    "gallery_dirs": "docs/gallery",
    "subsection_order": [f"examples/gallery/{kind}" for kind in ("forecast", "fit", "plan")],
    "backreferences_dir": "docs/api/backreferences",
    "doc_module": ("scalinglaws",),
    "reference_url": {"scalinglaws": None},
    "within_subsection_order": "FileNameSortKey",
    "copyfile_regex": "",
    "capture_repr": (),
    "thumbnail_size": (640, 440),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
}

# --- pages ----------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "scalinglaws"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_sidebars: dict[str, list[str]] = {"docs/laws": [], "CHANGELOG": [], "CONTRIBUTING": []}
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "pygments_light_style": "a11y-light",
    "pygments_dark_style": "a11y-dark",
}


_DOLLARS = re.compile(r"\$([^$<>]+)\$")


def _write_math(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    display = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(node.astext(), as_block=display)
    except MathError as error:
        logging.getLogger(__name__).warning("formula: %s", error, location=node)
    else:
        translator.body.append(f'<div class="math">{formula}</div>' if display else formula)
    raise nodes.SkipNode


def _typeset(_app: Sphinx, document: nodes.document, _name: str) -> None:
    """Typeset the formulas of cards in notebooks, which Jupyter does in a script."""
    for node in document.findall(nodes.raw):
        if "html" in node["format"]:
            node[:] = [nodes.Text(_DOLLARS.sub(_to_mathml, node.astext()))]


def _to_mathml(match: re.Match[str]) -> str:
    return str(tex2mathml(html.unescape(match[1]), as_block=False))


def _signature(
    _app: Sphinx, kind: str, _name: str, thing: Any, *_: object
) -> tuple[str, None] | None:
    """Leave out the arguments of results, which users do not make themselves."""
    made_by_users = kind != "class" or "Parameters\n---" in (thing.__doc__ or "").replace(
        "    ", ""
    )
    return None if made_by_users else ("", None)


def setup(app: Sphinx) -> None:
    """Formulas as MathML, which browsers show without a script."""
    app.connect("doctree-resolved", _typeset)
    app.connect("autodoc-process-signature", _signature)
    app.add_html_math_renderer("mathml", (_write_math, None), (_write_math, None))
