"""What is shown of a run: at once, on terminals and in notebooks only, with tqdm or without."""

import io
import sys
import types

import pytest

import fastmpg as fm
from fastmpg.run import job, progress


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def watch(monkeypatch, terminal=True):
    """In the place of stderr; not a fixture, as pytest puts its own there before each test."""
    made = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", made)
    return made


def run():
    return fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(), 5, progress=True)


@pytest.mark.parametrize("tqdm", [True, False])
def test_something_is_shown_before_anything_is_compiled(tqdm, monkeypatch):
    screen = watch(monkeypatch)
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    seen, real = [], job.Job.prepare
    monkeypatch.setattr(job.Job, "prepare", lambda self: (seen.append(screen.getvalue()), real(self))[1])
    run()
    assert "NaturalGradientPlay: compiling" in seen[0]
    assert ("fastmpg[report]" in seen[0]) is not tqdm
    assert "%" in screen.getvalue() and "NaturalGradientPlay: " in screen.getvalue().rpartition("compiling")[2]
    assert screen.getvalue().rpartition("\r")[2].strip() == "", "the line is cleared at the end"


def test_nothing_is_shown_on_a_pipe(monkeypatch):
    screen = watch(monkeypatch, terminal=False)
    run()
    assert screen.getvalue() == ""


def test_a_notebook_is_no_pipe(monkeypatch):
    screen = watch(monkeypatch, terminal=False)
    assert not progress.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    assert not progress.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython",
                        types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel=1)))
    assert progress.in_notebook()
    bar = progress.Progress(10, "it", True)
    assert "it: compiling" in screen.getvalue()
    bar.bar.close()


def test_nothing_is_shown_unasked(monkeypatch):
    screen = watch(monkeypatch)
    fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(), 5)
    assert screen.getvalue() == ""
