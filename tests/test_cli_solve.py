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


def test_every_start_tells_its_end(capsys):
    words = ["solve", "random-markov", "--num-states", "3", "--num-actions", "2,2", "--method", "round-robin",
             "--starts", "4"]
    game = fm.games.random_markov(3, (2, 2))
    found = fm.solvers.round_robin(game, starts=4)
    assert cli.main(words) == 0 and "equilibrium" in found.statuses
    said = capsys.readouterr().out
    assert "start  status" in said
    for r, run in enumerate(found.runs):
        assert [str(r), run.status, str(run.rounds), str(run.moves)] in [line.split()[:4] for line in said.splitlines()]
    assert cli.main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["status"] for each in said["runs"]] == list(found.statuses)
    assert said["runs"][0]["policy"] == found.runs[0].policy.tolist()


def test_welfare_of_what_is_listed(capsys):
    game = fm.games.random_normal_form((4, 5), rng=2)
    paid = fm.metrics.price_of_anarchy(game, fm.solvers.pure_equilibria(game).policy)
    assert cli.main(GAME) == 0
    said = capsys.readouterr().out
    assert f"price of anarchy {paid.anarchy:.6g}, of stability {paid.stability:.6g}" in said
    assert f"{paid.equilibria.max():.6g} in the best equilibrium (number 0)" in said
    assert cli.main([*GAME, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["welfare"]
    assert told["equilibria"] == paid.equilibria.tolist() and told["worst_equilibrium"] == 1
    assert told["anarchy"] == paid.anarchy and told["best"] == paid.best
    assert cli.main([*GAME, "--method", "quantal-response-tracing", "--json"]) == 0
    assert "welfare" not in json.loads(capsys.readouterr().out)
    assert cli.main([*GAME, "--method", "round-robin", "--starts", "3", "--json"]) == 3  # none of three starts
    assert "welfare" not in json.loads(capsys.readouterr().out)
