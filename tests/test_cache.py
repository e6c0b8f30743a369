"""The cache of compiled code, in processes of their own: hits, stale code, torn files, unwritable folders, several at once."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fastmpg as fm

PACKAGE = Path(fm.__file__).parent

# Prints the entropy of a fair coin and how many functions were compiled (not loaded) on the way.
CHEAP = """
import numpy as np
from numba.core import event
count = []
class Listener(event.Listener):
    def on_start(self, happened): count.append(1)
    def on_end(self, happened): pass
event.register("numba:compile", Listener())
from fastmpg.kernels.simplex import entropy
print(repr(float(entropy(np.array([0.5, 0.5])))), len(count))
"""
LN2 = 0.6931471805599453


def run(code, cache, *, source=None, check=True, **env):
    """Run code with this cache folder, on a copy of the package if ``source`` is given."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("FASTMPG_", "NUMBA_CACHE", "XDG_CACHE"))}
    settings["PYTHONPATH"] = str(source or PACKAGE.parent)
    if cache is not None:
        settings["FASTMPG_CACHE_DIR"] = str(cache)
    settings |= env
    done = subprocess.run([sys.executable, "-P", "-W", "error", "-c", code], capture_output=True, text=True, env=settings, timeout=300)
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def cheap(cache, **options):
    value, compiled = run(CHEAP, cache, **options).stdout.split()
    return float(value), int(compiled)


def files(cache):
    return sorted(Path(cache).rglob("*.nb"))


def test_the_second_process_compiles_nothing(tmp_path):
    assert cheap(tmp_path) == (LN2, 1)
    first = {p: p.read_bytes() for p in files(tmp_path)}
    assert [p.name.split("-")[0] for p in first] == ["entropy"]
    assert cheap(tmp_path) == (LN2, 0)
    assert {p: p.read_bytes() for p in files(tmp_path)} == first
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".nb"], "no temporary file stays behind"


def copied(tmp_path):
    target = tmp_path / "source"
    shutil.copytree(PACKAGE, target / "fastmpg", ignore=shutil.ignore_patterns("__pycache__"))
    return target


HELPER = """
import numpy as np
from fastmpg.feedback.desk import stage_payoffs
out = np.zeros((1, 1))
stage_payoffs(np.zeros((1, 2)), np.array([[0.5, 0.5]]), np.array([0, 2]), 1.0, out)
print(repr(float(out[0, 0])))
"""


def test_an_edited_helper_in_another_file_is_noticed(tmp_path):
    """feedback/oracle.py calls kernels/simplex.py: numba's own cache would go on with the old. Edited back, the old code serves again."""
    source, cache = copied(tmp_path), tmp_path / "cache"
    helper = source / "fastmpg" / "kernels" / "simplex.py"
    text = helper.read_text()
    line = "total -= row[a] * math.log(row[a])"
    assert text.count(line) == 1
    assert float(run(HELPER, cache, source=source).stdout) == LN2
    helper.write_text(text.replace(line, "total -= 2.0 * row[a] * math.log(row[a])"))
    assert float(run(HELPER, cache, source=source).stdout) == 2 * LN2
    assert len(list(cache.iterdir())) == 2, "one folder a version"
    count = len(files(cache))
    helper.write_text(text)
    assert float(run(HELPER, cache, source=source).stdout) == LN2
    assert len(files(cache)) == count


def flipped(blob, place):
    changed = bytearray(blob)
    changed[place] ^= 4
    return bytes(changed)


DAMAGE = {
    "empty": lambda b: b"",
    "one byte": lambda b: b[:1],
    "checksum alone": lambda b: b[:32],
    "half": lambda b: b[: len(b) // 2],
    "last byte missing": lambda b: b[:-1],
    "one byte more": lambda b: b + b"\0",
    "text": lambda b: b"hello" * 100,
    "flip in the checksum": lambda b: flipped(b, 3),
    "flip in the middle": lambda b: flipped(b, len(b) // 2),
    "flip at the end": lambda b: flipped(b, len(b) - 1),
}


@pytest.mark.parametrize(
    "damage", [pytest.param(d, marks=[] if d in ("empty", "half", "flip in the middle") else pytest.mark.slow) for d in DAMAGE]
)
def test_damaged_files_are_compiled_again(tmp_path, damage):
    assert cheap(tmp_path) == (LN2, 1)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[damage](whole))
    assert cheap(tmp_path) == (LN2, 1), "not trusted"
    assert cheap(tmp_path) == (LN2, 0), "and mended"


def test_unusable_folders_only_cost_time(tmp_path):
    """A cache folder below a regular file cannot be made, by root neither: everything runs, nothing is kept."""
    block = tmp_path / "file"
    block.write_text("in the way")
    assert cheap(block / "cache") == (LN2, 1)
    assert cheap(None, HOME=str(block / "home")) == (LN2, 1)
    assert cheap(None, HOME=str(tmp_path / "absent")) == (LN2, 1)
    assert cheap(None, HOME="", XDG_CACHE_HOME=str(block)) == (LN2, 1)
    assert block.read_text() == "in the way"


def test_the_order_of_folders(tmp_path):
    """$FASTMPG_CACHE_DIR before $NUMBA_CACHE_DIR before $XDG_CACHE_HOME before the home folder."""
    names = {name: str(tmp_path / name) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME")}
    code = "from fastmpg.machine import cache_root; print(cache_root())"
    assert run(code, tmp_path / "own", **names).stdout.strip() == str(tmp_path / "own")
    assert run(code, None, **names).stdout.strip() == names.pop("NUMBA_CACHE_DIR")
    assert run(code, None, **names).stdout.strip() == names.pop("XDG_CACHE_HOME") + "/fastmpg"
    assert run(code, None, **names).stdout.strip() == names["HOME"] + "/.cache/fastmpg"


def test_others_may_not_write_compiled_code(tmp_path):
    """Whoever can write there runs code as us: the folder is 0700, whatever the umask, and so is every one made on the way."""
    cache = tmp_path / "a" / "b"
    run("import os; os.umask(0)\n" + CHEAP, cache)
    (folder,) = cache.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for made in (cache, cache.parent):
        assert stat.S_IMODE(made.stat().st_mode) & 0o022 == 0, f"{made} can be written by others: they can put a folder of theirs in place"
    for path in files(cache):
        assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0 or stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_several_processes_may_compile_at_once(tmp_path):
    settings = os.environ | {"FASTMPG_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)}
    started = [subprocess.Popen([sys.executable, "-P", "-c", CHEAP], env=settings, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [p.communicate(timeout=300)[0].split()[0] for p in started]
    assert [p.returncode for p in started] == [0] * 4 and [float(a) for a in answers] == [LN2] * 4
    assert len(files(tmp_path)) == 1
    assert cheap(tmp_path) == (LN2, 0)
    assert not list(tmp_path.rglob("*.tmp"))


USER = """
import numpy as np, sys
import fastmpg as fm
from typing import NamedTuple
@fm.kernel
def helper(x):
    return x * FACTOR
@fm.kernel
def outer(x):
    return helper(x) + 1.0
class Mine(NamedTuple):
    eta: float = 0.1
@fm.kernel
def of_class(rule):
    return rule.eta * FACTOR
print(outer(1.0), of_class(Mine(2.0)))
"""


def test_what_users_write_never_goes_to_the_disk(tmp_path):
    """Neither functions of plain numbers nor those of classes: an edited script gives its new answer."""
    script = tmp_path / "script.py"
    for factor in (2.0, 3.0):
        script.write_text(f"FACTOR = {factor}\n{USER}")
        found = run(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", tmp_path / "cache").stdout.split()
        assert [float(x) for x in found] == [factor + 1, 2 * factor]
    assert files(tmp_path) == []


@pytest.mark.slow
def test_a_users_rule_never_goes_to_the_disk(tmp_path):
    """Nor the loop that was compiled for it; what of the package it used does, and serves the next process."""
    script = tmp_path / "script.py"
    script.write_text("""
from typing import NamedTuple
import fastmpg as fm
class Mine(NamedTuple):
    eta: float = 0.1
    @staticmethod
    @fm.kernel
    def update(rule, state, feedback, k):
        state.policy[0, 0] -= FACTOR * rule.eta
        state.policy[0, 1] += FACTOR * rule.eta
run = fm.learn(fm.games.zhang_3x2(), Mine(), 1, record=fm.Record(metrics=()), policy=[[0.5, 0.3, 0.2, 0.5, 0.5]])
print(*run.policy[0, :2])
""")
    text = script.read_text()
    for factor in (1.0, 2.0):
        script.write_text(f"FACTOR = {factor}\n{text}")
        found = run(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", tmp_path / "cache").stdout.split()
        assert [float(x) for x in found] == pytest.approx([0.5 - 0.1 * factor, 0.3 + 0.1 * factor], rel=1e-14)
    names = {p.name.split("-")[0] for p in files(tmp_path)}
    assert "_observe" in names and not names & {"run_chunk", "update"}


PARALLEL = """
import faulthandler, sys, numpy as np
faulthandler.enable()
import fastmpg as fm
from fastmpg.models.markov.dense import _contract
game = fm.games.random_markov(6, (2, 2), rng=1)
work, policy = game.workspace(2), fm.uniform_policy(game)
STEP
print(repr(float(work.chain.sum())))
"""


def test_code_linked_from_the_cache_can_itself_be_cached(tmp_path):
    """Three sessions, each of which compiles a caller of what the one before cached, and one that loads it all."""
    inner = PARALLEL.replace("STEP", "_contract(game.model, work, policy)")
    outer = PARALLEL.replace(
        "STEP",
        "from fastmpg.feedback.desk import Desk, evaluate_into\n"
        "oracle = Oracle.create(game, threads=2)\nevaluate_into(game.model, oracle, policy)\nwork = oracle.work",
    )
    sums = [float(run(code, tmp_path).stdout) for code in (inner, outer, outer, inner)]
    assert sums == pytest.approx([6.0] * 4, rel=1e-14)


COUNTED = """
from fastmpg import machine
compiled = []
from numba.core import event
class Listener(event.Listener):
    def on_start(self, happened): compiled.append(str(happened.data["dispatcher"].py_func.__name__))
    def on_end(self, happened): pass
event.register("numba:compile", Listener())

@machine.kernel
def times(x, count):
    return x * count

@machine.kernel
def several(x):
    return times(x, 2) + times(x, 3) + times(x, times(2, 2))

print(several(5), *sorted(compiled))
print(times(5, 6), *sorted(compiled))
"""


def test_one_version_serves_every_caller(tmp_path):
    """Integers that a caller writes out do not make versions of their own; the first call from Python makes one that takes its objects."""
    lines = run(COUNTED, tmp_path).stdout.splitlines()
    assert lines == ["45 several times", "30 several times times"]
    assert run(COUNTED, tmp_path).stdout.splitlines() == ["45", "30"]


@pytest.mark.slow
def test_three_sessions_of_a_user(tmp_path):
    """evaluate; then learn, which links what evaluate cached; then learn from the cache."""
    start = "import fastmpg as fm; game = fm.games.random_markov(4, (2, 3), rng=1); rule = fm.rules.NaturalGradientPlay(0.2)\n"
    run(start + "fm.evaluate(game, fm.uniform_policy(game))", tmp_path)
    learn = start + "print(*map(repr, fm.learn(game, rule, 3).policy.ravel().tolist()))"
    assert run(learn, tmp_path).stdout == run(learn, tmp_path).stdout


def test_clear_cache(tmp_path):
    """The compiled code of every version goes, nothing else does, and the number is told."""
    cheap(tmp_path)
    other = tmp_path / "kernels-0123456789abcdef"
    other.mkdir()
    (other / "old-1.nb").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("mine")
    code = "from fastmpg import _jit; print(len(machine.cached_files()), machine.clear_cache(), len(machine.cached_files()))"
    assert run(code, tmp_path).stdout.split() == ["2", "2", "0"]
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    assert run(code, tmp_path).stdout.split() == ["0", "0", "0"]
    assert run(code, tmp_path / "absent").stdout.split() == ["0", "0", "0"]
    assert cheap(tmp_path) == (LN2, 1)
