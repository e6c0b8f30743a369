"""Build the documents into one folder of HTML:

    python -m pip install '.[docs]' && python fastmpg/docs/build.py --out site --gallery reproduction

Pages are written in this folder; what can be read from the package is not written but made: a page for every public
name, the tables of rules and errata, and, from a folder that `fastmpg reproduce` has left, the gallery; from one that
`python -m bench.publish` has left (`--tracking .asv/html`), the page of performance from commit to commit.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import fastmpg as fm
import fastmpg.plot

SOURCE = Path(__file__).parent
PACKAGE = SOURCE.parent
DRAWN = re.compile(r"```\{drawn\} (?P<caption>[^\n]*)\n(?P<code>.*?)```", re.DOTALL)
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
        f"# {title}\n\n```{{py:module}} {where}\n```\n\n{text}\n\n"
        f"| `{where}` | |\n|---|---|\n{rows}\n```{{toctree}}\n:hidden:\n\n{hidden}\n```\n")
    return where


def gallery(target: Path, made: Path | None) -> None:
    """Every figure of `fastmpg reproduce`, with how many numbers beside it are met."""
    text = ["# Gallery", "",
            "Every figure here is drawn by `fastmpg reproduce --out reproduction`, which runs the published "
            "experiments again; every number that was compared stands in `reproduction/index.html`.", ""]
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


def plotted(made: Path, benchmark: dict[str, Any]) -> dict[str, list[tuple[int, float]]]:
    """{parameters: (commit's place in history, number)} of a benchmark that asv has published."""
    lines: dict[str, list[tuple[int, float]]] = {}
    names = [", ".join(value.strip("'") for value in values) for values in product(*benchmark["params"])]
    for path in sorted((made / "graphs").rglob(f"{benchmark['name']}.json")):
        if "summary" not in path.relative_to(made).parts:
            for commit, values in json.loads(path.read_text()):
                for name, value in zip(names, values if isinstance(values, list) else [values], strict=True):
                    if value is not None:
                        lines.setdefault(name, []).append((commit, value))
    return lines


def picture_of(lines: dict[str, list[tuple[int, float]]], unit: str, file: Path) -> None:
    """A panel for each first parameter, a line for each way to compute the same, commits along the axis."""
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys(line.partition(", ")[0] for line in lines))
    with fm.plot.style():
        sheet = Figure(figsize=(3.2 * len(panels) + 1, 2.8), layout="constrained")
        for panel, ax in zip(panels, sheet.subplots(1, len(panels), squeeze=False)[0], strict=True):
            for line, points in lines.items():
                first, _, rest = line.partition(", ")
                if first == panel:
                    ax.plot([str(commit) for commit, _ in sorted(points)], [each for _, each in sorted(points)], "o-",
                            label=rest)
            ax.set(title=panel, xlabel="commit", ylabel=unit if panel == panels[0] else "", yscale="log")
        if any("," in line for line in lines):
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        sheet.savefig(file)


def tracking(target: Path, made: Path | None) -> None:
    """The newest number of each line that asv has published of this package beside others, and where all lines are."""
    text = ["# Performance from commit to commit", "",
            "`python -m bench.publish` builds commits, measures them, and writes asv's page of plots; `python "
            "fastmpg/docs/build.py --tracking .asv/html` puts it here. [Benchmarks](benchmarks.md) says what else is "
            "measured, and by what.", ""]
    if made is None:
        text += ["These documents were built without it."]
    else:
        index = json.loads((made / "index.json").read_text())
        machines = "; ".join(f"{each['cpu']}, {each['num_cpu']} processors" for each in index["machines"].values())
        commits = index["revision_to_hash"]
        newest = commits[max(commits, key=int)][:8]
        text += [f"{len(commits)} commit{'s' * (len(commits) > 1)} on {machines}, the newest {newest}. "
                 '<a href="asv/index.html">All plots</a>: commits along the axis, a line for each way to compute the '
                 "same (it wants http, `python -m http.server -d site`, and loads scripts from the web).", ""]
        for name, each in sorted(index["benchmarks"].items()):
            lines = plotted(made, each)
            if name.startswith("against.") and lines:
                title = each.get("pretty_name", name)
                picture_of(lines, each["unit"], target / f"tracking-{name}.svg")
                text += [f"## {title}", "", f"```{{figure}} tracking-{name}.svg", f":alt: {title}", "```", "",
                         f"| {', '.join(each['param_names'])} | newest, {each['unit']} | least to most |",
                         "|---|---|---|"]
                for line, points in lines.items():
                    values = [value for _, value in points]
                    newest, least, most = (f"{each:.3g}" if each < 1000 else f"{each:.0f}"
                                           for each in (max(points)[1], min(values), max(values)))
                    text += [f"| {line} | {newest} | {least} to {most} |"]
                text += [""]
    (target / "tracking.md").write_text("\n".join(text) + "\n")


def included(target: Path) -> None:
    """Pages that stand beside what they tell of."""
    shutil.copy(PACKAGE / "rules" / "README.md", target / "rules.md")
    shutil.copy(PACKAGE / "experiments" / "README.md", target / "errata.md")


def drawn(target: Path, path: Path) -> None:
    """Run every block ```{drawn} CAPTION of a page: what it calls ``sheet`` stands below it."""
    from matplotlib.figure import Figure

    def replace(block: re.Match[str]) -> str:
        space: dict[str, Any] = {}
        with fm.plot.style():
            exec(compile(block["code"], str(path.relative_to(target)), "exec"), space)
            sheet = space.get("sheet")
            if not isinstance(sheet, Figure):
                raise TypeError(f"{path.relative_to(target)}: a block 'drawn' must leave a figure named sheet, found "
                                f"{type(sheet).__name__}")
            file = path.with_name(f"{path.stem}-{len(list(path.parent.glob(f'{path.stem}-*.svg')))}.svg")
            sheet.savefig(file)
        return (f"```python\n{block['code']}```\n\n```{{figure}} {file.name}\n:alt: {block['caption']}\n\n"
                f"{block['caption']}\n```")

    text = DRAWN.sub(replace, path.read_text())
    path.write_text(text.replace("\n\n```\n", "\n```\n"))  # the empty line with which an example's output ends


class Links(HTMLParser):
    """The links of a page, and the places in it that links may lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called with every tag."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.places.add(value)


def dead(site: Path) -> list[str]:
    """Links of the built pages that lead to no file, or to no place in one."""
    pages = {page.resolve(): Links(page) for page in site.rglob("*.html") if "asv" not in page.relative_to(site).parts}
    found = []
    for page, own in pages.items():
        for link in own.links:
            to = urlsplit(link)
            if not to.scheme and not to.netloc:
                target = (page.parent / unquote(to.path)).resolve() if to.path else page
                known = pages[target].places if target in pages else set()
                if not target.exists() or (to.fragment and target in pages and unquote(to.fragment) not in known):
                    found.append(f"{page.relative_to(site.resolve())}: {link}")
    return found


def build(out: Path, made: Path | None = None, tracked: Path | None = None) -> int:
    """Write the site; the exit status. A warning is an error: a dead reference, a block that does not run."""
    from sphinx.cmd.build import main

    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "docs"
        shutil.copytree(SOURCE, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        shutil.copy(SOURCE / "conf.py", target)
        reference(target / "reference")
        gallery(target, made)
        tracking(target, tracked)
        included(target)
        for path in sorted(target.rglob("*.md")):
            drawn(target, path)
        status = int(main(["-q", "-W", "--keep-going", "-b", "html", "-d", str(Path(name) / "trees"), str(target),
                           str(out)]))
    if tracked is not None:
        shutil.copytree(tracked, out / "asv", dirs_exist_ok=True)
    lost = dead(out)
    print(f"{len(list(out.rglob('*.html')))} pages, {len(lost)} dead links", *lost, sep="\n  ")
    return status or bool(lost)


def command(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("site"), help="folder to write (default: site)")
    parser.add_argument("--gallery", type=Path, help="a folder that `fastmpg reproduce --out` has left")
    parser.add_argument("--tracking", type=Path, help="a folder that `python -m bench.publish` has left")
    said = parser.parse_args(argv)
    if said.gallery is not None and not (said.gallery / "results.json").exists():
        parser.error(f"no results.json in {said.gallery}: run `fastmpg reproduce --out {said.gallery}` first")
    if said.tracking is not None and not (said.tracking / "index.json").exists():
        parser.error(f"no index.json in {said.tracking}: run `python -m bench.publish --out {said.tracking}` first")
    return build(said.out, said.gallery, said.tracking)


if __name__ == "__main__":
    sys.exit(command())
