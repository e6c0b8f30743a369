"""What sphinx needs to know. The pages are built by build.py, which makes those that are read from the package."""

import inspect
import re
from typing import Any

import fastmpg

project, author, release = "fastmpg", "The fastmpg developers", fastmpg.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc", "myst_parser", "sphinx-mathjax-offline"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"  # docstrings say shapes and ranges, which annotations cannot
python_maximum_signature_line_length = 80
html_theme = "furo"
html_title = "fastmpg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_copyright = False


def skip(app: Any, what: str, name: str, value: Any, skipped: bool, options: Any) -> bool | None:
    """Fields of records are told in the docstring of their class; of a rule, so is all."""
    field = type(value).__name__ in ("_tuplegetter", "member_descriptor") or name in ("count", "index")
    return True if field or (what == "class" and not inspect.isroutine(inspect.unwrap(value))
                             and not isinstance(value, property | classmethod | staticmethod)) else None


QUOTED = re.compile(r"(:[\w:]+:`[^`]*`|``[^`]+``|`[^`]+`_?)")


def plain(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Docstrings write formulas as text: |x|, a*b and pi_ are no markup."""
    example = False
    for number, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = QUOTED.split(line)
            parts[::2] = [re.sub(r"([|*]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
            lines[number] = "".join(parts)


def setup(app: Any) -> None:
    """Called by sphinx."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", plain, priority=100)  # before numpydoc
