"""Programs in processes of their own, with caches of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fastmpg as fm
from fastmpg import machine

PACKAGE = Path(fm.__file__).parent


def settings(cache, source=None, **env):
    """The environment of a process with this cache folder, or with none named."""
    dropped = ("FASTMPG_", "NUMBA_CACHE", "XDG_CACHE")
    found = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    found["PYTHONPATH"] = str(source or PACKAGE.parent)
    if cache is not None:
        found["FASTMPG_CACHE_DIR"] = str(cache)
    return found | env


def run(code, cache, *words, source=None, check=True, **env):
    """Run code, on a copy of the package if ``source`` is given; warnings are errors."""
    done = subprocess.run([sys.executable, "-P", "-W", "error", "-c", code, *words], capture_output=True, text=True,
                          env=settings(cache, source, **env), timeout=600)
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def files(cache):
    """Its entries."""
    return sorted(Path(cache).rglob("*.unit"))


def session_cache(target):
    """A copy of what the session has compiled, in which other processes may be writing."""
    units = Path(target) / "units"
    units.mkdir(parents=True, mode=0o700)
    for entry in files(machine.cache_folder()):
        shutil.copy(entry, units)
    return target


def copied(tmp_path):
    """A copy of the package, to be edited."""
    target = tmp_path / "source"
    shutil.copytree(PACKAGE, target / "fastmpg", ignore=shutil.ignore_patterns("__pycache__"))
    return target
