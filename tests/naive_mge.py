"""Slow, obvious twins of MGE-I and MGE-F: plain NumPy over the games of naive_horizon.

Q is a list of N arrays (S, A_i), -inf where an action is not available. An equilibrium is followed from uniform play by
small steps of beta, each solved by scipy's fsolve with the differences it takes itself.
"""

import warnings

import numpy as np
from naive_horizon import dot, look
from scipy.optimize import fsolve


def choices(q, beta):
    """pi_i = softmax(beta Q_i)."""
    weights = [np.where(each > -np.inf,
                        np.exp(beta * np.where(each > -np.inf, each - each.max(axis=1, keepdims=True), 0)), 0)
               for each in q]
    return [each / each.sum(axis=1, keepdims=True) for each in weights]


def answers(game, q, ahead, beta):
    """U_i(Q)(s, a_i) = E_{a_-i ~ pi_-i} [r_i + gamma V_i(s')], V (N, S)."""
    policy = choices(q, beta)
    return [look(game, policy, i, ahead[i]) for i in range(len(q))]


def value(q, beta, kind):
    """(N, S): sum pi Q, (1/beta) log sum exp(beta Q), or max Q."""
    if kind == "mean":
        return np.array([dot(p, each) for p, each in zip(choices(q, beta), q, strict=True)])
    top = np.array([each.max(axis=1) for each in q])
    if kind == "max":
        return top
    return top + np.array(
        [np.log(np.exp(beta * (each - t[:, None])).sum(axis=1)) for each, t in zip(q, top, strict=True)]) / beta


def nothing(game):
    """Q = 0 where an action is available: uniform play."""
    return [np.where(can, 0.0, -np.inf) for can in game.available]


def step(game, q, ahead, beta, alpha):
    """Q <- alpha U(Q) + (1 - alpha) Q, and the largest |U(Q) - Q|."""
    target = answers(game, q, ahead, beta)
    gap = max(np.abs(t[can] - each[can]).max() for t, each, can in zip(target, q, game.available, strict=True))
    damped = [np.where(can, alpha * np.where(can, t, 0) + (1 - alpha) * np.where(can, each, 0), -np.inf)
              for t, each, can in zip(target, q, game.available, strict=True)]
    return damped, gap


def swept(game, ahead, beta, alpha, sweeps):
    """Q after so many damped sweeps from uniform play's answers, and the residual before each."""
    q, gaps = answers(game, nothing(game), ahead, beta), []
    for _ in range(sweeps):
        q, gap = step(game, q, ahead, beta, alpha)
        gaps.append(gap)
    return q, gaps


def continued(game, ahead, beta, steps=40):
    """The stage's equilibrium that uniform play becomes as beta grows from 0 in so many steps."""
    mask, edges = np.concatenate(game.available, axis=1), np.cumsum([each.shape[1] for each in game.available])[:-1]

    def off(x, at):
        q = np.full(mask.shape, -np.inf)
        q[mask] = x
        target = np.concatenate(answers(game, np.split(q, edges, axis=1), ahead, at), axis=1)
        return target[mask] - x

    x = np.zeros(int(mask.sum()))
    for at in np.linspace(0.0, beta, steps + 1):
        with warnings.catch_warnings():  # that it stops at rounding
            warnings.simplefilter("ignore", RuntimeWarning)
            x = fsolve(off, x, args=(at,), xtol=1e-14)
    assert np.abs(off(x, beta)).max() < 1e-11
    q = np.full(mask.shape, -np.inf)
    q[mask] = x
    return np.split(q, edges, axis=1)


def mge_f(game, horizon, beta, kind, terminal, steps=40):
    """Q by stages, and values (T + 1, N, S)."""
    values, found = [terminal], []
    for _ in range(horizon):
        found.insert(0, continued(game, values[0], beta, steps))
        values.insert(0, value(found[0], beta, kind))
    return found, np.array(values)


def mge_i(game, beta, kind, alpha=0.5, sweeps=20_000):
    """Q, by damped sweeps of everything at once."""
    q = nothing(game)
    for _ in range(sweeps):
        q, gap = step(game, q, value(q, beta, kind), beta, alpha)
        if gap < 1e-13:
            break
    return q
