"""The page of all rules, from the classes themselves: what a player may see, what is proved, where they fail.

    python -c "from fastmpg.rules._page import write; write()"

writes it beside the rules; a test says when that is due.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .rule import contract

PAGE = Path(__file__).with_name("README.md")
HEAD = """# Rules: what players may see, what is proved, where they fail

Made from the classes by `python -c "from fastmpg.rules._page import write; write()"`. Equations, parameters and sources
are in every class's docstring. "Potential games" are Markov potential games unless "without a future" says otherwise;
what is proved holds for the step sizes of the papers (`fastmpg.theory`).

| rule | a player sees | proved | fails |
|---|---|---|---|
"""


def rules() -> dict[str, Any]:
    """Every rule's class by name."""
    package = sys.modules[__package__ or ""]
    return {name: getattr(package, name) for name in package.__all__}


def page() -> str:
    """The page as it should be."""
    rows = []
    for name, kind in rules().items():
        found = contract(kind)
        rows.append(f"| `{name}` | {found.feedback.sees} | {found.proved} | {found.fails} |\n")
    return HEAD + "".join(rows)


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")
