"""Around the sweeps of occupancy games: where players can be, uniform play; tables of one, payoffs, paths of all.

A solution is what players do against the occupancies that :mod:`.occupancy` has settled; each player's policy is found
again when it is asked for, as no machine holds the policies of a thousand players at once.
"""

import numpy as np

from ..machine import call, inlined, kernel, unit
from .occupancy import backward, forward, number, terminal
from .rng import ACTIONS, START, pair


@kernel
def reach(model, i, counts, cells, seen):
    """Cells that player i can be in, in the order in which it first can; ``cells`` holds the first counts[0] of them.

    counts (D + 1,): how many of them by step t; filled from t = 1   cells (X,) int32   seen (X,): all False
    """
    found, actions = counts[0], model.actions[i]
    for l in range(found):
        seen[cells[l]] = True
    done = 0
    for t in range(1, counts.size):
        until = found
        for l in range(done, until):
            row = model.row[i] + actions * cells[l]
            for e in range(model.pointer[row], model.pointer[row + actions]):
                if not seen[model.index[e]]:
                    seen[model.index[e]] = True
                    cells[found] = model.index[e]
                    found += 1
        done = until
        counts[t] = found


@unit
def play_uniformly(frame, share):
    """Occupancies of uniform policies, of every ``shares``-th player."""
    model = frame.model
    for i in range(share, frame.residual.size, frame.shares):
        number(frame, share, i)
        actions, policy = model.actions[i], frame.policy[share]
        for t in range(frame.horizon):
            for l in range(frame.counts[i, t]):
                row = model.row[i] + actions * frame.cells[frame.first[i] + l]
                at, count = actions * (frame.place[i, t] - frame.place[i, 0] + l), 0
                for a in range(actions):
                    count += 1 if model.pointer[row + a] < model.pointer[row + a + 1] else 0
                for a in range(actions):
                    policy[at + a] = 1.0 / count if model.pointer[row + a] < model.pointer[row + a + 1] else 0.0
        forward(frame, share, i)


@unit
def write_tables(frame, i):
    """Q_i^t, pi_i^t and V_i^t of one player, on share 0 of a frame that keeps them."""
    backward(frame, 0, i)


@inlined
def stage_reward(model, i, x, a):
    """R_i(x, a)."""
    width = model.reward_width[i]
    return model.reward[model.reward_at[i] + x * width + (a if width > 1 else 0)]


@unit
def write_scores(frame, share):
    """score[i] = E[ sum_{t < D} R_i(x, a) + Psi_i(O_-i^t)(x), and V_i^D(x) ] under the policies, a share of them."""
    model = frame.model
    for i in range(share, frame.score.size, frame.shares):
        backward(frame, share, i)
        actions, policy, local = model.actions[i], frame.policy[share], frame.local[share]
        terminal(frame, share, i, frame.value[share, frame.decisions % 2])
        for t in range(frame.decisions - 1, -1, -1):
            now, after = frame.value[share, t % 2], frame.value[share, (t + 1) % 2]
            start = frame.place[i, t]
            call(frame.felt, (share, i, t))
            for l in range(frame.counts[i, t]):
                x = frame.cells[frame.first[i] + l]
                row, at = model.row[i] + actions * x, actions * (start - frame.place[i, 0] + l)
                now[l] = frame.level[share, l]
                for a in range(actions):
                    if policy[at + a] > 0.0:
                        now[l] += policy[at + a] * stage_reward(model, i, x, a)
                        for e in range(model.pointer[row + a], model.pointer[row + a + 1]):
                            now[l] += policy[at + a] * model.probability[e] * after[local[model.index[e]]]
        frame.score[i] = 0.0
        for l in range(frame.counts[i, 0]):
            frame.score[i] += frame.occupancy[frame.place[i, 0] + l] * frame.value[share, 0, l]


@inlined
def _where(weights, u):
    """The first entry at which the running sum of the weights (n,) exceeds u, or the last that is above 0."""
    total, found = 0.0, 0
    for n in range(weights.size):
        if weights[n] > 0.0:
            found = n
            total += weights[n]
            if u < total:
                break
    return found


@inlined
def _most(weights):
    """The first of the largest weights (n,)."""
    found = 0
    for n in range(1, weights.size):
        if weights[n] > weights[found]:
            found = n
    return found


@unit
def write_paths(frame, share, sampled):
    """Cells of a share of the players at t = 0 .. T: of the likeliest start, actions and moves, or sampled, a run each.

    Draws are functions of (key, run, step, player).
    """
    model = frame.model
    for i in range(share, frame.weight.size, frame.shares):
        backward(frame, share, i)
        actions, policy, origin = model.actions[i], frame.policy[share], frame.place[i, 0]
        law = frame.occupancy[origin:origin + frame.counts[i, 0]]
        for run in range(frame.paths.shape[0]):
            u, v = pair(frame.key[0], frame.key[1], np.uint64(run), np.uint64(i), np.uint64(START))
            l = _where(law, u) if sampled != 0 else _most(law)
            for t in range(frame.horizon + 1):
                x = frame.cells[frame.first[i] + l]
                frame.paths[run, i, t] = x
                if t < frame.horizon:
                    at = actions * (frame.place[i, t] - origin + l)
                    chances = policy[at:at + actions]
                    u, v = pair(frame.key[0], frame.key[1], np.uint64(run * frame.horizon + t), np.uint64(i),
                                np.uint64(ACTIONS))
                    a = _where(chances, u) if sampled != 0 else _most(chances)
                    row = model.row[i] + actions * x + a
                    moves = model.probability[model.pointer[row]:model.pointer[row + 1]]
                    e = model.pointer[row] + (_where(moves, v) if sampled != 0 else _most(moves))
                    l = frame.local[share, model.index[e]]
