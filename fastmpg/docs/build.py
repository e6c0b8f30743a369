"""Build the documents into one folder of HTML:

    python -m pip install '.[docs]' && python fastmpg/docs/build.py --out site --gallery reproduction

Pages are written in this folder; what can be read from the package is not written but made: a page for every public
name, the tables of rules and errata, and, from a folder that `fastmpg reproduce` has left, the gallery.
"""

from __future__ import annotations

import argparse
import inspect
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import fastmpg as fm

SOURCE = Path(__file__).parent
PACKAGE = SOURCE.parent
ROOMS = {
    "games": "Named games",
    "rules": "Learning rules",
    "metrics": "Metrics",
    "solvers": "Solvers",
    "potential": "Potentials",
    "theory": "Theory: step sizes, bounds, conditions",
    "io": "Files and other packages",
    "plot": "Pictures",
}


def rooms() -> Iterator[tuple[str, str, ModuleType]]:
    """(name, title, module) of every room that there is."""
    for name, title in ROOMS.items():
        module = getattr(fm, name, None)
        if module is not None:
            yield name, title, module


def sentence(value: Any) -> str:
    """The first line of a docstring, fit for the cell of a table."""
    return (inspect.getdoc(value) or "").partition("\n")[0].replace("|", "\\|")


def entry(folder: Path, where: str, name: str, value: Any) -> str:
    """Write the page of one public name; the row of a table that leads there."""
    kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
    members = "\n    :members:" if kind == "autoclass" else ""
    (folder / f"{where}.{name}.rst").write_text(
        f"{name}\n{'=' * len(name)}\n\n.. currentmodule:: {where}\n\n.. {kind}:: {where}.{name}{members}\n")
    return f"| [`{name}`]({where}.{name}.rst) | {sentence(value)} |\n"


def reference(folder: Path) -> None:
    """One page a public name, one a room, and their index."""
    folder.mkdir()
    listed = {name: getattr(fm, name) for name in fm.__all__ if not inspect.ismodule(getattr(fm, name))}
    pages = [page(folder, "fastmpg", "The package itself", "What `import fastmpg as fm` offers.", listed)]
    for name, title, module in rooms():
        public = {each: getattr(module, each) for each in module.__all__}
        found = {each: value for each, value in public.items() if callable(value)}
        pages.append(page(folder, f"fastmpg.{name}", title, inspect.getdoc(module) or "", found))
    contents = "\n".join(pages)
    (folder / "index.md").write_text(f"# Reference\n\n```{{toctree}}\n:maxdepth: 1\n\n{contents}\n```\n")


def page(folder: Path, where: str, title: str, text: str, public: dict[str, Any]) -> str:
    """Write the page of a room; its name."""
    rows = "".join(entry(folder, where, name, public[name]) for name in sorted(public, key=str.lower))
    hidden = "\n".join(f"{where}.{name}" for name in sorted(public, key=str.lower))
    (folder / f"{where}.md").write_text(
        f"# {title}\n\n{text}\n\n| `{where}` | |\n|---|---|\n{rows}\n```{{toctree}}\n:hidden:\n\n{hidden}\n```\n")
    return where


def gallery(target: Path, made: Path | None) -> None:
    """Every figure of `fastmpg reproduce`, with how many numbers beside it are met."""
    text = ["# Gallery", "",
            "Every figure here is drawn by `fastmpg reproduce --out reproduction`, which runs the published experiments "
            "again; every number that was compared stands in `reproduction/index.html`.", ""]
    if made is None:
        text += ["These documents were built without it."]
    else:
        pictures = target / "gallery"
        pictures.mkdir()
        for name, each in json.loads((made / "results.json").read_text()).items():
            verdicts = Counter(check["verdict"] for check in each["checks"])
            said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) or "figures only"
            text += [f"## {each['title']}", "", f"{each['paper']} (`fastmpg reproduce {name}`: {said}).", ""]
            for picture in each["figures"]:
                shutil.copy(made / picture["file"], pictures)
                text += [f"```{{figure}} gallery/{Path(picture['file']).name}", f":alt: {picture['caption']}", "",
                         picture["caption"], "```", ""]
    (target / "gallery.md").write_text("\n".join(text) + "\n")


def included(target: Path) -> None:
    """Pages that stand beside what they tell of."""
    shutil.copy(PACKAGE / "rules" / "README.md", target / "rules.md")
    shutil.copy(PACKAGE / "experiments" / "README.md", target / "errata.md")


def build(out: Path, made: Path | None = None) -> int:
    """Write the site; sphinx's exit status. A warning is an error: a dead reference, a broken example."""
    from sphinx.cmd.build import main

    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "docs"
        shutil.copytree(SOURCE, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        shutil.copy(SOURCE / "conf.py", target)
        reference(target / "reference")
        gallery(target, made)
        included(target)
        return int(main(["-q", "-W", "--keep-going", "-b", "html", "-d", str(Path(name) / "trees"), str(target),
                         str(out)]))


def command(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("site"), help="folder to write (default: site)")
    parser.add_argument("--gallery", type=Path, help="a folder that `fastmpg reproduce --out` has left")
    said = parser.parse_args(argv)
    if said.gallery is not None and not (said.gallery / "results.json").exists():
        parser.error(f"no results.json in {said.gallery}: run `fastmpg reproduce --out {said.gallery}` first")
    return build(said.out, said.gallery)


if __name__ == "__main__":
    sys.exit(command())
