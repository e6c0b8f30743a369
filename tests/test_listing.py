"""What completion shows is what is offered; pictures are there without being asked for first."""

import subprocess
import sys

import pytest

import fastmpg as fm


@pytest.mark.parametrize("room", ["games", "io", "metrics", "plot", "potential", "rules", "solvers", "theory", None])
def test_dir_shows_what_is_public(room):
    module = fm if room is None else getattr(fm, room)
    shown = [name for name in dir(module) if not name.startswith("_")]
    assert sorted(module.__all__) == shown
    assert all(getattr(module, name) is not None for name in shown)
    assert "__doc__" in dir(module)


@pytest.mark.compiled
def test_plot_is_loaded_when_it_is_asked_for():
    code = ("import sys, fastmpg as fm; assert 'plot' in dir(fm) and 'fastmpg.plot' not in sys.modules; "
            "fm.plot.trace; assert 'matplotlib' not in sys.modules; from fastmpg import plot; assert plot is fm.plot")
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'fastmpg' has no attribute 'plots'"):
        fm.plots  # noqa: B018
