"""The command line: what it prints, where, and its exit status."""

import json
import os
import subprocess
import sys

import pytest
from processes import files, run, settings

import fastmpg as fm
from fastmpg import cli, machine
from fastmpg.cli import cache as cache_command
from fastmpg.cli import names
from fastmpg.cli import reproduce as reproduce_command
from fastmpg.experiments import catalogue
from fastmpg.experiments.experiment import NOT_REPRODUCED, PRINTED, Check, Experiment, Outcome
from fastmpg.run import fill

RUN = ["run", "zhang-3x2", "natural-gradient-play", "--eta", "5", "--steps", "100"]


def shell(*words, **more):
    return subprocess.run([sys.executable, "-m", "fastmpg", *words], capture_output=True, text=True, **more)


def good():
    """All well."""
    return Outcome((Check("a", 1.0, 1.0, 0.0, PRINTED), Check("c", 1.0, 2.0, 0.5, NOT_REPRODUCED)))


def bad():
    """Off."""
    return Outcome((Check("a", 1.0, 1.0, 0.0, PRINTED), Check("b", 1.0, 2.0, 0.5, PRINTED)))


def stopped():
    """Stopped."""
    raise KeyboardInterrupt


@pytest.fixture
def toys(monkeypatch):
    for name, go in (("toy-good", good), ("toy-bad", bad), ("toy-stopped", stopped)):
        monkeypatch.setitem(catalogue, name, Experiment(name, "a toy", "no paper", go))


# --------------------------------------------------------------------------------------------------------- processes
@pytest.mark.compiled
def test_help_and_version_as_a_process():
    done = shell("--help")
    assert done.returncode == 0 and "reproduce" in done.stdout and done.stderr == ""
    done = shell("--version")
    assert done.returncode == 0 and done.stdout == f"fastmpg {fm.__version__}\n"


@pytest.mark.compiled
def test_a_run_as_a_process_shows_no_progress_on_a_pipe(tmp_path):
    done = shell(*RUN, "--json", "--out", "r.npz", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["status"] == "done" and said["steps"] == 100 and len(said["ne_gap"]) == 2
    assert fm.Result.load(tmp_path / "r.npz").trace["ne_gap"][-1].max() == pytest.approx(said["max_ne_gap"])


@pytest.mark.compiled
def test_bad_input_as_a_process_is_one_line_and_status_2():
    done = shell("run", "zhang-3x2", "GradientPlay", "--eta", "-1", "--steps", "5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fastmpg: error: eta") and done.stderr.count("\n") == 1


@pytest.mark.compiled
def test_a_reader_that_leaves_is_no_traceback():
    if os.name != "posix":
        pytest.skip("needs a shell")
    done = subprocess.run(f"{sys.executable} -m fastmpg list --json | head -c 1", shell=True,
                          capture_output=True, text=True)
    assert done.stdout == "{" and "Traceback" not in done.stderr


# -------------------------------------------------------------------------------------------------------------- run
def test_run_prints_a_gap_for_every_player(capsys):
    assert cli.main(RUN) == 0
    said = capsys.readouterr()
    gap = fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(5.0), 100).trace["ne_gap"][-1]
    for i, number in enumerate(gap):
        assert f"{i}" in said.out and f"{number:.6g}" in said.out
    assert said.err == ""


@pytest.mark.parametrize("tolerance, status", [("1", 0), ("1e-3", 3)])
def test_a_tolerance_decides_the_status(tolerance, status, capsys):
    assert cli.main([*RUN, "--tolerance", tolerance]) == status
    assert tolerance in capsys.readouterr().out or status == 3


@pytest.mark.parametrize("game, rule",
                         [("zhang_3x2", "GradientPlay"), ("Zhang-3x2", "gradient_play"), ("zhang3x2", "gradientplay")])
def test_names_are_found_however_they_are_written(game, rule, capsys):
    assert cli.main(["run", game, rule, "--steps", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["game"] == "zhang_3x2" and said["rule"].startswith("GradientPlay(")


def test_flags_come_from_the_game_and_the_rule(capsys, tmp_path):
    out = tmp_path / "r.npz"
    assert cli.main(["run", "zhang-3x2", "NaturalGradientPlay", "--eta", "5", "--lam", ".003",
                     "--clip", "raw", "--steps", "1e2", "--every", "50", "--metrics", "c,value",
                     "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"] == "NaturalGradientPlay(eta=5.0, lam=0.003, clip='raw')"
    saved = fm.Result.load(out)
    assert saved.trace["step"].tolist() == [0, 50, 100] and set(saved.trace) == {"step", "c", "value"}
    assert cli.main(["run", "random-normal-form", "EntropyNaturalGradientPlay", "--num-actions", "2,3",
                     "--identical-interest", "true", "--tau", "1", "--steps", "5", "--runs", "3",
                     "--policy", "random", "--seed", "4", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    game = fm.games.random_normal_form((2, 3), identical_interest=True)
    same = fm.ensemble(game, fm.rules.EntropyNaturalGradientPlay(tau=1.0), 5, 3, policy="random", rng=4)
    assert said["ne_gap"] == pytest.approx(same.trace["ne_gap"][:, -1])


def test_help_of_a_game_and_a_rule_shows_their_parameters(capsys):
    assert cli.main(["run", "random-markov", "GradientPlay", "--help"]) == 0
    said = capsys.readouterr().out
    for flag in ("--num-states", "--discount", "--eta", "--lam", "--steps", "--tolerance"):
        assert flag in said


def test_a_parameter_of_both_gets_its_kind_in_front():
    def game(eta, steps=1):
        pass

    parser = cli.Parser(prog="x")
    parser.add_argument("--steps")
    names.add_parameters(parser, {"game": ("g", game), "rule": ("r", fm.rules.GradientPlay)})
    options = parser.parse_args(["--game.eta", "2", "--rule.eta", "3,", "--game.steps", "x", "--steps", "9"])
    assert names.chosen(options, "game") == {"eta": 2, "steps": "x"} and names.chosen(options, "rule") == {"eta": (3,)}
    assert options.steps == "9"


@pytest.mark.parametrize("text, value", [
    ("5", 5), ("1e-3", 1e-3), ("raw", "raw"), ("none", None), ("True", True), ("3,4,5", (3, 4, 5)), ("3,", (3,))])
def test_values_are_read_as_what_they_look_like(text, value):
    assert names.literal(text) == value and type(names.literal(text)) is type(value)


@pytest.mark.parametrize("words, message", [
    ([], "COMMAND"),
    (["fly"], "fly"),
    (["run", "zhang-3x2"], "RULE"),
    (["run", "zhang-3x3", "GradientPlay", "--steps", "1"], "did you mean zhang_3x2?"),
    (["run", "zhang-3x2", "GradientPay", "--steps", "1"], "did you mean GradientPlay?"),
    (["run", "zhang-3x2", "GradientPlay"], "--steps"),
    (["run", "zhang-3x2", "GradientPlay", "--steps", "-1"], "steps must be at least 0"),
    (["run", "zhang-3x2", "GradientPlay", "--steps", "2.5"], "whole number"),
    (["run", "zhang-3x2", "GradientPlay", "--steps", "1", "--tau", "1"], "--tau"),
    (["run", "zhang-3x2", "GradientPlay", "--steps", "1", "--metrics", "joy"], "joy"),
    (["run", "zhang-3x2", "GradientPlay", "--steps", "1", "--out", "r.txt"], ".npz"),
    (["run", "zhang-3x2", "GradientPlay", "--steps", "1", "--out", "no/such/folder/r.npz"], "no/such/folder"),
    (["run", "random-markov", "GradientPlay", "--steps", "1"], "--num-states"),
    (["run", "random-markov", "GradientPlay", "--steps", "1", "--num-states", "9",
      "--num-actions", "99,99,99,99,99"], "needs"),
    (["info", "zhang"], "there is no game 'zhang'"),
    (["info", "random-markov"], "--num-states"),
    (["info", "random-markov", "zhang-3x2"], "--num-states"),
    (["list", "cakes"], "cakes"),
    (["plot", "no-such-file.npz"], "no-such-file.npz"),
    (["reproduce", "zhang-3x3"], "did you mean zhang-3x2?"),
    (["cache", "eat"], "eat"),
])
def test_bad_input_is_one_line_and_status_2(words, message, capsys):
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert (said.out == "" and said.err.startswith("fastmpg: error: ")
            and said.err.count("\n") == 1 and message in said.err)


# -------------------------------------------------------------------------------------------------------- reproduce
def test_reproduce_writes_a_report_and_a_summary(toys, tmp_path, capsys):
    assert cli.main(["reproduce", "toy-good", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "toy-good" in said.out and "index.html" in said.out and said.err == ""
    assert (tmp_path / "out" / "index.html").exists() and (tmp_path / "out" / "results.json").exists()


@pytest.mark.slow
def test_experiments_side_by_side_give_the_same_report(tmp_path):
    """Checks and figures do not depend on the number of processes; the order is that of the command line."""
    names = ["sun2023-potential", "zhang-3x2"]
    tables = []
    for jobs in ("1", "2"):
        assert cli.main(["reproduce", *names, "--out", str(tmp_path / jobs), "--jobs", jobs]) == 0
        found = json.loads((tmp_path / jobs / "results.json").read_text())
        assert list(found) == names
        tables.append({name: found[name]["checks"] for name in names})
    assert tables[0] == tables[1]
    assert sorted(p.name for p in (tmp_path / "1").iterdir()) == sorted(p.name for p in (tmp_path / "2").iterdir())


def test_a_missed_number_is_status_3(toys, tmp_path, capsys):
    assert cli.main(["reproduce", "toy-good", "toy-bad", "--out", str(tmp_path), "--jobs", "1"]) == 3
    said = capsys.readouterr().out
    assert "missed: toy-bad: b: expected 1, ours 2" in said
    assert "not reproduced: toy-good: c: expected 1, ours 2" in said
    assert "printed in the paper: 2 of 3 met; printed or stated, not reproduced: 1" in said
    assert cli.main(["reproduce", "toy-bad", "--out", str(tmp_path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "results.json").read_text())


def test_an_interruption_is_status_130_and_keeps_what_is_done(toys, tmp_path, capsys):
    assert cli.main(["reproduce", "toy-good", "toy-stopped", "--out", str(tmp_path), "--jobs", "1"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert set(json.loads((tmp_path / "results.json").read_text())) == {"toy-good"}


def test_progress_is_shown_on_a_terminal_only(toys, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reproduce_command, "on_terminal", lambda: True)
    assert cli.main(["reproduce", "toy-good", "--out", str(tmp_path)]) == 0
    assert "[1/1] toy-good" in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_bad_input(toys, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["reproduce", "toy-good", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# ------------------------------------------------------------------------------------------------------- the others
def test_everything_is_listed(capsys):
    assert cli.main(["list", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["games"]) == set(fm.games.__all__) and set(said["rules"]) == set(fm.rules.__all__)
    assert "zhang-3x2" in said["experiments"] and {"ne_gap", "qre_gap", "c"} <= set(said["metrics"])
    for kind in said:
        assert cli.main(["list", kind]) == 0
        assert all(name in capsys.readouterr().out for name in list(said[kind])[:1])


@pytest.mark.compiled
def test_every_listed_thing_can_be_asked_for_help(capsys):
    for game in fm.games.__all__:
        for rule in fm.rules.__all__:
            assert cli.main(["run", game, rule, "--help"]) == 0


def test_info_of_the_installation_and_of_games(capsys):
    assert cli.main(["info", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["versions"]["fastmpg"] == fm.__version__
            and said["threads"] >= 1 and said["units"] >= 0 <= said["unit_bytes"])
    assert cli.main(["info"]) == 0
    assert "compiled units" in capsys.readouterr().out
    assert cli.main(["info", "zhang-3x2", "zhang-8player", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["zhang_3x2"]["num_actions"] == [3, 2] and said["zhang_3x2"]["payoff_range"] == [[-1.0, 0.2]] * 2
    assert said["zhang_8player"]["nbytes"] == 8 * 3**8
    assert cli.main(["info", "random-markov", "--num-states", "3", "--num-actions", "2,2"]) == 0
    assert "3 states" in capsys.readouterr().out


def test_a_saved_result_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "r.npz"
    assert cli.main([*RUN, "--out", str(out)]) == 0
    assert cli.main(["plot", str(out), "--log"]) == 0
    assert (tmp_path / "r-ne_gap.png").stat().st_size > 2000
    assert cli.main(["plot", str(out), "--metric", "value", "--out", str(tmp_path / "v.svg")]) == 0
    assert (tmp_path / "v.svg").stat().st_size > 2000
    capsys.readouterr()
    assert cli.main(["plot", str(out), "--metric", "c"]) == 2
    assert "trace holds ne_gap, value" in capsys.readouterr().err


def test_the_cache_is_cleared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTMPG_CACHE_DIR", str(tmp_path))
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "a.unit").write_bytes(b"x")
    assert cli.main(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": 1}
    assert not (tmp_path / "units").exists()


# -------------------------------------------------------------------------------------------------------- cache fill
@pytest.mark.slow
def test_fill_compiles_what_a_run_needs(tmp_path):
    """In processes: every unit once, whichever game and rule asks for it; a later run compiles nothing."""
    words = ["cache", "fill", "zhang-3x2", "random-normal-form", "--rules", "GradientPlay", "q-ascent",
             "--jobs", "2", "--json"]
    first, second = (shell(*words, env=settings(tmp_path)) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    said, again = json.loads(first.stdout), json.loads(second.stdout)
    assert said["folder"] == str(tmp_path / "units") and set(said["games"]) == {"zhang_3x2", "random_normal_form"}
    counts = {name: len(one["compiled"]) for name, one in said["games"].items()}
    assert all(one["rules"] == ["GradientPlay", "QAscent"] for one in said["games"].values())
    assert counts["zhang_3x2"] > 10 and counts["random_normal_form"] == 0, "the same model"
    assert 0 <= counts["zhang_3x2"] - len(files(tmp_path)) <= 2, \
        "what two rules share may be compiled by both processes"
    assert [one["compiled"] for one in again["games"].values()] == [[], []] and again["seconds"] < said["seconds"]
    code = """
import fastmpg as fm
from fastmpg.machine.units import COMPILED
for game in (fm.games.sun2023_potential(), fm.NormalFormGame.identical_interest([[1.0, 2.0], [3.0, 0.0]])):
    for rule in (fm.rules.GradientPlay(0.2), fm.rules.QAscent(0.3)):
        fm.learn(game, rule, 3, record=fm.Record(metrics=("ne_gap", "qre_gap", "value", "c", "grad_norm"), tau=0.1))
    fm.ne_gap(game, fm.uniform_policy(game)), fm.evaluate(game, fm.uniform_policy(game))
    fm.solvers.pure_equilibria(game), fm.solvers.round_robin(game, starts=3)
    fm.metrics.gain_gap(game, fm.uniform_policy(game)), fm.ne_gap(game, fm.uniform_policy(game), start="worst")
print([name for name, _ in COMPILED])
"""
    assert run(code, tmp_path).stdout == "[]\n"


def test_fill_in_this_process(capsys, monkeypatch):
    """One job needs no process; what the session has compiled is not compiled again; the table says how much was."""
    assert cli.main(["cache", "fill", "zhang_3x2", "--rules", "GradientPlay", "--jobs", "1"]) == 0
    said = capsys.readouterr()
    assert (said.err == "" and "zhang_3x2" in said.out and "units compiled in" in said.out
            and str(machine.cache_folder()) in said.out)
    monkeypatch.setattr(cache_command, "on_terminal", lambda: True)
    assert cli.main(["cache", "fill", "zhang_3x2", "--rules", "GradientPlay", "--jobs", "1", "--json"]) == 0
    said = capsys.readouterr()
    assert "GradientPlay on zhang_3x2" in said.err
    assert (json.loads(said.out)["games"]["zhang_3x2"] | {"seconds": 0}
            == {"compiled": [], "seconds": 0, "rules": ["GradientPlay"]})


@pytest.mark.compiled
def test_fill_builds_every_game_in_every_form():
    assert set(fill.specimens(["routing", "random_markov"])) == {
        "routing (form=dense)", "routing (form=count)", "random_markov"}
    for label in fill.specimens(fm.games.__all__):
        assert isinstance(fill._game(label), fm.Game | fm.OccupancyGame)
    models = {type(game.model).__name__ for game in map(fill._game, fill.specimens(fill.EVERY_MODEL)) if game.exact}
    every = {type(game.model).__name__ for game in map(fill._game, fill.specimens(fm.games.__all__)) if game.exact}
    assert models == every, "the default covers every model that a named game has"


def test_fill_says_what_does_not_fit(capsys, tmp_path, monkeypatch):
    for words, message in ((["fill", "chess"], "there is no game"), (["fill", "--rules", "Greed"], "there is no rule"),
                           (["fill", "--jobs", "0"], "--jobs"), (["eat"], "eat"), ([], "WHAT")):
        assert cli.main(["cache", *words]) == 2
        assert message in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(fill, "FORMS", {"form": ("simulator",)})
        with pytest.raises(ValueError, match="GradientPlay needs exact values"):
            fill.fill(["routing"], ["GradientPlay"], 1)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FASTMPG_CACHE_DIR", str(tmp_path / "file"))
    assert cli.main(["cache", "fill", "zhang_3x2"]) == 2
    assert "cannot be used" in capsys.readouterr().err
