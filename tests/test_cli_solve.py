"""``fastmpg solve``: what it prints, and its exit status."""

import json

import fastmpg as fm
from fastmpg import cli
from fastmpg.cli.solve import solvers

GAME = ["solve", "random-normal-form", "--num-actions", "4,5", "--rng", "2"]


def test_pure_equilibria_are_listed(capsys):
    assert cli.main(GAME) == 0
    said = capsys.readouterr().out
    assert said.startswith("pure_equilibria on random_normal_form: <PureEquilibria: 2 of 20 pure profiles")
    assert "\nactions (2 x 1 x 2)\n" in said


def test_json_has_every_field(capsys):
    assert cli.main([*GAME, "--method", "quantal-response-tracing", "--tol", "1e-4", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    game = fm.games.random_normal_form((4, 5), rng=2)
    found = fm.solvers.quantal_response_tracing(game, tol=1e-4)
    assert said["method"] == "quantal_response_tracing" and said["lam"] == found.lam.tolist()
    assert said["policy"] == found.policy.tolist() and said["status"] == "equilibrium"


def test_what_is_not_solved_and_what_is_wrong(capsys):
    assert cli.main([*GAME, "--method=round_robin"]) == 3  # it goes round
    assert cli.main(["solve", "zhang-3x2", "--method", "shapley"]) == 2
    assert "zero-sum" in capsys.readouterr().err
    assert cli.main(["solve", "zhang-3x2", "--method", "nash"]) == 2
    assert "there is no method 'nash'" in capsys.readouterr().err
    assert cli.main(["solve", "zhang-3x2", "--maxiter", "3"]) == 2  # none of pure_equilibria
    assert cli.main(["solve", "zhang-3x2", "--max-policies", "3", "--method", "pure_equilibria"]) == 0


def test_methods_are_found():
    assert {"pure_equilibria", "shapley", "quantal_response_tracing", "round_robin", "mge_i"} <= set(solvers())
