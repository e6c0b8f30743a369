"""``python -m bench.publish``: runs the asv suites and writes a page of plots, into a folder that git ignores.

The commits are those of a range, by default the one that is checked out; asv builds each into an environment of its
own. In the plots of ``against`` the package, plain numba and NumPy are lines of one picture.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SHORT = r"^against\.|^kernels\."  # in a few minutes
LINES = "against.NaturalGradient.track_iteration"


def asv(*arguments):
    """Run asv in the repository."""
    return subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=HERE).returncode


def lines(folder):
    """The values that the page has of each line of the plot of peers: {parameters: count of numbers}."""
    index = json.loads((folder / "index.json").read_text())
    names = index["benchmarks"][LINES]["params"]
    cells = [(size, by) for size in names[0] for by in names[1]]
    found = dict.fromkeys(cells, 0)
    for path in (folder / "graphs").rglob(f"{LINES}.json"):
        if "summary" in path.parts:
            continue
        for _, values in json.loads(path.read_text()):
            for cell, value in zip(cells, values if isinstance(values, list) else [values], strict=True):
                found[cell] += value is not None
    return found


def main():
    """Run, write, and look at what was written; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("range", nargs="?", default="HEAD^!", help="commits as git rev-list takes them")
    parser.add_argument("--steps", type=int, help="at most so many commits, spread over the range")
    parser.add_argument("--bench", default=SHORT, help="benchmarks to run, a regular expression; '.' for all")
    parser.add_argument("--out", default=".asv/html", help="folder of the page (default %(default)s)")
    parser.add_argument("--no-run", action="store_true", help="write what was measured before")
    given = parser.parse_args()
    folder = HERE / given.out
    if not given.no_run:
        asv("machine", "--yes")
        steps = ["--steps", str(given.steps)] if given.steps else []
        status = asv("run", given.range, "--bench", given.bench, "--skip-existing-successful", *steps)
        if status not in (0, 2):  # 2: some benchmark failed; what ran is written
            return status
    if asv("publish", "--html-dir", str(folder)):
        return 1
    missing = [cell for cell, count in lines(folder).items() if not count]
    if missing:
        print(f"the page has no numbers for {missing}")
        return 1
    print(f"{folder}/index.html: python -m http.server -d {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
