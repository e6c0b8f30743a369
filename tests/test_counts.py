"""Anonymous games against tests/naive.py and against their own dense tables, and the named games built on them.

Tolerance of everything exact: that of test_core.py, 1e-10 of the largest number that the quantity could reach. Laws of
counts: test_count_laws.py.
"""

import itertools
import math
import tracemalloc

import naive
import numpy as np
import pytest
import test_core as core
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.machine import UNCOMPILED, kernel
from fastmpg.models.game import contract

EPS = np.finfo(float).eps
PAYOFFS = ("own", "each", "vector", "shared")
MOVES = ("factored", "table", "function", "fixed")
SIZES = [(1, 2, 2), (2, 2, 2), (3, 2, 3), (4, 2, 2), (6, 2, 2), (2, 3, 1), (3, 3, 2), (5, 3, 1), (2, 4, 2),
         (4, 4, 1), (2, 5, 1), (1, 3, 1), (3, 1, 2)]  # players, actions, states of a facility


def draw(rng, players, actions, local, payoffs, moves, discount=0.9):
    """A random count game and the same one as tables over joint actions, made without fastmpg's own tables."""
    states, vectors = local**actions, fm.count_vectors(players, actions)
    place = {tuple(row): k for k, row in enumerate(vectors.tolist())}
    rho = rng.dirichlet(np.ones(states))
    table = rng.uniform(-1, 1, {"own": (states, actions, players + 1), "each": (players, states, actions, players + 1),
                                "vector": (states, actions, len(vectors)), "shared": (states, len(vectors))}[payoffs])
    payoff = {"own": lambda i, s, a, n: table[s, a, n[a]], "each": lambda i, s, a, n: table[i, s, a, n[a]],
              "vector": lambda i, s, a, n: table[s, a, place[n]],
              "shared": lambda i, s, a, n: table[s, place[n]]}[payoffs]
    if moves == "factored":
        given = rng.dirichlet(np.ones(local), (actions, local, players + 1))
        digits = list(itertools.product(range(local), repeat=actions))

        def rows(s, n):
            return [math.prod(given[l, digits[s][l], n[l], t[l]] for l in range(actions)) for t in digits]
    elif moves == "fixed":
        given = rng.dirichlet(np.ones(states), states)

        def rows(s, n):
            return given[s]
    else:
        full = rng.dirichlet(np.ones(states), (states, len(vectors)))
        given = (full if moves == "table"
                 else lambda s, counts: np.array([full[s, place[tuple(n)]] for n in counts.tolist()]))

        def rows(s, n):
            return full[s, place[n]]
    if payoffs == "vector":
        game = fm.CountGame.from_count_vectors(table, given, discount, rho, num_players=players)
    elif payoffs == "shared":
        game = fm.CountGame.identical_interest(table, given, discount, rho, num_players=players, num_actions=actions)
    else:
        game = fm.CountGame(table, given, discount, rho)
    return game, naive.count_game(payoff, rows, players, actions, discount, rho)


def case(rng, *sizes, policies=None, **options):
    game, twin = draw(rng, *sizes, **options)
    shape = (game.num_actions, game.num_states)
    return core.Case(twin, naive.random_policy(rng, *shape) if policies is None else policies,
                     {"count": game, "dense": game.to_dense()})


@kernel
def contract_once(model, work, policy):
    contract(model, work, policy)


# ----------------------------------------------------------------------------------------------------- against the twin
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("payoffs", PAYOFFS)
def test_evaluate_and_gaps(payoffs, moves, sizes, rng):
    one = case(rng, *sizes, payoffs=payoffs, moves=moves, discount=float(rng.choice([0.0, 0.5, 0.9])))
    core.check_evaluation(one)
    core.check_gaps(one)
    found, dense = one.forms["count"], one.forms["dense"]
    assert_array_equal(found.payoff_range(), dense.payoff_range())
    assert_allclose(dense.rewards + np.zeros_like(one.game.rewards), one.game.rewards, rtol=0, atol=0)
    assert_allclose(dense.transitions, one.game.transitions, rtol=4 * EPS)
    assert found.shares_reward == dense.shares_reward


@pytest.mark.parametrize("sizes", [(4, 2, 2), (3, 3, 1), (2, 4, 1)], ids=str)
@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("payoffs", PAYOFFS)
def test_qre_gap_and_best_response(payoffs, moves, sizes, rng):
    one = case(rng, *sizes, payoffs=payoffs, moves=moves)
    units, unit = core.in_units(one.game)
    for tau in core.TAUS:
        expected = unit * naive.qre_gap(units, one.policies, tau)
        for form, built in one.forms.items():
            core.close(fm.qre_gap(built, one.policy, tau * unit), expected, core.scale(one.game, tau * unit), form)
    core.check_best_response(one)


@pytest.mark.compiled
@pytest.mark.parametrize("name", core.RULES)
@pytest.mark.parametrize("payoffs", PAYOFFS)
def test_one_step_of_every_rule(name, payoffs, rng):
    for k, sizes in enumerate([(4, 2, 2), (3, 3, 1)]):
        core.check_rule(name, case(rng, *sizes, payoffs=payoffs, moves=MOVES[(len(name) + k) % 4]))


@pytest.mark.parametrize("low", [0.0, 1e-300])
@pytest.mark.parametrize("payoffs", PAYOFFS)
@pytest.mark.parametrize("sizes", [(5, 2, 2), (3, 3, 1)], ids=str)
def test_extreme_policies(sizes, payoffs, low, rng):
    game, twin = draw(rng, *sizes, payoffs=payoffs, moves="factored")
    corner = [np.eye(n)[rng.integers(0, n, game.num_states)] for n in game.num_actions]
    one = core.Case(twin, [np.where(p == 0.0, low, p) for p in corner], {"count": game, "dense": game.to_dense()})
    core.check_evaluation(one)
    core.check_gaps(one)


@pytest.mark.parametrize("payoffs", PAYOFFS)
@pytest.mark.parametrize("sizes", [(6, 2, 2), (4, 3, 1)], ids=str)
def test_equal_rows_differ_by_state(sizes, payoffs, rng):
    """Groups are found in every state anew."""
    game, twin = draw(rng, *sizes, payoffs=payoffs, moves="factored")
    policies = naive.random_policy(rng, game.num_actions, game.num_states)
    for s in range(game.num_states):
        for i in range(1, game.num_players):
            if rng.random() < 0.6:
                policies[i][s] = policies[rng.integers(0, i)][s]
    one = core.Case(twin, policies, {"count": game})
    core.check_evaluation(one)
    core.check_gaps(one)


# -------------------------------------------------------------------------------------------------------------- threads
def plain(rng, players, actions, payoffs):
    """A game of many players, without a twin."""
    states, vectors = 3, math.comb(players + actions - 1, actions - 1)
    moves = rng.dirichlet(np.ones(states), (states, vectors))
    if payoffs == "vector":
        return fm.CountGame.from_count_vectors(rng.random((states, actions, vectors)), moves, 0.9, num_players=players)
    if payoffs == "shared":
        return fm.CountGame.identical_interest(rng.random((states, vectors)), moves, 0.9, num_players=players,
                                               num_actions=actions)
    shape = (players, states, actions, players + 1)
    return fm.CountGame(rng.random(shape if payoffs == "each" else shape[1:]), moves, 0.9)


@pytest.mark.skipif(UNCOMPILED, reason="one thread only")
@pytest.mark.parametrize("payoffs", PAYOFFS)
@pytest.mark.parametrize("actions", [1, 2, 3])
def test_bits_do_not_depend_on_threads(actions, payoffs, rng, keep_threads):
    for players, groups in [(1, 1), (2, 2), (23, 23), (23, 5), (23, 1)]:
        game = plain(rng, players, actions, payoffs)
        rows = rng.dirichlet(np.ones(actions), (game.num_states, groups))
        policy = np.ascontiguousarray(rows[:, np.arange(players) % groups].reshape(game.num_states, -1))
        found = []
        for threads in (1, 2, 3, 64):
            work = game.workspace(threads)
            contract_once(game.model, work, policy)
            found.append((work.reward.copy(), work.p_bar.copy(), work.chain.copy()))
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                assert_array_equal(a, b)


# --------------------------------------------------------------------------------------------------------------- memory
def test_workspace_is_as_large_as_it_says():
    game = fm.games.routing(1000, form="count")
    said = game.workspace_bytes()
    tracemalloc.start()
    try:
        work = game.workspace()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(a.nbytes for a in work if isinstance(a, np.ndarray)) <= peak <= said + 8192
    assert said < 2_000_000


def test_budgets_come_before_tables():
    with pytest.raises(MemoryError, match="count game of 10000 players, 1 states and"):
        many = np.broadcast_to(0.0, (1, math.comb(10003, 3)))  # a view of one number
        fm.CountGame.identical_interest(many, [[1.0]], 0.0, num_players=10000, num_actions=4)
    with pytest.raises(MemoryError, match=r"dense form of .*'routing'.*keep the count form"):
        fm.games.routing(100, form="count").to_dense()
    with pytest.raises(MemoryError, match='use form="count"'):
        fm.games.routing(100)
    with pytest.raises(MemoryError, match="are allowed"):
        fm.CountGame(np.zeros((1, 2, 1001)), [[1.0]], 0.0, max_bytes=10_000)


def test_the_game_is_its_own():
    """Tables are copied in and handed out read-only, in the caller's order."""
    rng = np.random.default_rng(3)
    for payoffs, moves in itertools.product(PAYOFFS, MOVES):
        game, _ = draw(rng, 3, 3, 1, payoffs, moves)
        for table in (game.payoffs, game.transitions, game.initial):
            assert not table.flags.writeable
        with pytest.raises(AttributeError, match="immutable"):
            game.discount = 0.1
    vectors = fm.count_vectors(3, 3)
    table = rng.random((2, 3, len(vectors)))
    rows = rng.dirichlet([1.0, 1.0], (2, len(vectors)))
    game = fm.CountGame.from_count_vectors(table, rows, 0.5, num_players=3)
    assert_array_equal(game.payoffs, table)
    assert_array_equal(game.transitions, rows)
    shared = fm.CountGame.identical_interest(table[:, 0], lambda s, counts: rows[s], 0.5, num_players=3, num_actions=3)
    assert_array_equal(shared.payoffs, table[:, 0])
    assert_array_equal(shared.transitions, rows)


# --------------------------------------------------------------------------------------------------------------- errors
OWN = np.arange(12.0).reshape(2, 2, 3)  # two states, two actions, two players
FIXED = np.full((2, 2), 0.5)
LOCAL = np.full((2, 2, 3, 2), 0.5)
TABLE = np.full((2, 3, 2), 0.5)


def edit(table, index, number):
    changed = np.array(table, float)
    changed[index] = number
    return changed


def vector(payoffs, moves=FIXED, players=2):
    return fm.CountGame.from_count_vectors(payoffs, moves, 0.5, num_players=players)


def shared(reward, players=2, actions=2):
    return fm.CountGame.identical_interest(reward, FIXED, 0.5, num_players=players, num_actions=actions)


BAD = {}


def refuse(what, call, says, error=ValueError):
    BAD[what] = (call, error, says)


refuse("payoffs of a matrix", lambda: fm.CountGame(OWN[0], FIXED, 0.5),
       r"payoffs must have shape \(S, L, N \+ 1\).*found \(2, 3\)")
refuse("payoffs with a player too many", lambda: fm.CountGame(np.zeros((3, 2, 2, 3)), FIXED, 0.5),
       r"found \(3, 2, 2, 3\)")
refuse("payoffs of nobody", lambda: fm.CountGame(np.zeros((2, 2, 1)), FIXED, 0.5), "0 players")
refuse("payoffs without actions", lambda: fm.CountGame(np.zeros((2, 0, 3)), FIXED, 0.5), "0 actions")
refuse("payoffs ragged", lambda: fm.CountGame([[[1.0], [1.0, 2.0]]], FIXED, 0.5), "payoffs must be a rectangular array")
refuse("payoffs NaN", lambda: fm.CountGame(edit(OWN, (1, 0, 0), np.nan), FIXED, 0.5),
       r"payoffs must be finite.*\(1, 0, 0\)")
refuse("payoffs text", lambda: fm.CountGame(OWN.astype(str), FIXED, 0.5), "payoffs must hold real numbers", TypeError)
refuse("discount 1.5", lambda: fm.CountGame(OWN, FIXED, 1.5), r"discount .*\[0, 1\]")
refuse("initial too long", lambda: fm.CountGame(OWN, FIXED, 0.5, [0.2, 0.3, 0.5]), "initial must have shape")
refuse("initial no law", lambda: fm.CountGame(OWN, FIXED, 0.5, [0.2, 0.3]), "initial must sum to 1")
refuse("transitions of another game", lambda: fm.CountGame(OWN, np.full((3, 3), 1 / 3), 0.5),
       r"transitions must have shape .*\(2, 3, 2\).*\(S, S\) = \(2, 2\).*found \(3, 3\)")
refuse("factored into the wrong states", lambda: fm.CountGame(OWN, LOCAL, 0.5),
       r"m\*\*2 = 2, which no m fits.*\(2, 2, 3, 2\)")
refuse("factored for other players", lambda: fm.CountGame(np.zeros((4, 2, 4)), LOCAL, 0.5),
       r"\(2, 2, 4, 2\).*found \(2, 2, 3, 2\)")
refuse("factored row", lambda: fm.CountGame(np.zeros((4, 2, 3)), edit(LOCAL, (1, 0, 2, 1), 0.6), 0.5),
       "sum to 1, found 1.1 for facility 1 in its state 0 with 2 players")
refuse("table row", lambda: fm.CountGame(OWN, edit(TABLE, (1, 2, 0), 0.4), 0.5),
       r"sum to 1, found 0.9 in state 1 at counts \(2, 0\)")
refuse("table negative", lambda: fm.CountGame(OWN, edit(TABLE, (0, 1), [-0.5, 1.5]), 0.5),
       r"not be negative, found -0.5 in state 0 at counts \(1, 1\)")
refuse("fixed row", lambda: fm.CountGame(OWN, edit(FIXED, (0, 1), 0.4), 0.5), "sum to 1, found 0.9 in state 0")
refuse("function of counts", lambda: fm.CountGame(OWN, lambda s, counts: counts, 0.5),
       "sum to 1, found 2.0 in state 0 at counts")
refuse("function of one row", lambda: fm.CountGame(OWN, lambda s, counts: [0.5, 0.5], 0.5),
       r"transitions\(0, counts\) must have shape \(C, S\) = \(3, 2\), found \(2,\)")
refuse("function with NaN", lambda: fm.CountGame(OWN, lambda s, counts: TABLE[0] * np.nan, 0.5),
       r"transitions\(0, counts\) must be finite")
refuse("transitions None", lambda: fm.CountGame(OWN, None, 0.5),
       "transitions must hold real numbers, found None", TypeError)
refuse("vector payoffs flat", lambda: vector(OWN[0]), r"payoffs must have shape \(S, L, C\).*found \(2, 3\)")
refuse("vector payoffs for other players", lambda: vector(OWN, players=4),
       r"\(2, 2, 5\).*count_vectors\(4, 2\), found \(2, 2, 3\)")
refuse("vector without players", lambda: vector(OWN, players=0), "num_players must be at least 1")
refuse("shared for other actions", lambda: shared(OWN[0], actions=3),
       r"reward must have shape \(S, C\) = \(2, 6\).*count_vectors\(2, 3\)")
refuse("shared with an axis too many", lambda: shared(OWN), r"reward must have shape \(S, C\).*found \(2, 2, 3\)")
refuse("shared by half players", lambda: shared(OWN[0], players=1.5), "num_players must be a whole number", TypeError)
refuse("count vectors of nobody", lambda: fm.count_vectors(0, 2), "num_players must be at least 1")
refuse("too many count vectors", lambda: fm.count_vectors(10**6, 10),
       "count vectors of 1000000 players on 10 actions", MemoryError)
refuse("routing form", lambda: fm.games.routing(form="sparse"),
       "form must be one of 'dense', 'count', 'simulator', found 'sparse'")
refuse("routing reward", lambda: fm.games.routing(reward="mine"), "reward must be one of 'own', 'team'")
refuse("routing transitions", lambda: fm.games.routing(transitions=3),
       "transitions must be one of 'counts', 'averaged', found 3")
refuse("routing slopes", lambda: fm.games.routing(slopes=(1, 2, 3)),
       r"slopes must be one number or one a link, \(2,\), found shape \(3,\)")
refuse("routing lambda", lambda: fm.games.routing(lambda1=1.2), r"lambda1 must be a finite number in \[0, 1\]")
refuse("distancing weights", lambda: fm.games.safe_distancing(weights=3), "weights must hold one number a facility")


@pytest.mark.parametrize("what", BAD)
def test_malformed_input(what):
    call, error, says = BAD[what]
    with pytest.raises(error, match=says):
        call()


# ---------------------------------------------------------------------------------------------------------- named games
def routing_twin(players, links, reward, averaged, threshold=2, m=(2.0, 4.0), b=(9.0, 16.0), high=0.8, low=0.2):
    states = list(itertools.product((0, 1), repeat=links))
    profiles = list(itertools.product(range(links), repeat=players))

    def law(n):
        unsafe = [high if n[l] >= threshold else low for l in range(links)]
        return np.array([math.prod(unsafe[l] if t[l] else 1 - unsafe[l] for l in range(links)) for t in states])

    mean = sum(law(naive.counts_of(a, links)) for a in profiles) / len(profiles)

    def own(s, l, n):
        return b[l % 2] - m[l % 2] * (1 + states[s][l]) * n[l]

    def payoff(i, s, a, n):
        return own(s, a, n) if reward == "own" else sum(n[l] * own(s, l, n) for l in range(links))

    return naive.count_game(payoff, lambda s, n: mean if averaged else law(n), players, links, 0.5,
                            np.full(2**links, 0.5**links))


@pytest.mark.parametrize("players, links", [(3, 2), (4, 2), (5, 2), (3, 3), (4, 3), (2, 1)])
@pytest.mark.parametrize("reward", ["own", "team"])
@pytest.mark.parametrize("transitions", ["counts", "averaged"])
def test_routing(players, links, reward, transitions, rng):
    twin = routing_twin(players, links, reward, transitions == "averaged")
    dense = fm.games.routing(players, links, reward=reward, transitions=transitions)
    count = fm.games.routing(players, links, "count", reward, transitions)
    assert isinstance(dense, fm.MarkovGame) and isinstance(count, fm.CountGame)
    for game in (dense, count.to_dense()):
        assert_allclose(game.rewards + np.zeros_like(twin.rewards), twin.rewards, rtol=0, atol=0)
        assert_allclose(game.transitions, twin.transitions, rtol=0, atol=len(twin.transitions) ** players * EPS)
        assert game.shares_reward == (reward == "team")
        assert_array_equal(game.initial, twin.initial)
    policies = naive.random_policy(rng, dense.num_actions, dense.num_states)
    core.check_evaluation(core.Case(twin, policies, {"dense": dense, "count": count}))


def test_routing_takes_its_numbers():
    game = fm.games.routing(3, 2, "count", thresholds=(1, 3), slopes=1.0, intercepts=(0, 10), discount=0.2,
                            lambda1=1.0, lambda2=0.0)
    assert_array_equal(game.payoffs[1, 1], 10.0 - 2 * np.arange(4))
    assert_array_equal(game.transitions[:, 0, :, 1], [[0, 1, 1, 1], [0, 0, 0, 1]])
    assert game.discount == 0.2
    assert fm.games.routing(8).num_states == 4 and fm.games.routing(1000, form="count").num_players == 1000


def test_safe_distancing():
    """The law of motion from the words of the paper, at every joint action of four players."""
    game = fm.games.safe_distancing(4).to_dense()
    weights = (1, 2, 4, 6)
    for a in itertools.product(range(4), repeat=4):
        load = max(a.count(l) for l in range(4))
        for s in (0, 1):
            distancing = load > 2 if s == 0 else load > 1
            assert_array_equal(game.transitions[(s, *a)], [not distancing, distancing])
            for i in range(4):
                assert game.rewards[(i, s, *a)] == weights[a[i]] * a.count(a[i]) - 100 * s
    assert_array_equal(game.initial, [0.5, 0.5])
    assert fm.games.safe_distancing().num_actions == (4,) * 8 and fm.games.safe_distancing().discount == 0.99


@pytest.mark.compiled
def test_learning_with_a_thousand_players():
    """Natural play from the uniform policy keeps players alike; from random ones it comes close to equilibrium."""
    game = fm.games.routing(200, form="count")
    rule = fm.rules.NaturalGradientPlay(eta=1e-3)
    run = fm.learn(game, rule, 60, record=fm.Record(metrics=("ne_gap",)))
    table = run.policy.reshape(4, 200, 2)
    assert (table == table[:, :1]).all()
    assert run.trace["ne_gap"][-1].max() < 0.05 * run.trace["ne_gap"][0].max()
    few = fm.games.routing(5, form="count")
    start = fm.random_policy(few, 1)
    runs = [fm.learn(g, rule, 30, policy=start).policy for g in (few, few.to_dense())]
    assert_allclose(runs[0], runs[1], rtol=0, atol=core.TOLERANCE)


def test_a_repr_of_many_players_is_short():
    crowd = fm.games.routing(1000, form="count")
    assert repr(crowd) == "<CountGame 'routing': 1000 players, 4 states, 2 actions each, discount 0.5, own rewards>"
    ragged = fm.PolymatrixGame({(0, 1): np.ones((2, 3))}, (2, 3) * 6)
    assert "12 players, 1 states, 2 to 3 actions," in repr(ragged)
