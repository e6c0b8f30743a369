"""The gate between commits (bench/gate.py): what it makes of numbers, that benchmarks must run, what it sees.

``python -m bench.planted`` is the whole proof.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastmpg as fm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import gate, kernels, planted, rooms  # noqa: E402 - the folder is no installed package

pytestmark = pytest.mark.compiled


def test_every_file_of_kernels_has_a_benchmark():
    files = {path.stem for path in Path(fm.__file__).parent.joinpath("kernels").glob("[a-z]*.py")}
    missing = {name for name in files if not any(case.startswith(name) for case in kernels.CASES)}
    assert not missing


def test_every_rule_and_metric_has_a_benchmark():
    assert {label.partition(",")[0] for label in rooms.rules()} == set(fm.rules.__all__)
    assert "ne_gap" in rooms.questions() and "ne_gap" in rooms.recorded()


def test_the_interval_holds_the_median():
    """Order statistics 2 and 9 of ten: 2 (1 + 10) / 2^10 = 2.1 % lie outside; of five nothing less than all will do."""
    assert gate.interval(np.arange(10.0)) == (4.5, 1.0, 8.0)
    assert gate.interval(np.arange(5.0)) == (2.0, 0.0, 4.0)


def test_a_ratio_is_the_smaller_departure_of_two(rng):
    base = rng.uniform(1.0, 1.1, (12, 2))
    assert gate.compared(base, base, 1).ratio == 1.0
    found = gate.compared(base, 1.3 * base, 1)
    assert found.ratio == pytest.approx(1.3) and found.low <= found.ratio <= found.high
    late = base.copy()
    late[8:] *= 2  # a third of the turns: neither the fast ones nor the median
    assert gate.compared(base, late, 1).ratio < 1.05


def test_what_does_not_repeat_is_not_slower():
    def ratio(x):
        return gate.Ratio(x, x, x, 1.0)

    assert not gate.Verdict(ratio(1.4), ()).slower(1.15)
    assert not gate.Verdict(ratio(1.4), (ratio(1.3), ratio(1.0), ratio(1.3))).slower(1.15)
    assert gate.Verdict(ratio(1.4), (ratio(1.3), ratio(1.1), ratio(1.3))).slower(1.15)
    assert not gate.Verdict(ratio(1.4), (ratio(1.1),) * 3).slower(1.15)


def test_the_commit_that_landed_last(tmp_path, monkeypatch):
    """It is named in a file; what is no commit of this history, or is what would be measured, is none."""
    def git(*words):
        done = subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e", *words],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    package, note = tmp_path / "fastmpg" / "__init__.py", tmp_path / ".ci" / "landed"
    package.parent.mkdir()
    package.write_text("")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    monkeypatch.setattr(gate, "HERE", tmp_path / "bench")
    assert gate.landed() is None
    note.parent.mkdir()
    note.write_text(git("rev-parse", "HEAD") + "\n")
    assert gate.landed() is None
    package.write_text("edited = True\n")
    assert gate.landed() == git("rev-parse", "HEAD")
    git("commit", "-qam", "two")
    assert gate.landed() == git("rev-parse", "HEAD^1")
    aside = git("commit-tree", "-m", "aside", "HEAD^{tree}")
    for words in (aside, "0" * 40, "no commit", ""):
        note.write_text(words)
        assert gate.landed() is None


def test_a_commit_that_is_not_there_is_no_pass(capsys):
    assert gate.main(["no-such-commit", "--short"]) == gate.LOST
    assert "neither a commit nor a folder" in capsys.readouterr().out


def test_plants_fit_the_kernels_of_today(tmp_path):
    for name in planted.PLANTS:
        planted.planted(name, tmp_path / name)


@pytest.mark.slow
def test_a_planted_slowdown_is_seen_and_nothing_else(tmp_path, capsys):
    head = planted.planted("vector.gather_dot", tmp_path)
    only = ("--short", "--only", "gather_dot")
    assert gate.main([str(ROOT), str(head), *only]) == gate.SLOWER
    assert gate.main([str(ROOT), str(ROOT), *only]) == 0
    assert gate.main([str(ROOT), str(ROOT), "--only", "nothing of this name"]) == gate.LOST
    assert "no benchmark runs on both sides" in capsys.readouterr().out


@pytest.mark.slow
def test_what_runs_no_more_is_no_pass(tmp_path, capsys):
    head = planted.planted("vector.gather_dot", tmp_path)
    path = tmp_path / "fastmpg" / "kernels" / "vector.py"
    path.write_text(path.read_text().replace("    t0, t1, t2, t3 = 0.0", "    t0, t1, t2, t3 = nonsense"))
    assert gate.main([str(ROOT), str(head), "--short", "--only", "gather_dot"]) == gate.LOST
    assert "runs at BASE, and not at HEAD" in capsys.readouterr().out
