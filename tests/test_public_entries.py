"""Every argument of every public callable, replaced by wrong things: what comes out is a result, or an error that names
the argument.

Callables are found, not listed: what `import fastmpg` offers, its folders of games, rules, solvers, metrics and theory,
and the methods of its classes. A new one whose arguments have no valid value in VALID or CALLS fails until it has.
"""

import contextlib
import decimal
import fractions
import inspect
import re
import signal
import threading
import types
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm
from fastmpg.models.markov import moves as compiling

GAME = fm.games.zhang_3x2()
POLICY = fm.uniform_policy(GAME)
RULE = fm.rules.NaturalGradientPlay(0.1)
DRIVING = fm.games.driving()
ALONE = fm.games.random_markov(2, (2,))  # of one player
STAYING = [(1.0, 0, 0.0, False)]  # outcomes
NET = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 2
<NUMBER OF LINKS> 1
<END OF METADATA>
1 2 1 1 1 1 1 ;
"""
TRIPS = "<NUMBER OF ZONES> 2\n<END OF METADATA>\nOrigin 1\n2 : 5.0;\n"
SECONDS = 20  # that a call may take

WRONG = {
    "None": None,
    "True": True,
    "numpy's True": np.True_,
    "a string": "wrong",
    "no string": "",
    "bytes": b"1",
    "NaN": float("nan"),
    "inf": float("inf"),
    "-inf": np.float64("-inf"),
    "-1": -1,
    "one half": 0.5,
    "1j": 1j,
    "1e300": 1e300,
    "2^63": 2**63,
    "-2^63 - 1": -(2**63) - 1,
    "10^400": 10**400,
    "-10^5000": -(10**5000),
    "a fraction": fractions.Fraction(10**400, 3),
    "a decimal NaN": decimal.Decimal("NaN"),
    "a date": np.datetime64("2022-01-01"),
    "an object": object(),
    "a class": fm.MarkovGame,
    "a function": lambda: 0,
    "a module": np,
    "a dict": {"a": 1},
    "no dict": {},
    "a set": {1, "a"},
    "no list": [],
    "a ragged list": [[1, 2], [3]],
    "a list of None": [None],
    "a list of objects": [object(), object()],
    "a list of lists of lists": [[[[[[[1.0]]]]]]],
    "a list of strings": ["a", "b"],
    "numbers too many": np.full(77, 0.5),
    "no numbers": np.zeros(0),
    "seven axes": np.zeros((1, 2, 1, 2, 1, 2, 1)),
    "complex numbers": np.full((1, 5), 0.5j),
    "strings": np.full((1, 5), "a"),
    "objects": np.full((1, 5), None, object),
    "a string without axes": np.array("x"),
    "a masked number": np.ma.masked,
    "masked numbers": np.ma.array(np.full((1, 5), 0.5), mask=[[1, 0, 0, 0, 0]]),
    "a masked list": [np.ma.array([0.5, 0.5, 0.0], mask=[1, 0, 0]), [0.5, 0.5]],
    "a record": np.zeros(3, [("a", float), ("b", int)]),
    "sparse rows": sp.csr_array(np.eye(3)),
    "a policy": POLICY,
    "a game": GAME,
    "a rule": RULE,
    "a random state": np.random.RandomState(0),
}


def step(state, actions, uniforms, rewards):
    rewards[:] = 0.0
    return state


class Slopes(NamedTuple):
    slope: Any


def worth(tables, policy, out):
    out[:] = -1.0


def moves(state, actions):
    return (state + actions[0]) % 2


def shown(state, player, action, out):
    out[:] = 0.0


def learned(kind):
    """A rule shows what is wrong with its parameters when it runs."""

    def run(**parameters):
        return fm.learn(GAME, kind(**parameters), 1, rng=0, record=fm.Record(metrics=("policy",)))

    run.__signature__ = inspect.signature(kind)
    return run


# Valid values of required arguments, by name. Optional ones keep their defaults.
VALID = {
    "game": GAME, "policy": POLICY, "rule": RULE, "steps": 2, "tau": 24.0, "eta": 1 / 24.0, "player": 0,
    "policies": [POLICY, POLICY], "gap": [[0.5]], "c": 0.5, "epsilon": 0.5, "lam": 0.5, "num_players": 2,
    "num_actions": (2, 2), "num_states": 2, "discount": 0.5, "parts": [[[0.5, 0.5]], [[1.0]]], "count": 1, "last": 5,
    "function": step, "horizon": 2, "solution": fm.solvers.mge_f(GAME, 2),
    "state": 0, "stages": 2, "metric": "ne_gap", "level": 0.5,
    "alpha": (0.6, 1.0), "beta": (1.0, 1.0), "own": [[0.0, 1.0, 0.0]], "q": np.zeros((1, 5)), "times": [0.0, 1.0],
}
# What differs by callable, `self` for methods.
CALLS = {
    "NormalFormGame": {"payoffs": np.zeros((2, 2, 2))},
    "NormalFormGame.identical_interest": {"payoff": np.zeros((2, 2))},
    "MarkovGame": {"rewards": np.zeros((2, 2, 2, 2)), "transitions": np.full((2, 2, 2, 2), 0.5)},
    "MarkovGame.identical_interest": {"reward": np.zeros((2, 2, 2)), "transitions": np.full((2, 2, 2, 2), 0.5)},
    "MarkovGame.from_moves": {"moves": moves, "rewards": np.zeros((2, 2, 2, 2))},
    "CountGame": {"payoffs": np.zeros((1, 2, 3)), "transitions": [[1.0]]},
    "CountGame.from_count_vectors": {"payoffs": np.zeros((1, 2, 3)), "transitions": [[1.0]]},
    "CountGame.identical_interest": {"reward": np.zeros((1, 3)), "transitions": [[1.0]], "num_actions": 2},
    "PolymatrixGame": {"payoffs": {(0, 1): np.eye(2)}},
    "CustomGame": {"worth": worth, "tables": Slopes(np.ones(2))},
    "SimulatorGame": {"reset": lambda uniforms: 0, "step": step, "num_observations": 3},
    "product_transitions": {"factors": [np.full((2, 2, 2, 2), 0.5)]},
    "count_vectors": {"num_actions": 2},
    "games.ring_polymatrix": {"num_players": 3},
    "OccupancyGame": {"transitions": [[0, 1], [1, 0]], "rewards": np.zeros((2, 2)), "starts": [0, 1]},
    "OccupancyGame.available": {"self": DRIVING}, "OccupancyGame.reward": {"self": DRIVING},
    "OccupancyGame.final": {"self": DRIVING},
    **{f"solvers.OccupancySolution.{name}": {"self": fm.solvers.mge_fb(DRIVING, 3)}
       for name in ("occupancy", "tables", "policy", "q", "value", "simulate")},
    "solvers.OccupancySolution.simulate": {"self": fm.solvers.mge_fb(DRIVING, 3), "runs": 2},
    "solvers.mge_fb": {"game": DRIVING, "horizon": 3}, "theory.occupancy_factor": {"game": DRIVING, "horizon": 3},
    "metrics.mismatch": {}, "metrics.gap_over_runs": {"gap": [[[0.5]], [[0.25]]]},
    "theory.LogitMarket.profit_gain": {"self": fm.theory.logit_market(2, 3), "profit": [0.1, 0.2]},
    "theory.entropy_natural_proof": {"policies": np.stack([POLICY] * 2)},
    "evaluate_horizon": {"policy": [POLICY] * 2},
    "best_response_horizon": {"policy": [POLICY] * 2},
    "ne_gap_horizon": {"policy": [POLICY] * 2},
    "play_horizon": {"policy": [POLICY] * 2},
    "solvers.mce_irl": {"features": [[[[1.0], [0.0], [0.0]]], [[[1.0], [0.0]]]], "policy": [POLICY] * 2},
    "HorizonEvaluation.features": {"self": fm.evaluate_horizon(GAME, [POLICY] * 2), "features": [[1.0]]},
    "stability": {"policy": fm.solvers.pure_equilibria(GAME).policy[0]},
    "solvers.shapley": {"game": fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])},
    **{f"metrics.{name}": {"policies": np.stack([POLICY] * 2)} for name in ("cce_gap", "ce_gap", "price_of_anarchy")},
    "Interval.holds": {"self": fm.Interval(0.0, 1.0, "rounding"), "value": 0.5},
    "potential.PotentialInterval.team": {"self": fm.potential.alpha(GAME)},
    "potential.potential_range": {"game": fm.NormalFormGame.identical_interest([[1.0, 2.0], [3.0, 0.0]])},
    "theory.congestion_alpha": {"influence": 0.5}, "theory.perturbed_team_alpha": {"kappa": 0.5},
    "Record.replace": {"self": fm.Record()},
    "Record.at": {"self": fm.Record()},
    "io.from_gymnasium": {"env": types.SimpleNamespace(P=[[STAYING]])},
    "io.from_pettingzoo": {"env": types.SimpleNamespace(P=[{(0, 0): STAYING}], possible_agents=["a", "b"])},
    **{f"io.{name}": {"game": ALONE} for name in ("to_gymnasium", "to_mdptoolbox")},
    "io.from_nashpy": {"game": types.SimpleNamespace(payoff_matrices=([[1]], [[2]]))},
    "io.from_quantecon": {"game": np.zeros((2, 2, 2))},
    "io.from_pygambit": {"game": types.SimpleNamespace(to_nfg=lambda: 'NFG 1 R "" { "a" } { 2 } 1 2')},
    "io.from_openspiel": {"game": types.SimpleNamespace(
        num_players=lambda: 2, get_type=lambda: types.SimpleNamespace(long_name="one"), row_utilities=lambda: [[1]],
        col_utilities=lambda: [[2]], row_action_name=str, col_action_name=str)},
    "io.from_mdptoolbox": {"P": [[[1.0]]], "R": [0.0]},
    "io.from_sgamesolver": {"u": np.zeros((2, 1, 2)), "phi": np.full((2, 2, 2), 0.5), "delta": 0.5},
    "io.from_sgamesolver_table": {
        "table": {"state": ["delta", "s"], "a_p": ["", "a"], "u_p": [0, 1], "phi_s": ["", 1]}},
    "linear_policy": {"rule": fm.rules.LinearQAscent(0.1, 5, shown, 2), "total": np.zeros((2, 2)), "states": [0],
                      "game": fm.SimulatorGame(lambda uniforms: 0, step, (2, 2), 1, 0.5)},
}
NAMEABLE = {"NormalFormGame": GAME, "MarkovGame": fm.games.random_markov(2, (2, 2)), "OccupancyGame": DRIVING,
            "CountGame": fm.games.safe_distancing(2), "PolymatrixGame": fm.games.ring_polymatrix(3, 2),
            "SimulatorGame": fm.games.routing(3, form="simulator"),
            "CustomGame": fm.CustomGame(worth, Slopes(np.ones(2)), (2, 2))}
# Made by the package itself, of what it has checked or computed.
OUTCOMES = {"Evaluation", "Memory", "Interval", "Names", "Sweep", "SweepInterrupted",
            "Snapshot", "Result", "Trajectory", "Diverged", "Interrupted", "Oracle", "Critic",
            "Rollouts", "Samples", "Transition", "JointTransition", "SoftmaxState", "TableState",
            "solvers.RoundRobin", "solvers.RoundRobins", "Stability",
            "solvers.PureEquilibria", "solvers.ZeroSumSolution", "solvers.QuantalBranch",
            "HorizonEvaluation", "HorizonPlay", "solvers.OccupancyPlay",
            "solvers.OccupancySolution", "solvers.MgeF", "solvers.MgeI", "solvers.MceIrl", "theory.DampingLimit",
            "theory.Stationarity", "theory.MismatchSupremum", "theory.IterationsRow", "potential.PotentialDefect",
            "potential.PotentialInterval", "potential.PotentialDifference", "potential.JacobianAsymmetry",
            "potential.StagePotential",
            "theory.Ergodicity", "theory.StepSizeConditions",
            "theory.EntropyProof", "theory.LogitMarket", "theory.NearPotential"}
# Called by the package itself, with what it has checked.
INNER = {"create", "start", "workspace", "workspace_bytes", "check", "allocate", "recorder",
         "check_start", "pairs", "reshape"}
PATHS = {"path", "folder", "checkpoint", "trajectory", "trips"}  # a file that is not there may be said by the system


def ours(value):
    home = getattr(value, "__module__", "")
    return home.startswith("fastmpg") and home != "fastmpg._discover"


def members(label, kind):
    """Public methods of a class that it or a class of the package defines; kernels apart."""
    for name in dir(kind):
        found = inspect.getattr_static(kind, name)
        plain = getattr(found, "__func__", found)
        if name.startswith("_") or name in INNER or not inspect.isfunction(plain) or not ours(plain):
            continue
        if isinstance(found, staticmethod) and "." not in plain.__qualname__:
            continue  # attached to it: an uncompiled kernel is a plain function
        if label in ("SimulatorGame", "CustomGame") and name in ("save", "load"):
            continue  # refused, see test_game_files.py
        if label == "Result" and name in ("to_frame", "to_netcdf"):
            continue  # other packages', see test_labelled.py
        if name == "from_tables" and plain is fm.Game.from_tables.__func__:
            continue  # made of functions, not of tables
        if inspect.isfunction(found) and list(inspect.signature(plain).parameters) == ["self"]:
            continue
        yield f"{label}.{name}", found, plain


def callables():
    """(label, what to call, class of its self or None) of everything public."""
    rooms = {"": fm, "games.": fm.games, "rules.": fm.rules, "solvers.": fm.solvers, "metrics.": fm.metrics,
             "theory.": fm.theory, "potential.": fm.potential, "io.": fm.io}
    seen = set()
    for prefix, room in rooms.items():
        for name, value in vars(room).items():
            if name.startswith("_") or not callable(value) or not ours(value) or id(value) in seen:
                continue
            if prefix == "theory." and not value.__module__.startswith(room.__name__):
                continue
            seen.add(id(value))
            label = prefix + name
            if not inspect.isclass(value):
                yield label, value, None
                continue
            if label not in OUTCOMES and not inspect.isabstract(value):
                yield label, learned(value) if prefix == "rules." else value, None
            for inner, found, plain in members(label, value) if not inspect.isabstract(value) else ():
                if isinstance(found, classmethod | staticmethod):
                    yield inner, getattr(value, plain.__name__), None
                elif prefix != "rules.":
                    yield inner, plain, value


CALLABLES = {label: (call, kind) for label, call, kind in callables()}


def parameters(call):
    named = inspect.signature(call).parameters.items()
    return {name: each for name, each in named if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}


def tables(kind):
    games = {"NormalFormGame": GAME, "MarkovGame": fm.games.random_markov(2, (2, 2)),
             "CountGame": fm.games.safe_distancing(2), "PolymatrixGame": fm.games.ring_polymatrix(3, 2),
             "OccupancyGame": DRIVING}
    return games[kind].tables() if kind in games else {}


def files(label, tmp_path):
    """What readers and writers of files take."""
    net, trips = tmp_path / "x_net.tntp", tmp_path / "x_trips.tntp"
    net.write_text(NET)
    trips.write_text(TRIPS)
    fm.io.write_cassandra(ALONE, tmp_path / "x.mdp")
    fm.io.write_sgamesolver(ALONE, tmp_path / "x.csv")
    for suffix in ("nfg", "agg", "npz"):
        fm.io.write(GAME, tmp_path / f"x.{suffix}")
        if label.endswith(suffix):
            return {"path": tmp_path / f"x.{suffix}"}
    return {"io.read": {"path": tmp_path / "x.mdp"}, "io.write": {"game": ALONE, "path": tmp_path / "y.mdp"},
            "io.read_cassandra": {"path": tmp_path / "x.mdp"}, "io.read_sgamesolver": {"path": tmp_path / "x.csv"},
            "io.read_tntp_network": {"path": net}, "io.read_tntp_trips": {"path": trips},
            "io.read_tntp": {"path": net, "trips": trips, "players": 1},
            "io.write_tntp_network": {"roads": fm.io.read_tntp_network(net), "path": net},
            "io.write_cassandra": {"game": ALONE, "path": tmp_path / "y.mdp"},
            "io.write_sgamesolver": {"path": tmp_path / "y.csv"}}.get(label, {})


def valid(label, tmp_path):
    """Arguments with which a callable works."""
    call, _ = CALLABLES[label]
    own = dict(CALLS.get(label, {}))
    if label.endswith(".from_tables"):
        own["tables"] = tables(label.split(".")[0])
    if label in ("resume", "Result.load", "Result.save", "Trajectory.load", "Sweep.load"):
        result = fm.learn(GAME, RULE, 2, checkpoint=tmp_path / "run")
        result.save(tmp_path / "result")
        own |= {"resume": {"path": tmp_path / "run"}, "Result.load": {"path": tmp_path / "result"},
                "Result.save": {"self": result, "path": tmp_path / "again"},
                "Trajectory.load": {"folder": tmp_path / "moves"}, "Sweep.load": {"folder": tmp_path / "none"}}[label]
    kind, _, method = label.partition(".")
    if method in ("named", "save") and kind in NAMEABLE:
        own["self"] = NAMEABLE[kind]
    if method in ("save", "load") and kind in NAMEABLE:
        own["path"] = tmp_path / "game.npz"
        NAMEABLE[kind].save(own["path"])
    if label.startswith(("io.read", "io.write")):
        own |= files(label, tmp_path)
    given = {}
    for name, each in parameters(call).items():
        if name in own:
            given[name] = own[name]
        elif name == "self":
            pytest.fail(f"{label} needs an instance: add 'self' to CALLS in {__file__}")
        elif each.default is each.empty:
            assert name in VALID, f"{label} needs a valid {name}: add it to VALID or CALLS in {__file__}"
            given[name] = VALID[name]
    return given


@contextlib.contextmanager
def in_time(seconds):
    def stop(*_):
        raise TimeoutError(f"more than {seconds} s")

    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fault(call, given, name):
    """What is wrong with the outcome of a call, or None."""
    try:
        with in_time(SECONDS):
            call(**given)
    except (TypeError, ValueError, MemoryError) as error:
        message = str(error)
        if not (re.search(rf"\b{name}\b", message) or (name in PATHS and str(given[name]) in message)):
            return f"{type(error).__name__} does not name it: {message[:200]}"
        if len(message) > 600:
            return f"{len(message)} characters: {message[:200]}"
        return None
    except OSError as error:
        return None if name in PATHS else repr(error)[:200]
    except ImportError as error:
        return None if "pip install" in str(error) else repr(error)[:200]
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None


def test_they_are_found():
    labels = set(CALLABLES)
    assert {"learn", "ensemble", "resume", "evaluate", "games.routing", "theory.gradient_play_step",
            "solvers.round_robin", "metrics.c", "rules.TwoTimescaleQ", "MarkovGame", "MarkovGame.from_moves", "Record",
            "Record.log_spaced", "Result.load", "split"} <= labels
    assert len(labels) >= 60
    rooms = (("", fm), ("solvers.", fm.solvers), ("theory.", fm.theory), ("potential.", fm.potential))
    assert not OUTCOMES - {prefix + name for prefix, room in rooms for name in vars(room)}


@pytest.mark.patience(60)  # hundreds of calls, each with a clock of its own
@pytest.mark.parametrize("label", CALLABLES)
def test_wrong_arguments(label, tmp_path, monkeypatch, keep_threads):
    monkeypatch.chdir(tmp_path)
    for name in ("user_kernel", "compiled"):  # nothing is compiled again and again
        monkeypatch.setattr(compiling, name, lambda function: function)
    call, _ = CALLABLES[label]
    given = valid(label, tmp_path)
    with contextlib.suppress(*((ValueError,) if label in ("Trajectory.load", "Sweep.load") else ()),  # there is none
                             *((ImportError,) if label.startswith("io.to_") else ())):  # of other packages
        call(**given)
    found = {}
    for name in parameters(call):
        if name == "self":
            continue
        for what, wrong in WRONG.items():
            problem = fault(call, given | {name: wrong}, name)
            if problem:
                found[f"{name}={what}"] = problem
    assert not found, "\n".join(f"{label}({key}): {said}" for key, said in found.items())
