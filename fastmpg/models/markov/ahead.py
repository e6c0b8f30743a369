"""One state of a game with tables as a normal-form game, given what every next state is worth.

    u_i(a) = R_i(s, a) + gamma sum_t P(t | s, a) V_i(t)

over the joint actions that can be taken in s: what the tables hold elsewhere is not read.
"""

import math

from ...kernels.vector import dot
from ...machine import attach, inlined, kernel, method
from .dense import DenseModel
from .sparse import SparseModel

expected = method("expected")


@inlined
def _expected_dense(model, s, j, value):
    """sum_t P(t | s, j) value(t).    value (S,)"""
    return dot(model.transitions[s, j], value)


@inlined
def _expected_sparse(model, s, j, value):
    """sum_t P(t | s, j) value(t), from the row's own entries.    value (S,)"""
    row, first, total = s * model.rewards.shape[2] + j, model.chain_pointer[s], 0.0
    for k in range(model.pointer[row], model.pointer[row + 1]):
        total += model.probability[k] * value[model.chain_index[first + model.slot[k]]]
    return total


attach(expected=_expected_dense)(DenseModel)
attach(expected=_expected_sparse)(SparseModel)


@kernel
def actions_of(model, available, s, start, column, joint):
    """The actions that can be taken in state s: start and column by player, and the joint ones, in order; returns n.

    available (S, A_total)   start (N + 1,)   column (>= n,)   joint (>= joint actions,)
    """
    n, joints = 0, 1
    for i in range(start.size - 1):
        start[i] = n
        for c in range(model.offset[i], model.offset[i + 1]):
            if available[s, c]:
                column[n] = c
                n += 1
        joints *= n - start[i]
    start[start.size - 1] = n
    joint[0] = 0
    size, stride = 1, 1
    for i in range(start.size - 2, -1, -1):  # the last player first: joint actions of the players so far
        own = start[i + 1] - start[i]
        for a in range(own - 1, -1, -1):  # the first block last: it holds what the others are made of
            further = (column[start[i] + a] - model.offset[i]) * stride
            for u in range(size):
                joint[a * size + u] = joint[u] + further
        size *= own
        stride *= model.n_actions[i]
    return n


@kernel
def payoffs_of(model, s, ahead, beta, gamma, start, column, joint, planes):
    """beta u_i(a) of state s in the order of :mod:`fastmpg.kernels.logit`; returns the largest width of a player's.

    ahead (N, S)   start, column, joint: of :func:`actions_of`   planes (N, >= joint actions)
    """
    players, joints = start.size - 1, 1
    for i in range(players):
        joints *= start[i + 1] - start[i]
    after, behind, width = 1, 1, 0.0  # joint actions of the players after i, available and all
    for i in range(players - 1, -1, -1):
        own, size = start[i + 1] - start[i], model.rewards.shape[2] // model.n_actions[i]
        block, m, low, high = behind * model.n_actions[i], 0, math.inf, -math.inf
        for l in range(joints // (own * after)):
            for a in range(own):
                for u in range(after):
                    j = joint[m]
                    if model.rewards.shape[0] == 1:
                        payoff = model.rewards[0, s, j]
                    else:
                        at = (column[start[i] + a] - model.offset[i]) * size + (j // block) * behind + j % behind
                        payoff = model.rewards[i, s, at]
                    if gamma != 0.0:
                        payoff += gamma * expected(model, s, j, ahead[i])
                    planes[i, (l * after + u) * own + a] = beta * payoff
                    low, high = min(low, beta * payoff), max(high, beta * payoff)
                    m += 1
        width = max(width, high - low)
        after *= own
        behind = block
    return width
