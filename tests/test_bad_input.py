"""What malformed games and policies are told (runs: test_bad_runs.py): one line a mistake, with the error's type and
its message.

``python tests/test_bad_input.py`` prints the table input -> error.
"""

import copy
import re
import resource
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm

NAN, INF = float("nan"), float("inf")


def edited(array, index, value):
    """A copy with one entry replaced."""
    changed = np.array(array, dtype=float)
    changed[index] = value
    return changed


R = np.arange(16.0).reshape(2, 2, 2, 2) / 16  # (N, S, A0, A1)
P = np.full((2, 2, 2, 2), 0.5)  # (S, A0, A1, S)
ROWS = sp.csr_array(P.reshape(8, 2))
PAYOFFS = np.array([[[3.0, 0.0, 1.0], [5.0, 1.0, 2.0]], [[3.0, 5.0, 1.0], [0.0, 1.0, 2.0]]])  # (N, A0, A1)
UNIFORM = np.full((2, 4), 0.5)  # (S, A_total) of the game of R and P
STAGE_UNIFORM = np.array([[0.5, 0.5, 0.25, 0.25, 0.5]])
G = fm.MarkovGame(R, P, 0.9)
SPARSE = fm.MarkovGame(R, ROWS, 0.9)
STAGE = fm.NormalFormGame(PAYOFFS)


def objects(array, index, value):
    """A copy of objects with one entry replaced."""
    changed = np.array(array, dtype=object)
    changed[index] = value
    return changed


def sparse_rows(data):
    rows = ROWS.copy()
    rows.data = np.array(data, dtype=float)
    return rows


def many_joint():
    """Forty-one players of three actions: 3**41 joint actions do not fit in 64 bits."""
    return fm.games.random_normal_form((3,) * 41)


def many_joint_markov():
    """The same from tables: a broadcast reward that holds a single number."""
    actions = (3,) * 20
    return fm.MarkovGame.identical_interest(np.broadcast_to(0.0, (2, *actions)),
                                            np.broadcast_to(0.5, (2, *actions, 2)), 0.9)


def many_states():
    """A million states, dense: the tables are broadcast views, so that only fastmpg could allocate."""
    states = 10**6
    return fm.MarkovGame.identical_interest(np.broadcast_to(0.0, (states, 2)),
                                            np.broadcast_to(1e-6, (states, 2, states)), 0.9)


# (id, call, arguments, error, regular expression). Arguments are kept apart so that the test can see them unchanged.
TABLE: list[tuple[str, Any, tuple, type, str]] = []


def refuse(what, call, *args, error=ValueError, says):
    TABLE.append((what, call, args, error, says))


# Markov games
refuse("rewards with a missing player", fm.MarkovGame, R[:1], P, 0.9,
       says=r"rewards must have shape \(N, S, A_0.*found \(1, 2, 2, 2\).*identical_interest")
refuse("rewards of a matrix", fm.MarkovGame, R[0, 0], P, 0.9, says=r"rewards must have shape.*found \(2, 2\)")
refuse("rewards a number", fm.MarkovGame, 1.0, P, 0.9, says=r"rewards must have shape.*found \(\)")
refuse("rewards None", fm.MarkovGame, None, P, 0.9, error=(TypeError, ValueError), says=r"rewards must")
refuse("rewards ragged", fm.MarkovGame, [[[1, 2], [3]]], P, 0.9, says=r"rewards must be a rectangular array")
refuse("rewards strings", fm.MarkovGame, np.full(R.shape, "1"), P, 0.9, error=TypeError,
       says=r"rewards must hold real numbers, found dtype <U1")
refuse("rewards complex", fm.MarkovGame, R.astype(complex), P, 0.9, error=TypeError,
       says=r"rewards must hold real numbers, found dtype complex128")
refuse("rewards with None", fm.MarkovGame, objects(R, (1, 0, 1, 0), None), P, 0.9, error=TypeError,
       says=r"rewards must hold real numbers, found None of type NoneType at index \(1, 0, 1, 0\)")
refuse("rewards with a number beyond floats", fm.MarkovGame, objects(R, (1, 0, 1, 0), 10**400), P, 0.9,
       says=r"rewards must hold numbers that a float holds, found 10\^400 or so at index \(1, 0, 1, 0\)")
refuse("rewards masked", fm.MarkovGame, np.ma.masked_greater(R, 0.9), P, 0.9,
       says=r"rewards must not have masked entries, found 1 of them; .*\.filled\(")
refuse("rewards NaN", fm.MarkovGame, edited(R, (1, 0, 1, 0), NAN), P, 0.9,
       says=r"rewards must be finite, found nan at index \(1, 0, 1, 0\)")
refuse("rewards inf", fm.MarkovGame, edited(R, (0, 1, 1, 0), INF), P, 0.9,
       says=r"rewards must be finite, found inf at index \(0, 1, 1, 0\)")
refuse("rewards inf and -inf", fm.MarkovGame, edited(edited(R, (0, 0, 0, 0), -INF), (1, 1, 1, 1), INF), P, 0.9,
       says=r"rewards must be finite, found -inf at index \(0, 0, 0, 0\)")
refuse("no states", fm.MarkovGame, np.zeros((2, 0, 2, 2)), np.zeros((0, 2, 2, 0)), 0.9,
       says=r"at least one state.*found 0 states and actions \(2, 2\)")
refuse("a player without actions", fm.MarkovGame, np.zeros((2, 2, 0, 2)), np.zeros((2, 0, 2, 2)), 0.9,
       says=r"one action per player, found 2 states and actions \(0, 2\)")
refuse("shared reward of states alone", fm.MarkovGame.identical_interest, R[0, 0, 0], P, 0.9,
       says=r"reward must have shape \(S, A_0, .*found \(2,\)")
refuse("transitions of other states", fm.MarkovGame, R, P[:, :, :, :1], 0.9,
       says=r"transitions must have shape \(S, A_0, .*\) = \(2, 2, 2, 2\) to fit the rewards, found \(2, 2, 2, 1\)")
refuse("transitions flat", fm.MarkovGame, R, P.reshape(8, 2), 0.9,
       says=r"transitions must have shape.*\(2, 2, 2, 2\).*found \(8, 2\)")
refuse("transitions None", fm.MarkovGame, R, None, 0.9, error=TypeError,
       says=r"transitions must hold real numbers, found None")
refuse("transitions NaN", fm.MarkovGame, R, edited(P, (0, 1, 0, 1), NAN), 0.9,
       says=r"transitions must be finite, found nan at index \(0, 1, 0, 1\)")
refuse("transitions negative", fm.MarkovGame, R, edited(edited(P, (1, 0, 1, 0), -0.25), (1, 0, 1, 1), 1.25), 0.9,
       says=r"transition probabilities must not be negative, found .*-0\.25.* in state 1 at joint action \(0, 1\)")
refuse(
    "transitions not summing",
    fm.MarkovGame,
    R,
    edited(P, (1, 1, 0, 1), 0.4),
    0.9,
    says=r"transition probabilities must sum to 1, found 0\.9 in state 1 at joint action \(1, 0\); "
         r"divide each row by its sum",
)
refuse("transitions integers not summing", fm.MarkovGame, R, np.ones((2, 2, 2, 2), int), 0.9,
       says=r"must sum to 1, found 2\.0 in state 0 at joint action \(0, 0\)")
refuse("transitions complex", fm.MarkovGame, R, P.astype(complex), 0.9, error=TypeError,
       says=r"transitions must hold real numbers, found dtype complex128")
refuse("sparse rows too few", fm.MarkovGame, R, ROWS[:7], 0.9,
       says=r"\(num_states \* joint actions, num_states\) = \(8, 2\) to fit the rewards, found \(7, 2\)")
refuse("sparse row not summing", fm.MarkovGame, R, sparse_rows([0.5] * 11 + [0.25] + [0.5] * 4), 0.9,
       says=r"must sum to 1, found 0\.75 in state 1 at joint action \(0, 1\)")
refuse("sparse row empty", fm.MarkovGame, R, sp.csr_array(np.vstack([np.zeros((1, 2)), np.full((7, 2), 0.5)])), 0.9,
       says=r"must sum to 1, found 0\.0 in state 0 at joint action \(0, 0\)")
refuse("sparse negative", fm.MarkovGame, R, sparse_rows([0.5] * 6 + [-0.5, 1.5] + [0.5] * 8), 0.9,
       says=r"must not be negative, found .*-0\.5.* in state 0 at joint action \(1, 1\)")
refuse("sparse NaN", fm.MarkovGame, R, sparse_rows([0.5] * 6 + [NAN, 0.5] + [0.5] * 8), 0.9,
       says=r"transitions.*must be finite, found nan")
refuse("sparse complex", fm.MarkovGame, R, ROWS.astype(complex), 0.9, error=TypeError,
       says=r"transitions.*must hold real numbers, found dtype complex128")
for label, gamma, error, says in [
    ("1.1", 1.1, ValueError, r"\[0, 1\], found 1\.1"),
    ("-0.1", -0.1, ValueError, r"\[0, 1\], found -0\.1"),
    ("2", 2, ValueError, r"\[0, 1\], found 2\.0"),
    ("NaN", NAN, ValueError, r"\[0, 1\], found nan"),
    ("text", "0.9", TypeError, r"real number, found '0\.9'"),
    ("complex", 0.9 + 0j, TypeError, r"found \(0\.9\+0j\)"),
    ("None", None, TypeError, r"real number, found None"),
    ("True", True, TypeError, r"real number, found True"),
    ("a list", [0.9, 0.8], TypeError, r"real number, found \[0\.9, 0\.8\] of type list"),
]:
    refuse(f"discount {label}", fm.MarkovGame, R, P, gamma, error=error, says=f"discount must be a.*{says}")
refuse("initial of three states", fm.MarkovGame, R, P, 0.9, [0.2, 0.3, 0.5],
       says=r"initial must have shape \(num_states,\) = \(2,\), found \(3,\)")
refuse("initial negative", fm.MarkovGame, R, P, 0.9, [1.5, -0.5],
       says=r"initial must not be negative, found -0\.5 at state 1")
refuse("initial not summing", fm.MarkovGame, R, P, 0.9, [0.5, 0.25],
       says=r"initial must sum to 1, found .*0\.75.*divide it by its sum")
refuse("initial NaN", fm.MarkovGame, R, P, 0.9, [0.5, NAN], says=r"initial must be finite, found nan at index \(1,\)")
refuse("initial text", fm.MarkovGame, R, P, 0.9, "uniform", error=TypeError,
       says=r"initial must hold real numbers, found dtype <U7")
refuse("a limit of bytes", lambda r, p: fm.MarkovGame(r, p, 0.9, max_bytes=100), R, P, error=MemoryError,
       says=r"2 states and 4 joint actions needs .*but 100 bytes are allowed; .*sparse.*count-based")
refuse("a game changed", lambda g: setattr(g, "discount", 0.5), G, error=AttributeError,
       says=r"MarkovGame is immutable.*discount")

# Normal-form games
refuse("payoffs of one player for two", fm.NormalFormGame, PAYOFFS[0],
       says=r"payoffs must have shape.*found \(2, 3\).*identical_interest")
refuse("payoffs of three players for two", fm.NormalFormGame, np.zeros((3, 2, 2)),
       says=r"found \(3, 2, 2\): 2 action axes for 3 payoffs")
refuse("payoffs a number", fm.NormalFormGame, 3.0, says=r"payoffs must have shape.*found \(\)")
refuse("payoffs empty", fm.NormalFormGame, [], says=r"payoffs must have shape.*found \(0,\)")
refuse("payoffs of no action", fm.NormalFormGame, np.zeros((2, 0, 3)),
       says=r"at least one action, found payoffs of shape \(2, 0, 3\)")
refuse("payoffs ragged", fm.NormalFormGame, [[[1, 2], [3, 4]], [[1, 2], [3]]],
       says=r"payoffs must be a rectangular array")
refuse("payoffs NaN", fm.NormalFormGame, edited(PAYOFFS, (1, 0, 2), NAN),
       says=r"payoffs must be finite, found nan at index \(1, 0, 2\)")
refuse("payoffs strings", fm.NormalFormGame, PAYOFFS.astype(str), error=TypeError,
       says=r"payoffs must hold real numbers, found dtype <U")
refuse("payoffs of dates", fm.NormalFormGame, PAYOFFS.astype("datetime64[s]"), error=TypeError,
       says=r"found dtype datetime64\[s\]")
refuse("shared payoff a number", fm.NormalFormGame.identical_interest, 1.0,
       says=r"payoff must have shape \(A_0, .*single number 1\.0")

# Games by name
refuse("num_actions a number", fm.games.random_normal_form, 3, error=TypeError,
       says=r"num_actions must hold one number per player, found 3; .*\(3, 3\)")
refuse("num_actions empty", fm.games.random_normal_form, (),
       says=r"num_actions must name at least one player, found \(\)")
refuse("num_actions with a zero", fm.games.random_markov, 3, (2, 0),
       says=r"num_actions\[1\] must be at least 1, found 0")
refuse("num_actions fractional", fm.games.random_markov, 3, (2, 2.5), error=TypeError,
       says=r"num_actions\[1\] must be a whole number, found 2\.5")
refuse("num_actions with a bool", fm.games.random_markov, 3, (2, True), error=TypeError,
       says=r"num_actions\[1\] must be a whole number, found True")
refuse("num_actions None", fm.games.random_markov, 3, None, error=TypeError,
       says=r"num_actions must be a sequence.*found None")
refuse("no states asked for", fm.games.random_markov, 0, (2, 2), says=r"num_states must be at least 1, found 0")
refuse("states as text", fm.games.random_markov, "3", (2, 2), error=TypeError,
       says=r"num_states must be a whole number, found '3'")
refuse("discount of a random game", fm.games.random_markov, 3, (2, 2), 1.5,
       says=r"discount must be a finite number in \[0, 1\], found 1\.5")
refuse("more next states than states", lambda: fm.games.random_markov(3, (2, 2), sparse=4),
       says=r"sparse must be between 1 and 3, found 4")
refuse("seed text", fm.games.random_markov, 3, (2, 2), 0.9, "seed", error=TypeError,
       says=r"rng must be None.*found 'seed'")
refuse("seed negative", fm.games.random_markov, 3, (2, 2), 0.9, -1,
       says=r"rng is no seed: .*-1|rng is no seed: .*non-negative")
refuse("seed fractional", fm.random_policy, G, 0.5, error=TypeError, says=r"rng must be None.*found 0\.5")
refuse("seed of the old kind", fm.random_policy, G, np.random.RandomState(0), error=TypeError,
       says=r"rng must be None.*found RandomState")
refuse("3**41 joint actions", many_joint, error=MemoryError,
       says=r"36472996377170786403 joint actions needs \S+ GiB, but .*free; .*count-based")
refuse("3**20 joint actions from views", many_joint_markov, error=MemoryError,
       says=r"3486784401 joint actions needs \S+ GiB, but .*free; .*count-based")
refuse("10**6 states dense", many_states, error=MemoryError,
       says=r"1000000 states and 2 joint actions needs \S+ GiB, but .*free; .*sparse")
refuse("10**6 random states dense", fm.games.random_markov, 10**6, (2, 2), error=MemoryError,
       says=r"1000000 states and 4 joint actions needs \S+ GiB.*sparse")

# Policies
refuse("policy of other columns", fm.evaluate, G, np.full((2, 5), 0.2),
       says=r"policy must have shape \(S, A_total\) = \(2, 4\), found \(2, 5\)")
refuse("policy of other states", fm.evaluate, G, np.full((3, 4), 0.5),
       says=r"policy must have shape \(S, A_total\) = \(2, 4\), found \(3, 4\)")
refuse("policy of one row", fm.evaluate, G, np.full(4, 0.5),
       says=r"policy must have shape \(S, A_total\) = \(2, 4\), found \(4,\)")
refuse("policy empty", fm.evaluate, G, np.zeros((0, 4)), says=r"policy must have shape.*found \(0, 4\)")
refuse("policy empty list", fm.evaluate, G, [], says=r"policy must have shape.*found \(0,\)")
refuse("policy None", fm.evaluate, G, None, error=(TypeError, ValueError), says=r"policy must")
refuse("policy by name", fm.evaluate, G, "uniform", error=TypeError,
       says=r"policy must hold real numbers, found dtype <U7")
refuse("policy negative", fm.evaluate, G, edited(edited(UNIFORM, (1, 2), -0.25), (1, 3), 1.25),
       says=r"policy of player 1 must not be negative, found -0\.25 in state 1 for action 0")
refuse("policy not summing", fm.ne_gap, G, edited(UNIFORM, (1, 0), 0.25),
       says=r"policy of player 0 must sum to 1, found .*0\.75.* in state 1; divide the player's part")
refuse("policy NaN", fm.ne_gap, G, edited(UNIFORM, (0, 3), NAN),
       says=r"policy must be finite, found nan at index \(0, 3\)")
refuse("policy inf", fm.qre_gap, G, edited(UNIFORM, (0, 3), INF), 0.1,
       says=r"policy must be finite, found inf at index \(0, 3\)")
refuse("policy complex", fm.evaluate, G, UNIFORM.astype(complex), error=TypeError,
       says=r"policy must hold real numbers, found dtype complex128")
refuse("policy of strings as objects", fm.evaluate, G, UNIFORM.astype(str).astype(object), error=TypeError,
       says=r"policy must hold real numbers, found '0\.5' of type str at index \(0, 0\)")
refuse("policy masked", fm.evaluate, G, np.ma.array(UNIFORM, mask=UNIFORM > 0),
       says=r"policy must not have masked entries, found 8 of them; .*\.filled\(")
refuse("policy list with a mask", fm.evaluate, G, [UNIFORM[:, :2], np.ma.array(UNIFORM[:, 2:], mask=[[1, 0], [0, 0]])],
       says=r"policy of player 1 must not have masked entries, found 1 of them")
refuse(
    "policy stacked by player",
    fm.evaluate,
    G,
    np.full((2, 2, 2), 0.5),
    says=r"policy must have shape \(S, A_total\) = \(2, 4\), .*found \(2, 2, 2\); .*write fm\.join\(list\(policy\)\)",
)
refuse("policy too negative to be rounding", fm.evaluate, G, edited(edited(UNIFORM, (1, 2), -2e-8), (1, 3), 1.00000002),
       says=r"policy of player 1 must not be negative, found -2e-08 in state 1 for action 0")
refuse("policy of float32 that does not sum", fm.evaluate, G, edited(UNIFORM, (1, 2), 0.50001).astype(np.float32),
       says=r"policy of player 1 must sum to 1, found 1\.0000\d+ in state 1; divide .* in float64")
refuse("policy of a single player", fm.evaluate, G, [np.full((2, 2), 0.5)],
       says=r"policy must have|policy must hold one")
refuse("policy of three players", fm.evaluate, G, [np.full((2, 2), 0.5)] * 3,
       says=r"policy must have|policy must hold one")
refuse("policy list of a wrong part", fm.evaluate, STAGE, [np.full((1, 2), 0.5), np.full((1, 2), 0.5)],
       says=r"policy of player 1 must have shape \(S, A_1\) = \(1, 3\), found \(1, 2\)")
refuse("policy list with a NaN", fm.evaluate, STAGE, [np.array([[0.5, NAN]]), np.full((1, 3), 1 / 3)],
       says=r"policy of player 0 must be finite, found nan at index \(0, 1\)")
refuse("policy ragged", fm.evaluate, STAGE, [[[0.5, 0.5]], [[0.5, 0.5], [1.0]]], says=r"policy of player 1 must")
refuse("tau negative", lambda g, p: fm.evaluate(g, p, tau=-1), G, UNIFORM,
       says=r"tau must be a finite number in \[0, inf\), found -1\.0")
refuse("tau inf", fm.qre_gap, G, UNIFORM, INF, says=r"tau must be a finite number in \[0, inf\), found inf")
refuse("tau text", fm.qre_gap, G, UNIFORM, "hot", error=TypeError, says=r"tau must be a real number, found 'hot'")
refuse("player beyond the last", fm.best_response, G, UNIFORM, 2, says=r"player must be between 0 and 1, found 2")
refuse("player -1", fm.best_response, G, UNIFORM, -1, says=r"player must be between 0 and 1, found -1")
refuse("player a bool", fm.best_response, G, UNIFORM, True, error=TypeError,
       says=r"player must be a whole number, found True")
refuse("player 0.5", fm.best_response, G, UNIFORM, 0.5, error=TypeError,
       says=r"player must be a whole number, found 0\.5")
refuse("split of other columns", fm.split, G, np.zeros((2, 5)), says=r"must have 4 columns.*found shape \(2, 5\)")
refuse("regret of a vector", fm.nash_regret, [0.5, 0.25], says=r"gap must have shape \(T, N\).*found \(2,\)")
refuse("regret of nothing", fm.nash_regret, np.zeros((0, 2)),
       says=r"gap must have shape \(T, N\) with at least one entry, found \(0, 2\)")

LONGEST = 600  # characters of a message: people read it in a terminal


def attempt(call, args):
    try:
        call(*args)
    except Exception as error:
        return error
    return None


def frozen(args):
    """Copies of the arguments, sparse and nested ones too, to compare with afterwards."""
    return [copy.deepcopy(a) if not isinstance(a, fm.Game | type) else a for a in args]


def equal(one, two):
    if sp.issparse(one):
        return (one.shape == two.shape
                and all(equal(getattr(one, part), getattr(two, part)) for part in ("data", "indices", "indptr")))
    if isinstance(one, np.ndarray):
        kept = one.dtype == two.dtype and one.shape == two.shape and one.flags.writeable == two.flags.writeable
        return kept and (one.tobytes() == two.tobytes() if one.dtype != object else bool((one == two).all()))
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(equal, one, two))
    return one is two or one == two or (one != one and two != two) or isinstance(one, np.random.RandomState)


def check(call, args, error, says):
    """The right type, a message that says what, where and what was found, and the caller's arrays as they were."""
    before = frozen(args)
    with pytest.raises(error) as caught:
        call(*args)
    message = str(caught.value)
    assert re.search(says, message, re.DOTALL), message
    assert len(message) <= LONGEST, f"{len(message)} characters"
    assert all(map(equal, args, before)), "an argument was changed"


@pytest.mark.parametrize("call, args, error, says", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_malformed_input(call, args, error, says):
    check(call, args, error, says)


def test_the_table_is_large_and_has_no_doubles():
    names = [row[0] for row in TABLE]
    assert len(names) >= 60 and len(set(names)) == len(names)


@pytest.mark.parametrize(
    "build",
    [many_joint, many_joint_markov, many_states, lambda: fm.games.random_markov(10**6, (2, 2))],
    ids=["joint actions", "joint actions from views", "states", "random states"],
)
def test_too_large_games_are_refused_before_anything_is_allocated(build):
    """Less than 2 MB pass through Python's allocator, and the process grows by no more than 50 MB."""
    assert isinstance(attempt(build, ()), MemoryError)  # whatever is imported or cached on the way is
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    assert isinstance(attempt(build, ()), MemoryError)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown < 50_000


@pytest.mark.compiled
def test_a_trace_of_too_many_steps_is_refused_before_its_steps_are_listed():
    """In a process that may have 4 GiB: 10**12 steps are refused by name, not by numpy when their list fails to fit."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30,) * 2)\nimport fastmpg as fm\n"
        "try: fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(0.1), 10**12)\n"
        "except MemoryError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.search(r"a trace of 1000000000001 steps of ne_gap, value in 1 run needs \S+ (GiB|TiB)",
                     done.stdout), done.stdout


@pytest.mark.parametrize("game", [G, SPARSE, STAGE], ids=["dense", "sparse", "stage"])
def test_loading_what_is_no_result(game, tmp_path):
    for name, data in {"text": b"hello", "nothing": b"", "zip": b"PK\x05\x06" + bytes(18)}.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f"{name} is damaged or was not written by fastmpg"):
            fm.Result.load(path)


def lines():
    """The table as text: input -> error, one a line."""
    for what, call, args, *_ in TABLE:
        found = attempt(call, args)
        yield f"{what:34s} -> {type(found).__name__}: {found}" if found else f"{what:34s} -> accepted"


def test_the_table_prints():
    printed = list(lines())
    assert len(printed) == len(TABLE)
    assert not [line for line in printed if line.endswith("accepted")]
    assert not [line for line in printed if "\n" in line], "one line each"


if __name__ == "__main__":
    print("\n".join(lines()))
