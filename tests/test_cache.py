"""The cache of compiled code: what is compiled again and what is not, damage, folders of others, several processes."""

import ast
import json
import os
import pickle
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import PACKAGE, copied, files, run, session_cache, settings

from fastmpg import machine
from fastmpg.machine import cache, options, units

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX")
root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")

# Prints the entropy of a fair coin and what was compiled (not loaded) on the way.
CHEAP = """
import numpy as np
from fastmpg.kernels.simplex import entropy
from fastmpg.machine.units import COMPILED
print(repr(float(entropy(np.array([0.5, 0.5])))), *[name for name, _ in COMPILED])
"""
LN2 = 0.6931471805599453
COMPILED, LOADED = f"{LN2!r} entropy\n", f"{LN2!r}\n"


def cheap(folder, **more):
    return run(CHEAP, folder, **more).stdout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache in this process, which knows nothing of it yet."""
    monkeypatch.setenv("FASTMPG_CACHE_DIR", str(tmp_path / "root"))
    monkeypatch.setattr(cache, "_warned", set())
    cache.usable.cache_clear()
    yield tmp_path / "root" / "units"
    cache.usable.cache_clear()


FACTS, CODE = {"symbol": "cfunc.f", "results": ["float64"]}, bytes(range(256)) * 40


@pytest.mark.compiled
def test_the_second_process_compiles_nothing(tmp_path):
    assert cheap(tmp_path) == COMPILED
    first = {p: p.read_bytes() for p in files(tmp_path)}
    assert [p.name.split("-")[0] for p in first] == ["entropy"]
    assert cheap(tmp_path) == LOADED
    assert {p: p.read_bytes() for p in files(tmp_path)} == first
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == list(first), "no temporary file stays behind"


# ---------------------------------------------------------------------------------------------- what is edited
HELPER = """
import numpy as np, os, sys
from fastmpg.feedback.desk import stage_payoffs
if len(sys.argv) > 1:
    os.utime(sys.argv[1])
out = np.zeros((1, 1))
stage_payoffs(np.zeros((1, 2)), np.array([[0.5, 0.5]]), np.array([0, 2]), 1.0, out)
from fastmpg.machine.units import COMPILED
print(repr(float(out[0, 0])), len(COMPILED))
"""


@pytest.mark.compiled
def test_an_edited_helper_in_another_file_is_noticed(tmp_path):
    """feedback/desk.py calls kernels/simplex.py: numba's own cache would go on with the old. Edited back, the old code
    serves again; edited while a process runs, it keeps nothing, as the code may be of the old text."""
    source, folder = copied(tmp_path), tmp_path / "cache"
    helper = source / "fastmpg" / "kernels" / "simplex.py"
    text = helper.read_text()
    line = "total -= row[a] * math.log(row[a])"
    assert text.count(line) == 1
    assert run(HELPER, folder, str(helper), source=source).stdout == f"{LN2!r} 1\n"
    assert files(folder) == []
    assert run(HELPER, folder, source=source).stdout == f"{LN2!r} 1\n"
    helper.write_text(text.replace(line, "total -= 2.0 * row[a] * math.log(row[a])"))
    assert run(HELPER, folder, source=source).stdout == f"{2 * LN2!r} 1\n"
    assert len(files(folder)) == 2
    helper.write_text(text)
    assert run(HELPER, folder, source=source).stdout == f"{LN2!r} 0\n"
    assert len(files(folder)) == 2


SESSION = """
import json, fastmpg as fm
from fastmpg.machine.units import COMPILED
game = fm.games.zhang_3x2()
fm.learn(game, fm.rules.GradientPlay(0.1), 3, record=fm.Record(metrics=("ne_gap", "value")))
fm.evaluate(game, fm.uniform_policy(game)), fm.ne_gap(game, fm.uniform_policy(game))
print(json.dumps(sorted(name for name, _ in COMPILED)))
"""
MINE = '''
from __future__ import annotations
from typing import NamedTuple
from ..feedback.oracle import Oracle
from ..machine import attach, inlined
from .state import TableState

@inlined
def _update(rule, state, feedback, k):
    state.policy[0, 0] += rule.eta * feedback.q_bar[0, 0]

@attach(feedback=Oracle, state=TableState, update=_update)
class Another(NamedTuple):
    """Another rule."""

    eta: float = 0.0
'''


def session(folder, source):
    return json.loads(run(SESSION, folder, source=source).stdout)


@pytest.mark.slow
def test_an_edit_compiles_again_what_imports_the_file(tmp_path):
    """Nothing after a new rule file, or edits of command line, plots, experiments; one unit after a metric's edit."""
    source, folder = copied(tmp_path), tmp_path / "cache"
    session_cache(folder)  # saves the first compilation, if the session has it already
    session(folder, source)
    package = source / "fastmpg"
    (package / "rules" / "another.py").write_text(MINE)
    idle = [path for room in ("cli", "experiments", "games", "solvers") for path in (package / room).glob("*.py")]
    idle += [package / name for name in ("__init__.py", "plot/results.py", "theory/__init__.py", "metrics/distance.py",
                                         "rules/q_ascent.py")]
    for path in idle:
        path.write_text(path.read_text() + "\n# edited\n")
    assert session(folder, source) == []
    for name, compiled in (("metrics/ne_gap.py", ["write"]), ("rules/gradient_play.py", ["run_chunk"])):
        (package / name).write_text((package / name).read_text() + "\n# edited\n")
        assert session(folder, source) == compiled


def test_a_kernel_s_sources_are_all_that_its_module_imports():
    """The stamp finds the imports that Python finds, file by file, and none that is written another way escapes it."""
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] == "docs":
            continue  # a program beside the package, which imports it as users do
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        inside, expected = parts[:-1], set()
        for node in ast.parse(path.read_text()).body:  # those inside functions come after everything is compiled
            if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "UNCOMPILED"):
                continue
            for inner in ast.walk(node) if isinstance(node, ast.If | ast.Try | ast.With) else [node]:
                if isinstance(inner, ast.Import):
                    assert not any(alias.name.startswith("fastmpg") for alias in inner.names), path
                if isinstance(inner, ast.ImportFrom) and not inner.level:
                    assert not inner.module.startswith("fastmpg"), path
                if isinstance(inner, ast.ImportFrom) and inner.level:
                    base = [*inside[:len(inside) - inner.level + 1], *(inner.module or "").split(".")]
                    for alias in inner.names:
                        target = ".".join(filter(None, [*base, alias.name]))
                        expected.add(target if cache._file_of(target) is not None else ".".join(filter(None, base)))
        assert set(cache._source.__wrapped__(module)[1]) == expected, path
    whole = cache.closure(["feedback.desk"])
    assert {"machine.units", "kernels.simplex", "kernels.elementary", "policy", "_check", "models.game"} <= set(whole)
    assert not [each for each in whole
                if each.split(".")[0] in ("rules", "run", "cli", "experiments", "plot", "metrics")]


@pytest.mark.compiled
@pytest.mark.parametrize("base, change", [
    pytest.param({}, {"NUMBA_CPU_NAME": "generic"}, id="processor"),
    pytest.param({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse4.2"}, {"NUMBA_CPU_FEATURES": ""},
                 id="features", marks=pytest.mark.slow),
    pytest.param({}, {"NUMBA_BOUNDSCHECK": "1"}, id="bounds", marks=pytest.mark.slow)])
def test_the_processor_and_numba_s_settings_are_part_of_the_name(tmp_path, base, change):
    assert [cheap(tmp_path, **base), cheap(tmp_path, **base | change)] == [COMPILED] * 2
    assert len(files(tmp_path)) == 2
    assert cheap(tmp_path, **base | change) == LOADED


def test_names_tell_apart_whatever_decides_the_code(monkeypatch):
    def kernel():
        pass

    given = {"kernel": kernel, "kinds": "(float64,)", "modules": ["fastmpg.kernels.simplex"],
             "machine": ("x86", "skylake", "+avx2")}
    other = {"kernel": test_names_tell_apart_whatever_decides_the_code, "kinds": "(int64,)",
             "modules": ["fastmpg.kernels.rng"], "machine": ("x86", "skylake", "+avx512")}
    names = {cache.key(**given)} | {cache.key(**given | {what: value}) for what, value in other.items()}
    for package in options.versions():
        with monkeypatch.context() as patch:
            patch.setattr(cache, "versions", lambda package=package: options.versions() | {package: "0"})
            names.add(cache.key(**given))
    assert len(names) == 1 + len(other) + len(options.versions())
    assert set(options.versions()) == {"numba", "llvmlite", "numpy", "python"}
    assert cache.key(**given) in names and re.fullmatch(r"[\w.]+-[0-9a-f]{32}", cache.key(**given))
    assert len(units.settings()) == 5


# ------------------------------------------------------------------------------------------------------------- damage
def flipped(blob, place):
    changed = bytearray(blob)
    changed[place] ^= 4
    return bytes(changed)


class Planted:
    """Whoever unpickles it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "run")


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def in_place(path, make):
    path.unlink()
    make(path)


def elsewhere(path):
    """A link to what is whole."""
    target = path.with_name(f"{path.stem}.moved")
    path.rename(target)
    path.symlink_to(target)


def filled_folder(path):
    path.unlink()
    path.mkdir()
    (path / "x").write_text("")


HEAD = len(cache.MAGIC)
DAMAGE = {
    "empty": lambda p, b: replace(p, b""),
    "one byte": lambda p, b: replace(p, b[:1]),
    "head alone": lambda p, b: replace(p, b[:HEAD]),
    "head and sum alone": lambda p, b: replace(p, b[:HEAD + 32]),
    "half": lambda p, b: replace(p, b[:len(b) // 2]),
    "last byte missing": lambda p, b: replace(p, b[:-1]),
    "one byte more": lambda p, b: replace(p, b + b"\0"),
    "text": lambda p, b: replace(p, b"hello" * 100),
    "a pickle": lambda p, b: replace(p, pickle.dumps(Planted(p.with_name("planted")))),
    "flip in the head": lambda p, b: replace(p, flipped(b, 3)),
    "flip in the sum": lambda p, b: replace(p, flipped(b, HEAD + 3)),
    "flip in the facts": lambda p, b: replace(p, flipped(b, HEAD + 40)),
    "flip in the middle": lambda p, b: replace(p, flipped(b, len(b) // 2)),
    "flip at the end": lambda p, b: replace(p, flipped(b, len(b) - 1)),
    "another's content": lambda p, b: replace(
        p, next(q for q in files(p.parent) if q != p and q.is_file()).read_bytes()),
    "a folder": lambda p, b: in_place(p, Path.mkdir),
}
if os.name == "posix":
    DAMAGE |= {
        "a pipe": lambda p, b: in_place(p, os.mkfifo),
        "a link": lambda p, b: elsewhere(p),
        "a link to nothing": lambda p, b: in_place(p, lambda q: q.symlink_to("nothing")),
        "a terminal": lambda p, b: in_place(p, lambda q: q.symlink_to("/dev/tty")),
        "writable by others": lambda p, b: p.chmod(0o602),
        "writable by the group": lambda p, b: p.chmod(0o620),
        "unreadable": lambda p, b: p.chmod(0),
        "somebody else's": lambda p, b: os.chown(p, 12345, -1) if os.geteuid() == 0 else replace(p, b""),
        "a full folder": lambda p, b: filled_folder(p),
    }


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_not_loaded(folder, damage):
    """And what is saved in its place is."""
    cache.save("one", FACTS, CODE)
    cache.save("two", FACTS, CODE[::-1])
    path = folder / "one.unit"
    assert cache.load("one") == (FACTS | {"name": "one"}, CODE)
    DAMAGE[damage](path, path.read_bytes())
    if damage == "unreadable" and os.geteuid() == 0:
        return  # root reads everything
    assert cache.load("one") is None
    cache.save("one", FACTS, CODE)
    if damage == "a full folder":
        assert cache.load("one") is None and (path / "x").exists(), "what is not ours stays"
    else:
        assert cache.load("one") == (FACTS | {"name": "one"}, CODE)
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600 or os.name != "posix"
    assert cache.load("two") == (FACTS | {"name": "two"}, CODE[::-1])
    assert not (folder / "planted").exists() and not (folder / "nothing").exists() and not list(folder.glob("*.tmp"))


# The same row in as many types as there are damages, each with a unit of its own.
SEVERAL = """
import itertools, sys
from pathlib import Path
import numpy as np
from fastmpg.kernels.simplex import entropy
from fastmpg.machine import cached_files
from fastmpg.machine.units import COMPILED
known = set()
for kind, step in itertools.islice(itertools.product("f8 f4 i8 i4 i2 i1 u8 u4 u2 u1".split(), (1, 2, -1)), \
int(sys.argv[1])):
    row, before = np.zeros(4, kind)[::step], len(COMPILED)
    row[:2] = 0.5 if kind[0] == "f" else 1
    value, found = float(entropy(row)), {path.name for path in cached_files()}
    print(kind, step, repr(value), len(COMPILED) - before, *sorted(found - known))
    known |= found
"""


@pytest.mark.slow
def test_damaged_files_are_compiled_again(tmp_path):
    """Every damage at once, in processes: no crash, no wrong number, and the next process finds mended what can be."""
    names = list(DAMAGE)
    first = [line.split() for line in run(SEVERAL, tmp_path, str(len(names))).stdout.splitlines()]
    for line in first:
        assert float(line[2]) == (pytest.approx(LN2, rel=2.0**-23) if line[0][0] == "f" else 0.0)
    assert (len({line[-1] for line in first if line[3] == "1"})
            == len([line for line in first if line[3] == "1"]) >= len(names) * 2 // 3)
    hurt = {line[-1]: name for line, name in zip([line for line in first if line[3] == "1"], names, strict=False)}
    for file, name in hurt.items():
        path = tmp_path / "units" / file
        DAMAGE[name](path, path.read_bytes())
    whole = {"unreadable"} if getattr(os, "geteuid", lambda: 1)() == 0 else set()
    for round_, again in ((1, set(hurt.values()) - whole), (2, {"a full folder"} & set(hurt.values()))):
        lines = [line.split() for line in run(SEVERAL, tmp_path, str(len(names))).stdout.splitlines()]
        assert [line[:3] for line in lines] == [line[:3] for line in first]
        assert sum(int(line[3]) for line in lines) == len(again), f"round {round_}"
    assert not list(tmp_path.rglob("planted"))


# ------------------------------------------------------------------------------------------------------ whose it is
def opened(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)


def given_away(folder):
    folder.mkdir(parents=True)
    os.chown(folder, 12345, -1)


def linked(folder):
    folder.parent.mkdir(parents=True)
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to("elsewhere")


def outer(make):
    """The same done to the root of the cache."""
    def made(folder):
        make(folder.parent)
        folder.mkdir(mode=0o700)
    return made


def blocked(folder):
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("in the way")


UNFIT = {"open": (opened, "chmod go-w"), "open root": (outer(opened), "chmod go-w"), "a link": (linked, "is no folder"),
         "blocked": (blocked, "cannot be used"), "given away": (given_away, "belongs to somebody else"),
         "given away root": (outer(given_away), "belongs to somebody else")}


@posix
@pytest.mark.parametrize("name", [pytest.param(n, marks=[root] if "given" in n else []) for n in UNFIT])
def test_unfit_folders_are_not_used_and_said_once(folder, name):
    make, said = UNFIT[name]
    make(folder)
    with pytest.warns(RuntimeWarning, match=said) as heard:
        cache.save("one", FACTS, CODE)
        assert cache.load("one") is None
        cache.usable.cache_clear()
        cache.save("two", FACTS, CODE)
    assert len(heard) == 1 and "FASTMPG_CACHE_DIR" in str(heard[0].message)
    assert files(folder.parent) == []


@pytest.mark.slow
@posix
def test_an_unfit_folder_costs_time_alone(tmp_path):
    """In processes: one warning, the right answer, and a planted file stays unread."""
    folder = tmp_path / "units"
    assert cheap(tmp_path) == COMPILED
    folder.chmod(0o777)
    code = "import warnings\nwarnings.simplefilter('always')\n" + CHEAP + (
        "from fastmpg.kernels.simplex import project_row\nproject_row(np.ones(2), 0.0, np.ones(2))")
    done = run(code, tmp_path)
    assert done.stdout == COMPILED and done.stderr.count("RuntimeWarning") == 1
    home = tmp_path / "file"
    home.write_text("in the way")
    done = run(code, None, HOME=str(home))
    assert done.stdout == COMPILED and done.stderr.count("RuntimeWarning") == 1
    assert home.read_text() == "in the way"


@posix
def test_nobody_else_may_write_compiled_code(folder):
    """Folders are 0700 and files 0600, whatever the umask, and so is every folder made on the way."""
    before = os.umask(0)
    try:
        cache.save("one", FACTS, CODE)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
    assert stat.S_IMODE((folder / "one.unit").stat().st_mode) == 0o600
    assert cache.load("one") is not None


def test_a_folder_that_is_read_only_serves_and_is_said_once(folder, monkeypatch):
    cache.save("one", FACTS, CODE)
    cache.usable.cache_clear()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.warns(RuntimeWarning, match="cannot be written to") as heard:
        assert cache.load("one") is not None
        cache.save("two", FACTS, CODE)
    assert len(heard) == 1


def test_a_full_disk_keeps_nothing(folder, monkeypatch):
    cache.save("one", FACTS, CODE)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.save("two", FACTS, CODE)
    assert [p.name for p in folder.iterdir()] == ["one.unit"] and cache.load("two") is None


def test_the_order_of_folders(monkeypatch, tmp_path):
    """$FASTMPG_CACHE_DIR before $NUMBA_CACHE_DIR before $XDG_CACHE_HOME before the home folder."""
    names = ("FASTMPG_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / name))
    for name, below in zip(names, ("", "", "fastmpg", ".cache/fastmpg"), strict=True):
        if name != "HOME" or os.name == "posix":
            assert machine.cache_root() == tmp_path / name / below
        monkeypatch.delenv(name)


@pytest.mark.slow
def test_several_processes_may_compile_at_once(tmp_path):
    started = [subprocess.Popen([sys.executable, "-P", "-c", CHEAP], env=settings(tmp_path),
                                stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [p.communicate(timeout=600)[0].split()[0] for p in started]
    assert [p.returncode for p in started] == [0] * 4 and [float(a) for a in answers] == [LN2] * 4
    assert len(files(tmp_path)) == 1 and cheap(tmp_path) == LOADED
    assert not list(tmp_path.rglob("*.tmp"))


def test_clear_cache(folder, tmp_path):
    """All compiled code goes, nothing else does, and the number is told; what is compiled afterwards is kept again."""
    for name in ("one", "two"):
        cache.save(name, FACTS, CODE)
    (folder / "three.x.unit.tmp").write_bytes(b"torn")
    (folder / "notes.txt").write_text("mine")
    assert len(machine.cached_files()) == 2 and machine.clear_cache() == 2 and machine.cached_files() == []
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    assert machine.clear_cache() == 0 and not folder.exists()
    cache.save("one", FACTS, CODE)
    shutil.rmtree(folder)  # as another process may
    cache.save("one", FACTS, CODE)
    cache.save("one", FACTS, CODE)
    assert cache.load("one") is not None


# --------------------------------------------------------------------------------------------------- users' own code
USER = """
from typing import NamedTuple
import fastmpg as fm

@fm.kernel
def helper(x):
    return x * FACTOR

class Mine(NamedTuple):
    eta: float = 0.1

    @staticmethod
    def update(rule, state, feedback, k):
        state.policy[0, 0] -= helper(rule.eta)
        state.policy[0, 1] += helper(rule.eta)

def closure():
    factor = FACTOR
    @fm.machine.kernel
    def inner(x):
        return x * factor
    return inner

run = fm.learn(fm.games.zhang_3x2(), Mine(), 1, record=fm.Record(metrics=("value",)), \
policy=[[0.5, 0.3, 0.2, 0.5, 0.5]])
print(helper(1.0), closure()(1.0), *run.policy[0, :2])
"""


def test_what_users_write_never_goes_to_the_disk(tmp_path):
    """An edited script gives its new answer; what of the package it used is kept, and serves the next process."""
    script, folder = tmp_path / "script.py", tmp_path / "cache"
    session_cache(folder)
    for factor in (1.0, 2.0):
        script.write_text(f"FACTOR = {factor}\n{USER}")
        found = run(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", folder).stdout.split()
        assert ([float(x) for x in found]
                == pytest.approx([factor, factor, 0.5 - 0.1 * factor, 0.3 + 0.1 * factor], rel=1e-14))
        kept = {p.name: p.read_bytes() for p in files(folder)}
        assert not [name for name, content in kept.items()
                    if b"Mine" in content or re.match("helper|inner|entry", name)]


def test_classes_of_one_name_do_not_run_each_other_s_kernels():
    """As when a cell of a notebook is run again: with other fields in the same places, or another kernel."""
    from typing import Any, NamedTuple

    def first():
        class Same(NamedTuple):
            one: Any
            other: float
        return Same

    def second():
        class Same(NamedTuple):
            other: Any
            one: float
        return Same

    @machine.unit
    def show(frame, n):
        frame.one[n] = 2.0 * frame.other

    @machine.unit
    def tell(frame, n):
        frame.other[n] = 3.0 * frame.one

    for kind, made, factor in ((first(), show, 2.0), (second(), tell, 3.0), (first(), show, 2.0)):
        out = np.zeros(2)
        made.bind(kind(out, 5.0))(1)
        assert out.tolist() == [0.0, factor * 5.0]
