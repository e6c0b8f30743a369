"""Twins of occupancy games in plain NumPy: all states of all players, dense transitions, loops over players, steps."""

import itertools

import numpy as np


def transitions(game, i):
    """P_i (X, A_i, X), rows of 0 where an action cannot be taken."""
    model, x, a = game.model, game.num_states, game.num_actions[i]
    table = np.zeros((x * a, x))
    for n in range(x * a):
        row = model.row[i] + n
        for e in range(model.pointer[row], model.pointer[row + 1]):
            table[n, model.index[e]] += model.probability[e]
    return table.reshape(x, a, x)


def rewards(game, i):
    """R_i (X, A_i)."""
    table = game.reward(i)
    return np.repeat(table[:, None], game.num_actions[i], axis=1) if table.ndim == 1 else table


def laws(game):
    """O_i^0 (M, X)."""
    return np.eye(game.num_states)[game.starts] if game.starts.ndim == 1 else game.starts


def weighted(game):
    """Psi_i(O) (T + 1, X) = - sum_{j != i} mu_j O_j."""
    return lambda i, o: -sum(game.mu[j] * o[j] for j in range(len(o)) if j != i) + np.zeros(o[0].shape)


def flow(game, policies, horizon):
    """O (M, T + 1, X), equation (12)."""
    o = np.zeros((game.num_players, horizon + 1, game.num_states))
    o[:, 0] = laws(game)
    for i, policy in enumerate(policies):
        p = transitions(game, i)
        for t in range(horizon):
            o[i, t + 1] = np.einsum("x,xa,xay->y", o[i, t], policy[t], p)
    return o


def respond(game, i, psi, horizon, beta, value, terminal):
    """Q_i, pi_i (D, X, A_i) and V_i (D + 1, X) against Psi_i (T + 1, X), equations (9)-(11)."""
    decisions = horizon + (terminal == "extra_decision")
    p, r, able = transitions(game, i), rewards(game, i), game.available(i)
    q = np.full((decisions, *able.shape), -np.inf)
    policy = np.zeros(q.shape)
    v = np.zeros((decisions + 1, game.num_states))
    v[decisions] = game.final(i) + (psi[horizon] if terminal == "with_psi" else 0.0)
    for t in range(decisions - 1, -1, -1):
        for x in range(game.num_states):
            some = able[x]
            q[t, x, some] = r[x, some] + psi[t, x] + p[x, some] @ v[t + 1]
            row = q[t, x, some]
            weight = np.exp(beta * (row - row.max()))
            policy[t, x, some] = weight / weight.sum()
            v[t, x] = {"mean": policy[t, x, some] @ row, "max": row.max(),
                       "softmax": row.max() + np.log(weight.sum()) / beta}[value]
    return q, policy, v


def mge_fb(game, horizon, beta=1.0, *, value="mean", alpha=1.0, terminal="with_psi",
           tol=1e-13, maxiter=20_000, psi=None):
    """(Q, policies, V, O, sweeps, residual), Algorithm 3 with O <- alpha O' + (1 - alpha) O, from uniform policies."""
    players, felt = range(game.num_players), psi or weighted(game)
    uniform = [np.repeat((game.available(i) / game.available(i).sum(axis=1, keepdims=True))[None], horizon, axis=0)
               for i in players]
    o = flow(game, uniform, horizon)
    for sweeps in itertools.count(1):
        found = [respond(game, i, felt(i, o), horizon, beta, value, terminal) for i in players]
        new = flow(game, [policy for _, policy, _ in found], horizon)
        residual = np.abs(new - o).max()
        o = alpha * new + (1 - alpha) * o
        if residual <= tol or sweeps == maxiter:
            break
    found = [respond(game, i, felt(i, o), horizon, beta, value, terminal) for i in players]
    return *([each[n] for each in found] for n in range(3)), o, sweeps, residual


def collision_scores(game, policies, horizon):
    """(M,): expected payoffs of the Markov game of *joint* states in which i pays mu_j for each step in a state with j.

    The joint law is a table over X^M; each state of the path is charged once, t = 0 .. T, and R_F is received at T.
    """
    m, x = game.num_players, game.num_states
    joint = np.ones(())
    for law in laws(game):
        joint = np.multiply.outer(joint, law)
    total = np.zeros(m)
    for t in range(horizon + 1):
        for where in itertools.product(range(x), repeat=m):
            if joint[where] == 0.0:
                continue
            for i in range(m):
                at = where[i]
                met = sum(game.mu[j] for j in range(m) if j != i and where[j] == at)
                own = game.final(i)[at] if t == horizon else policies[i][t, at] @ rewards(game, i)[at]
                total[i] += joint[where] * (own - met)
        if t < horizon:
            for i in range(m):  # players move independently of one another, each by its own state
                step = np.einsum("xa,xay->xy", policies[i][t], transitions(game, i))
                joint = np.moveaxis(np.tensordot(joint, step, axes=(i, 0)), -1, i)
    return total
