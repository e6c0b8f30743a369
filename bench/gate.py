"""``python -m bench.gate [BASE [HEAD]]``: is HEAD slower than BASE? Exits 1 if a benchmark is, and stays so when asked
again; 0 if none is; 2 if none ran on both sides, or one that runs at BASE fails at HEAD.

BASE and HEAD are commits, or folders that hold the package. HEAD is the working tree if it is left out; BASE the commit
that landed last, which ``.ci/landed`` names (whoever begins a change writes it: ``git rev-parse HEAD > .ci/landed``).

Each side's package lies in a folder of its own with a kernel cache of its own, and is measured by a process of its own,
with the benchmarks of *this* folder on both sides. The two processes take turns, base head head base, a few
milliseconds each, on the processor's clock: what else runs on the machine falls on both. A benchmark's ratio is the
smaller departure from 1 of two: that of the lowest fifth of the times, and the median of the ratios turn by turn. What
looks slower is measured again in fresh pairs of processes, whose memory lies elsewhere; it is slower if the median of
these ratios is beyond the limit, and no single one near 1.
"""

import argparse
import contextlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
LIMIT = 1.15
SLOWER, LOST = 1, 2  # exit statuses


class NothingRan(Exception):
    """No benchmark, or not the same on both sides."""


# ------------------------------------------------------------------------------------------------------------- sides
def git(*arguments):
    """What git says, in the folder above."""
    done = subprocess.run(["git", "-C", str(HERE.parent), *arguments], capture_output=True, check=True)
    return done.stdout


def named(commit):
    """The hash of a commit, or None where there is none."""
    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
        return git("rev-parse", "-q", "--verify", f"{commit}^{{commit}}").decode().strip()
    return None


def landed():
    """The last landed commit; None where this history does not hold it, or where it is the working tree itself."""
    note = HERE.parent / ".ci" / "landed"
    commit = named(note.read_text().strip()) if note.exists() else None
    if commit is None or subprocess.run(["git", "-C", str(HERE.parent), "merge-base", "--is-ancestor", commit, "HEAD"],
                                        capture_output=True).returncode:
        return None
    return commit if commit != named("HEAD") or git("status", "--porcelain", "fastmpg") else None


def unpack(what, folder):
    """The package of a commit or of a folder, in a folder of its own."""
    if Path(what, "fastmpg", "__init__.py").is_file():
        shutil.copytree(Path(what, "fastmpg"), folder / "fastmpg", ignore=shutil.ignore_patterns("__pycache__"))
        return
    commit = named(what)
    if commit is None:
        raise NothingRan(f"{what} is neither a commit nor a folder that holds fastmpg")
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "fastmpg"))) as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # from 3.11.4 on


def seed(folder):
    """Compiled code that the user's cache holds already: an entry's name is the hash of its sources."""
    from fastmpg.machine import cached_files

    (folder / "cache" / "units").mkdir(mode=0o700, parents=True)
    for path in cached_files():
        shutil.copy2(path, folder / "cache" / "units" / path.name)


class Worker:
    """A process that measures one side."""

    def __init__(self, folder):
        self.folder = folder
        paths = os.pathsep.join([str(folder), str(folder.parent / "suite")])
        env = os.environ | {"PYTHONPATH": paths, "FASTMPG_CACHE_DIR": str(folder / "cache"), "NUMBA_NUM_THREADS": "1",
                            "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "MALLOC_MMAP_THRESHOLD_": "65536"}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen([sys.executable, "-m", "bench.gated"], env=env, cwd=folder, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def send(self, what, *arguments):
        """Ask, without waiting."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([what, arguments]) + "\n")
            self.process.stdin.flush()

    def receive(self):
        """The reply."""
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise NothingRan(f"the process of {self.folder.name} ended: {self.errors.read()[-2000:]}")
        return json.loads(line)

    def ask(self, what, *arguments):
        """Ask, and wait."""
        self.send(what, *arguments)
        return self.receive()

    def close(self):
        """The process ends."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.errors.close()


@contextlib.contextmanager
def pair(base, head, swapped=False):
    """A process a side, started in either order."""
    workers = []
    try:
        for folder in (head, base) if swapped else (base, head):
            workers.append(Worker(folder))
        yield workers[::-1] if swapped else workers
    finally:
        for each in workers:
            each.close()


# ------------------------------------------------------------------------------------------------------- measurements
class Ratio(NamedTuple):
    """HEAD's time over BASE's, an interval for it, and BASE's seconds a call."""

    ratio: float
    low: float
    high: float
    seconds: float


def interval(values):
    """The median, and the order statistics around it that hold it with a chance of at least 95 %."""
    ordered, n = np.sort(values), len(values)
    tail, k = 0.0, -1
    while k + 1 < n / 2 and tail + math.comb(n, k + 1) / 2**n <= 0.025:
        k += 1
        tail += math.comb(n, k) / 2**n
    k = max(k, 0)
    return float(np.median(ordered)), float(ordered[k]), float(ordered[n - 1 - k])


def compared(base, head, calls):
    """The ratio of turns.    base, head (turns, 2): seconds, two measurements a side and turn"""
    base, head = np.asarray(base), np.asarray(head)
    middle, low, high = interval(np.log(head.min(axis=1) / base.min(axis=1)))
    fast = math.log(np.quantile(head, 0.2) / np.quantile(base, 0.2))
    ratio = 0.0 if fast * middle <= 0.0 else min(fast, middle, key=abs)
    return Ratio(math.exp(ratio), math.exp(min(low, ratio)), math.exp(max(high, ratio)),
                 float(np.quantile(base, 0.2)) / calls)


def turns(base, head, name, count, seconds):
    """The ratio of one benchmark, of so many turns, about so many seconds a measurement."""
    calls = min(base.ask("calls", name, seconds), head.ask("calls", name, seconds))
    times = ([], [])
    for k in range(count):
        order = (0, 1, 1, 0) if k % 2 == 0 else (1, 0, 0, 1)
        found = ([], [])
        for side in order:
            found[side].append((base, head)[side].ask("measure", name, calls))
        for side in (0, 1):
            times[side].append(found[side])
    return compared(*times, calls)


def prepared(base, head, names):
    """The names that run on both sides, and what is said of the others."""
    for worker in (base, head):
        worker.send("prepare", names)
    failed = [worker.receive() for worker in (base, head)]
    told = {}
    for name in names:
        before, after = failed[0].get(name), failed[1].get(name)
        if after is not None and before is None:
            raise NothingRan(f"{name} runs at BASE, and not at HEAD: {after}")
        if before is not None and not before == after == "unfit":
            told[name] = before.strip().splitlines()[-1]
    return [name for name in names if name not in failed[0] and name not in failed[1]], told


# ---------------------------------------------------------------------------------------------------------- the gate
class Verdict(NamedTuple):
    """Of one benchmark: its first ratio, and those of fresh pairs of processes where it looked slower."""

    first: Ratio
    again: tuple

    def slower(self, limit):
        """Whether the slowdown repeats."""
        found = [each.ratio for each in self.again]
        return bool(found) and float(np.median(found)) > limit and min(found) > 1 + (limit - 1) / 2

    def shown(self):
        """The ratio and the interval that say it best: over pairs of processes where there were several."""
        if not self.again:
            return self.first.ratio, self.first.low, self.first.high
        found = [each.ratio for each in self.again]
        return float(np.median(found)), min(found), max(found)


def gate(base, head, *, short=False, only="", limit=LIMIT, repeats=6, told=print):
    """The verdicts by name, measured on two folders that hold a package each.

    Raises
    ------
    NothingRan
    """
    count, seconds = (12, 3e-3) if short else (20, 4e-3)
    suspect = 1 + (limit - 1) / 2
    with pair(base, head) as workers:
        lists = [worker.ask("list") for worker in workers]
        for folder, each in zip((base, head), lists, strict=True):
            if Path(each["package"]).resolve().parent.parent != folder.resolve():
                raise NothingRan(f"{folder.name} measures {each['package']}")
        wanted = [[name for name in each["short" if short else "cases"] if only in name] for each in lists]
        names = [name for name in wanted[1] if name in set(wanted[0])]
        for where, name in [("BASE", x) for x in wanted[0] if x not in names] + [
                ("HEAD", x) for x in wanted[1] if x not in names]:
            told(f"{name}: at {where} alone")
        began = time.monotonic()
        names, failed = prepared(*workers, names)
        told(f"{len(names)} benchmarks are ready after {time.monotonic() - began:.0f} s")
        for name, why in failed.items():
            told(f"{name}: does not run at BASE ({why})")
        if not names:
            raise NothingRan("no benchmark runs on both sides")
        first = {name: turns(*workers, name, count, seconds) for name in names}
    again = {name: [] for name, each in first.items() if each.ratio > suspect}
    for k in range(repeats):
        open_ = [name for name, found in again.items()
                 if not found or min(each.ratio for each in found) > suspect]  # the others are cleared
        if not open_:
            break
        told(f"measured again, in fresh processes: {', '.join(open_)}")
        with pair(base, head, swapped=k % 2 == 0) as workers:
            ready, _ = prepared(*workers, open_)
            if ready != open_:
                raise NothingRan(f"{sorted(set(open_) - set(ready))} ran once, and not again")
            for name in open_:
                again[name].append(turns(*workers, name, 2 * count, seconds))
    return {name: Verdict(each, tuple(again.get(name, ()))) for name, each in first.items()}


def table(verdicts, limit, everything=True):
    """The lines of the table, the largest ratio first."""
    rows = sorted(verdicts.items(), key=lambda row: -row[1].shown()[0])
    width = max(len(name) for name in verdicts)
    lines = [f"{'':{width}} {'base, us':>10} {'ratio':>7}  interval"]
    for name, each in rows:
        ratio, low, high = each.shown()
        word = "SLOWER" if each.slower(limit) else "measured again" if each.again else ""
        if everything or word:
            lines.append(f"{name:{width}} {1e6 * each.first.seconds:10.1f} {ratio:6.2f}x  [{low:.2f}, {high:.2f}]"
                         f"  {word}".rstrip())
    return lines


def main(arguments=None):
    """Build both sides, measure, print the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("base", nargs="?", help="a commit, or a folder that holds the package")
    parser.add_argument("head", nargs="?", default=str(HERE.parent), help="the same; default: the working tree")
    parser.add_argument("--short", action="store_true", help="a short list, with compiled code from the user's cache")
    parser.add_argument("--only", default="", help="benchmarks whose names hold this")
    parser.add_argument("--limit", type=float, default=LIMIT, help="of the ratio (default %(default)s)")
    given = parser.parse_args(arguments)
    base = given.base or landed()
    if base is None:
        print("gate: skipped, as no earlier commit that landed is known here (.ci/landed)")
        return 0
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        try:
            shutil.copytree(HERE, folder / "suite" / "bench", ignore=shutil.ignore_patterns("__pycache__"))
            for name, what in (("base", base), ("head", given.head)):
                (folder / name).mkdir()
                unpack(what, folder / name)
                if given.short:
                    seed(folder / name)
            print(f"gate: {base} against {given.head}")
            verdicts = gate(folder / "base", folder / "head", short=given.short, only=given.only, limit=given.limit)
        except NothingRan as error:
            print(f"gate: {error}")
            return LOST
    print("\n".join(table(verdicts, given.limit)))
    slower = [name for name, each in verdicts.items() if each.slower(given.limit)]
    print(f"gate: {len(verdicts)} benchmarks on both sides, "
          + (f"{len(slower)} slower than {given.limit}x: {', '.join(slower)}" if slower else "none slower"))
    return SLOWER if slower else 0


if __name__ == "__main__":
    sys.exit(main())
