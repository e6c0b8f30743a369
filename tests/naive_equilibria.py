"""Plain twins of what lists and traces equilibria."""

import itertools

import numpy as np


def pure_profiles(game):
    """(K, S, N): every pure stationary profile, in lexicographic order of joint actions."""
    each = [range(own) for own in game.num_actions] * game.num_states
    return np.array(list(itertools.product(*each))).reshape(-1, game.num_states, game.num_players)


def is_pure_equilibrium(game, actions, tol, number=float):
    """Whether nobody gains more than tol from any state, by trying every pure stationary deviation."""
    for i, own in enumerate(game.num_actions):
        here = pure_value(game, actions, i, number)
        for other in itertools.product(range(own), repeat=game.num_states):
            moved = actions.copy()
            moved[:, i] = other
            if any(there > now + tol for there, now in zip(pure_value(game, moved, i, number), here, strict=True)):
                return False
    return True


def pure_value(game, actions, i, number=float):
    """Value of player i from every state of a pure profile (S, N), by elimination in the numbers asked for."""
    states, gamma = game.num_states, number(game.discount)
    plane = game.rewards[min(i, len(game.rewards) - 1)]
    rows = []
    for s in range(states):
        at = (s, *actions[s])
        move = [number(p) for p in game.transitions[at]]
        rows.append([number(int(s == t)) - gamma * move[t] for t in range(states)] + [number(plane[at])])
    for s in range(states):  # diagonally dominant: no pivots needed
        rows[s] = [x / rows[s][s] for x in rows[s]]
        for t in range(states):
            if t != s:
                rows[t] = [x - rows[t][s] * y for x, y in zip(rows[t], rows[s], strict=True)]
    return [row[-1] for row in rows]


def numpy_scan(payoffs):
    """Pure equilibria (K, N) of a normal-form game (N, A_0, ..)."""
    stay = np.ones(payoffs.shape[1:], bool)
    for i, plane in enumerate(payoffs):
        stay &= plane == plane.max(axis=i, keepdims=True)
    return np.argwhere(stay)
