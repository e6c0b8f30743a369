"""Games at the ends of the number line, and how near to exact numbers what is found has to be."""

import numpy as np
import scipy.sparse as sp
from digits import MP, exact
from test_available import policy_on, ragged

import fastmpg as fm

DISCOUNTS = (0.0, 0.5, *(1.0 - 10.0**-k for k in (3, 6, 9, 12, 15)))
ENDS = (1e-300, 1e-150, 1e-12, 1.0, 1.0, 1e12, 1e150, 1e300)
HUGE = 1e300  # what values may reach
UNIT, STEPS, TINY = MP.mpf(2)**-53, 64, MP.mpf(10)**-305


def power(rng):
    """1e-12 to 1e12."""
    return float(10.0 ** rng.integers(-12, 13))


# ------------------------------------------------------------------------------------------------------------ the games
def payoffs(rng, gamma, *shape):
    """(K, ...) of one size, of a size an entry or a player, small beside a level, or with ties."""
    most, kind = HUGE * (1.0 - gamma), rng.integers(5)
    size = rng.choice(ENDS)
    if kind == 1:
        size = rng.choice(ENDS, shape)
    elif kind == 2:
        size = rng.choice(ENDS, (shape[0], *(1,) * (len(shape) - 1)))
    drawn = rng.uniform(-1, 1, shape)
    if kind == 3:
        drawn = np.rint(2 * drawn)
    elif kind == 4:
        drawn = 1.0 + drawn * 10.0 ** -float(rng.integers(1, 17))
    return np.clip(drawn, -2.0, 2.0) * np.minimum(size, most / 4)


def laws(rng, states, *shape):
    """(..., S) rows that sum to 1 exactly or nearly: drawn, of multiples of 1/64, sure, staying, hardly moving."""
    kind = rng.integers(5)
    if kind == 0:
        drawn = rng.dirichlet(np.ones(states), shape)
        return drawn / drawn.sum(axis=-1, keepdims=True)
    if kind == 1:
        return rng.multinomial(64, np.full(states, 1.0 / states), shape) / 64
    if kind == 2:
        return np.eye(states)[rng.integers(states, size=shape)]
    stay = np.broadcast_to(np.eye(states).reshape(states, *(1,) * (len(shape) - 1), states), (*shape, states))
    if kind == 3 or shape[0] != states:
        return stay.copy() if shape[0] == states else np.eye(states)[np.zeros(shape, int)]
    away = 2.0 ** -rng.integers(10, 52, shape)[..., None]
    return (1 - away) * stay + away * np.eye(states)[rng.integers(states, size=shape)]


def shape_of(rng):
    return [(2, 2), (3,), (2, 3), (2, 2, 2)][rng.integers(4)], int(rng.integers(1, 4))


def markov(rng, gamma):
    """Dense or sparse, with own or shared payoffs, doubled actions, missing ones, final and unreachable states."""
    actions, states = shape_of(rng)
    planes = 1 if rng.random() < 0.3 else len(actions)
    rewards = payoffs(rng, gamma, planes, states, *actions)
    moves = laws(rng, states, states, *actions)
    if rng.random() < 0.3:  # player 0's first two actions are one
        rewards[:, :, 1], moves[:, 1] = rewards[:, :, 0], moves[:, 0]
    if states > 1 and rng.random() < 0.3:  # nothing leads to the last state
        moves[..., 0] += moves[..., -1]
        moves[..., -1] = 0.0
    more = {}
    if rng.random() < 0.3:
        more["available"] = ragged(rng, states, actions)
    if states > 1 and rng.random() < 0.2:
        more["terminal"] = [0]
    if rng.random() < 0.4:
        moves = sp.csr_array(moves.reshape(-1, states))
    initial = np.eye(states)[0] if rng.random() < 0.5 else np.full(states, 1.0 / states)
    if planes == 1:
        return fm.MarkovGame.identical_interest(rewards[0], moves, gamma, initial, **more)
    return fm.MarkovGame(rewards, moves, gamma, initial, **more)


def normal(rng, gamma):
    actions, _ = shape_of(rng)
    more = {"available": ragged(rng, 1, actions)} if rng.random() < 0.3 else {}
    return fm.NormalFormGame(payoffs(rng, 0.0, len(actions), *actions), **more)


def counts(rng, gamma):
    players, states = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    if rng.random() < 0.5:  # every facility has a state of its own
        moves = laws(rng, states, states, 2, players + 1) if states > 1 else [[1.0]]
        return fm.CountGame(payoffs(rng, gamma, states**2, 2, players + 1), moves, gamma)
    vectors = len(fm.count_vectors(players, 3))
    return fm.CountGame.from_count_vectors(payoffs(rng, gamma, states, 3, vectors), laws(rng, states, states, vectors),
                                           gamma, num_players=players)


def pairs(rng, gamma):
    actions, states = shape_of(rng)
    count = len(actions)
    tables = {(i, k): payoffs(rng, gamma, states, actions[i], actions[k]) / 4 for i in range(count)
              for k in range(count) if i != k}
    solo = [payoffs(rng, gamma, states, n) / 4 for n in actions]
    return fm.PolymatrixGame(tables, actions, laws(rng, states, states), gamma, solo=solo)


FORMS = (markov, markov, markov, normal, counts, pairs)


def policy_for(rng, game):
    """Inside, of multiples of 1/64, at corners, or as near to them as there are numbers."""
    there = np.ones((game.num_states, int(game.offset[-1])), bool) if game.available is None else game.available
    parts = np.split(there, game.offset[1:-1], axis=1)
    drawn, kind = policy_on(rng, parts), rng.integers(4)
    if kind == 1:
        drawn = [np.array([rng.multinomial(64, row) for row in part]) / 64 for part in drawn]
    elif kind == 2:
        drawn = [np.eye(part.shape[1])[part.argmax(axis=1)] for part in drawn]
    elif kind == 3:
        drawn = [np.where(part == part.max(axis=1, keepdims=True), 1.0, part * 10.0 ** -float(rng.integers(20, 300)))
                 for part in drawn]
    return np.concatenate(drawn, axis=1)


# ------------------------------------------------------------------------------------------------------------- checks
class Misses(Exception):
    """What is farther off than its bound."""


def largest(table):
    """Of finite entries."""
    flat = [abs(x) for x in exact(table).reshape(-1) if MP.isfinite(x)]
    return max(flat, default=MP.mpf(0))


def check(name, found, true, bound):
    """Entry by entry; -inf is met by itself alone, and NaN by nothing."""
    found, true = np.asarray(exact(found), object), np.asarray(true, object)
    assert found.shape == true.shape, (name, found.shape, true.shape)
    bound = np.broadcast_to(np.asarray(bound, object), true.shape)
    for x, y, most in zip(found.flat, true.flat, bound.flat, strict=True):
        if not (x == y or abs(x - y) <= most):
            raise Misses(f"{name}: {MP.nstr(x, 20)} for {MP.nstr(MP.mpf(y), 20)}, bound {MP.nstr(MP.mpf(most), 5)}")


def inside(name, interval, true):
    low, high, true = np.asarray(interval.low), np.asarray(interval.high), np.asarray(true, object)
    assert low.shape == true.shape, (name, low.shape, true.shape)
    for a, b, x in zip(low.flat, high.flat, true.flat, strict=True):
        if not MP.mpf(float(a)) <= x <= MP.mpf(float(b)):
            raise Misses(f"{name}: {MP.nstr(x, 20)} is not in [{a!r}, {b!r}]")


def on_simplex(name, game, policy):
    policy = np.asarray(policy)
    there = np.ones(policy.shape, bool) if game.available is None else game.available
    width = max(game.num_actions)
    sums = np.add.reduceat(policy, game.offset[:-1], axis=-1)
    if not (policy >= 0).all() or policy[~there].any() or not (np.abs(sums - 1) <= 4 * width * 2.0**-52).all():
        raise Misses(f"{name}: off the simplex {policy!r}")
