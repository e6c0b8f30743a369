"""Equilibria of random normal-form games beside other packages: theirs are equilibria here, ours are there.

Integer payoffs, few of them in some games, so that ties, doubled and useless actions and whole pieces of equilibria
come up.

``FASTMPG_PEERS=1 FASTMPG_FUZZ=N python -m pytest tests/test_peers_equilibria.py -m slow`` draws as many games.
"""

import collections
import os
import warnings
from fractions import Fraction

import gambit
import numpy as np
import pytest

import fastmpg as fm

pytestmark = pytest.mark.peers
DRAWS = int(os.environ.get("FASTMPG_FUZZ", 300))
UNIT = 2.0**-53


def drawn(seed):
    """Of two players with 2 to 5 actions or three with 2 to 3; every third one of the payoffs -1, 0 and 1."""
    rng = np.random.default_rng([2028, seed])
    sizes = tuple(int(n) for n in (rng.integers(2, 6, 2) if seed % 4 else rng.integers(2, 4, 3)))
    most = (1, 9, 99)[seed % 3]
    payoffs = rng.integers(-most, most + 1, (len(sizes), *sizes))
    if rng.random() < 0.2:  # player 0's last action is its first again
        payoffs[:, -1] = payoffs[:, 0]
    kind = rng.integers(6)
    if kind == 0:  # nothing is at stake for player 0
        payoffs[0] = 0
    elif kind == 1:  # one interest
        payoffs[:] = payoffs[0]
    elif kind == 2 and len(sizes) == 2:  # opposite ones
        payoffs[1] = -payoffs[0]
    return rng, sizes, payoffs


def rounding(payoffs):
    """Of a mean over a profile whose probabilities are rounded: a few for every joint action."""
    return 4 * (payoffs[0].size + sum(payoffs[0].shape)) * UNIT * np.abs(payoffs).max()


def gaps(game, profile):
    return fm.ne_gap(game, [np.asarray(each, float)[None] for each in profile])


def theirs(payoffs, game, seen):
    """Equilibria as other packages find them: [(who, profile, what rounding leaves)]."""
    import pygambit
    import quantecon.game_theory as qe

    sizes, found = payoffs.shape[1:], []
    cuts, small = np.cumsum(sizes)[:-1], rounding(payoffs)
    there = fm.io.to_pygambit(game)
    if len(sizes) == 2:
        for each in gambit.equilibria(pygambit.nash.enummixed_solve(there, rational=True)):
            found.append(("gambit, enummixed", np.split(gambit.shares(there, each), cuts), small))
        # these solve linear systems, of payoffs up to 99 that may nearly be dependent
        table, loose = fm.io.to_quantecon(game), 1e-9 * np.abs(payoffs).max()
        near = fm.io.to_nashpy(game)
        above = fm.io.to_nashpy(fm.NormalFormGame(payoffs - payoffs.min() + 1))  # its polytopes need payoffs above 0
        asked = {"QuantEcon, support_enumeration": lambda: qe.support_enumeration(table),
                 "QuantEcon, lemke_howson": lambda: [qe.lemke_howson(table, init_pivot=k) for k in range(sum(sizes))],
                 "nashpy, support_enumeration": lambda: list(near.support_enumeration()),
                 "nashpy, vertex_enumeration": lambda: list(above.vertex_enumeration())}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of degenerate games
            for who, ask in asked.items():
                found += [(who, each, loose) for each in ask()]
    else:
        solved = gambit.equilibria(pygambit.nash.logit_solve(there, maxregret=1e-8))  # times the range of all payoffs
        seen["gambit, logit: fails"] += not solved
        for each in solved:
            found.append(("gambit, logit", np.split(gambit.shares(there, each), cuts), 1e-8 * np.ptp(payoffs) + small))
    return there, found


def disagreements(seed, seen):
    import pygambit
    import quantecon.game_theory as qe

    rng, sizes, payoffs = drawn(seed)
    game, lost = fm.NormalFormGame(payoffs), []
    there, found = theirs(payoffs, game, seen)
    small = rounding(payoffs)
    # pure equilibria, as sets
    ours = {tuple(each) for each in fm.solvers.pure_equilibria(game).actions[:, 0].tolist()}
    table = fm.io.to_quantecon(game)
    pure = {"QuantEcon, pure_nash_brute": {tuple(int(a) for a in each) for each in qe.pure_nash_brute(table)},
            "gambit, enumpure": {tuple(int(row.argmax()) for row in np.split(gambit.shares(there, each),
                                                                           np.cumsum(sizes)[:-1]))
                                 for each in gambit.equilibria(pygambit.nash.enumpure_solve(there))}}
    lost += [(who, "pure equilibria", ours, each) for who, each in pure.items() if each != ours]
    for joint in ours:
        if gaps(game, [np.eye(n)[a] for n, a in zip(sizes, joint, strict=True)]).max() != 0.0:
            lost.append(("ours", "a pure equilibrium with a gap", joint))
    # theirs, here
    for who, profile, slack in found:
        seen[who] += 1
        gap = gaps(game, [each / np.sum(each) for each in profile]).max()
        if not gap <= slack:
            lost.append((who, "has a gap here", gap, profile))
    # ours, there
    solved = [("quantal_response_tracing", fm.solvers.quantal_response_tracing(game))]
    if len(sizes) == 2 and (payoffs[0] == -payoffs[1]).all():
        solved.append(("shapley", fm.solvers.shapley(game)))
    solved.append(("round_robin", fm.solvers.round_robin(game)))
    for who, result in solved:
        status = getattr(result, "status", "equilibrium")
        seen[f"{who}: {status}"] += 1
        if status not in ("equilibrium", "converged"):
            continue
        rows = [each[0] for each in fm.split(game, result.policy)]
        slack = 1e-7 * max(1.0, max(np.ptp(each) for each in payoffs)) + small
        if not table.is_nash([each / each.sum() for each in rows], tol=slack):
            lost.append((who, "is none for QuantEcon", rows))
        mixed = there.mixed_strategy_profile([each.tolist() for each in rows])
        if not float(mixed.max_regret()) <= slack:
            lost.append((who, "is none for gambit", float(mixed.max_regret()), rows))
    # gaps at a profile of multiples of 1/64: everything is exact
    rows = [rng.multinomial(64, np.full(n, 1.0 / n)) for n in sizes]
    regret = [float(each) for each in gambit.regrets(there, [[Fraction(int(k), 64) for k in row] for row in rows])]
    if gaps(game, [row / 64 for row in rows]).tolist() != regret:
        lost.append(("gambit, player_regret", regret, gaps(game, [row / 64 for row in rows]).tolist()))
    return lost


def compare(seeds):
    seen = collections.Counter()
    lost = {seed: found for seed in seeds if (found := disagreements(seed, seen))}
    print(*(f"{count:7d} {what}" for what, count in sorted(seen.items())), sep="\n")
    assert lost == {}


def test_equilibria_are_equilibria_everywhere():
    compare(range(24))


@pytest.mark.slow
def test_equilibria_are_equilibria_everywhere_many_times():
    compare(range(1000, 1000 + DRAWS))
