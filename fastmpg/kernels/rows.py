"""The contraction of sparse transitions, and what a player sees of the future, state by state.

Entry k of P(. | s, j), for k in pointer[s J + j]..pointer[s J + j + 1], leads to the state at place slot[k] of the union of all
next states of s, chain_index[chain_pointer[s]..]. Where that union is short, as with local moves, every player's marginal
transitions over it are kept (``p_bar``) and P is read once an evaluation; else rows are read again for each value function.
"""

import numpy as np

from .._jit import Callback, array_at, carray, inlined, kernel, parallel, prange, register_jitable
from .joint import suffix_weights
from .marginal import contract_own, contract_rewards, reduce_all
from .vector import dot, gather_dot

ALL, CHAIN = 0, 1  # what to contract: everything, or P^pi alone


@inlined
def mix_state(pointer, probability, slot, row, lead_weight, tail_weight, out):
    """P^pi(. | s) over the union of next states; ``row``: s J.    out (width,)"""
    for e in range(out.size):
        out[e] = 0.0
    for l in range(lead_weight.size):
        for u in range(tail_weight.size):
            weight = lead_weight[l] * tail_weight[u]
            if weight != 0.0:
                for k in range(pointer[row], pointer[row + 1]):
                    out[slot[k]] += weight * probability[k]
            row += 1


@inlined
def sum_state(pointer, probability, slot, row, width, lead_weight, tail_weight, x, y):
    """x[l, :] and y[u, :] over the union of next states, as :func:`.marginal.sum_both` has them."""
    for e in range(lead_weight.size * width):
        x[e] = 0.0
    for e in range(tail_weight.size * width):
        y[e] = 0.0
    for l in range(lead_weight.size):
        by_lead, w_lead = x[l * width:(l + 1) * width], lead_weight[l]
        for u in range(tail_weight.size):
            by_tail, w_tail = y[u * width:(u + 1) * width], tail_weight[u]
            for k in range(pointer[row], pointer[row + 1]):
                p, e = np.float64(probability[k]), slot[k]
                by_lead[e] += w_tail * p
                by_tail[e] += w_lead * p
            row += 1


@kernel
def contract_states(what, rewards, pointer, probability, slot, chain_pointer, policy, n_actions, offset, cut, low, high, lead, tail, x, y,
                    others, reward, p_bar, chain):
    """Contract states low..high-1 with one share's scratch.

    rewards (N or 1, S, J)   policy, reward (S, A_total)   chain (pattern,)
    p_bar (A_total pattern,): A_total rows as long as the state's union, one state after the other; or empty
    """
    columns, n_players = offset[n_actions.size], n_actions.size
    joint = rewards.shape[2]
    for s in range(low, high):
        row = policy[s]
        if what == ALL:
            contract_rewards(rewards, s, row, n_actions, offset, cut, lead, tail, x, y, others, reward[s])
        lead_top = suffix_weights(row, n_actions, offset, 0, cut, -1, lead)
        tail_top = suffix_weights(row, n_actions, offset, cut, n_players, -1, tail)
        first, last = chain_pointer[s], chain_pointer[s + 1]
        width, into = last - first, chain[first:last]
        if what == CHAIN or p_bar.size == 0:
            mix_state(pointer, probability, slot, s * joint, lead[lead_top:], tail[tail_top:], into)
        else:
            sum_state(pointer, probability, slot, s * joint, width, lead[lead_top:], tail[tail_top:], x, y)
            out = p_bar[columns * first:columns * last]
            reduce_all(x, width, row, n_actions, offset, 0, cut, lead, lead_top, out)
            reduce_all(y, width, row, n_actions, offset, cut, n_players, tail, tail_top, out)
            for e in range(width):
                into[e] = y[e]


@kernel
def look_states(i, pointer, probability, slot, chain_pointer, chain_index, discount, policy, n_actions, offset, low, high, plane, others,
                near, reward, p_bar, value, q):
    """q[s, c] = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) value(t) for player i's columns c in states low..high-1.

    plane (J,), near (widest union,), others: one share's scratch
    """
    columns, n, after = offset[n_actions.size], n_actions[i], 1
    for d in range(i + 1, n_actions.size):
        after *= n_actions[d]
    size = plane.size // n
    for s in range(low, high):
        first = chain_pointer[s]
        width = chain_pointer[s + 1] - first
        for e in range(width):
            near[e] = value[chain_index[first + e]]
        ahead = near[:width]
        if p_bar.size > 0:
            for c in range(offset[i], offset[i + 1]):
                at = columns * first + c * width
                q[s, c] = reward[s, c] + discount * dot(p_bar[at:at + width], ahead)
            continue
        row = s * plane.size
        for l in range(size // after):
            for a in range(n):
                for u in range(after):
                    plane[a * size + l * after + u] = gather_dot(probability, slot, pointer[row], pointer[row + 1], ahead)
                    row += 1
        contract_own(plane, i, policy[s], n_actions, offset, others, q[s])
        for c in range(offset[i], offset[i + 1]):
            q[s, c] = reward[s, c] + discount * q[s, c]


@parallel
def contract_parallel(what, rewards, pointer, probability, slot, chain_pointer, policy, n_actions, offset, cut, lead, tail, x, y, others,
                      reward, p_bar, chain):
    """:func:`contract_states` over as many shares of the states as there are rows of scratch."""
    n_states, shares = policy.shape[0], lead.shape[0]
    for b in prange(shares):
        contract_states(what, rewards, pointer, probability, slot, chain_pointer, policy, n_actions, offset, cut, n_states * b // shares,
                        n_states * (b + 1) // shares, lead[b], tail[b], x[b], y[b], others[b], reward, p_bar, chain)


@parallel
def look_parallel(i, pointer, probability, slot, chain_pointer, chain_index, discount, policy, n_actions, offset, plane, others, near,
                  reward, p_bar, value, q):
    """:func:`look_states` over as many shares of the states as there are rows of scratch."""
    n_states, shares = policy.shape[0], plane.shape[0]
    for b in prange(shares):
        look_states(i, pointer, probability, slot, chain_pointer, chain_index, discount, policy, n_actions, offset, n_states * b // shares,
                    n_states * (b + 1) // shares, plane[b], others[b], near[b], reward, p_bar, value, q)


# ---------------------------------------------------------------------------------------------------------- by address
SIZES = ("planes", "states", "joint", "columns", "players", "cut", "shares", "entries", "pattern", "marginals", "lead", "tail", "x", "y",
         "others", "near")
TABLES = ("rewards", "pointer", "probability", "slot", "chain_pointer", "chain_index", "n_actions", "offset", "discount", "lead_at",
          "tail_at", "x_at", "y_at", "others_at", "near_at", "plane", "reward", "p_bar", "chain")
CONTRACT, LOOK, WHAT, PLAYER, POLICY, VALUE, Q, FIRST = range(8)  # the codes' own addresses, and what changes from call to call
AT = FIRST + len(SIZES)
LENGTH = AT + len(TABLES)


@register_jitable
def _common(d):
    """What both need."""
    states, joint, columns, players = d[8], d[9], d[10], d[11]
    shares = d[13]
    return (array_at(d[24], states * joint + 1, np.int64), array_at(d[26], d[14], np.uint32), array_at(d[27], states + 1, np.int64),
            array_at(d[POLICY], (states, columns), np.float64), array_at(d[29], players, np.int64),
            array_at(d[30], players + 1, np.int64), array_at(d[36], (shares, d[21]), np.float64),
            array_at(d[39], (states, columns), np.float64), array_at(d[40], d[16], np.float64))


@register_jitable
def _contract(d, probability):
    pointer, slot, chain_pointer, policy, n_actions, offset, others, reward, p_bar = _common(d)
    what, cut, shares = d[WHAT], d[12], d[13]
    rewards, chain = array_at(d[23], (d[7], d[8], d[9]), np.float64), array_at(d[41], d[15], np.float64)
    lead, tail = array_at(d[32], (shares, d[17]), np.float64), array_at(d[33], (shares, d[18]), np.float64)
    x, y = array_at(d[34], (shares, d[19]), np.float64), array_at(d[35], (shares, d[20]), np.float64)
    if shares == 1:
        contract_states(what, rewards, pointer, probability, slot, chain_pointer, policy, n_actions, offset, cut, 0, policy.shape[0],
                        lead[0], tail[0], x[0], y[0], others[0], reward, p_bar, chain)
    else:
        contract_parallel(what, rewards, pointer, probability, slot, chain_pointer, policy, n_actions, offset, cut, lead, tail, x, y,
                          others, reward, p_bar, chain)


@register_jitable
def _look(d, probability):
    pointer, slot, chain_pointer, policy, n_actions, offset, others, reward, p_bar = _common(d)
    i, shares, discount = d[PLAYER], d[13], array_at(d[31], 1, np.float64)[0]
    chain_index, value = array_at(d[28], d[15], np.uint32), array_at(d[VALUE], d[8], np.float64)
    plane, near = array_at(d[38], (shares, d[9]), np.float64), array_at(d[37], (shares, d[22]), np.float64)
    q = array_at(d[Q], (d[8], d[10]), np.float64)
    if shares == 1:
        look_states(i, pointer, probability, slot, chain_pointer, chain_index, discount, policy, n_actions, offset, 0, policy.shape[0],
                    plane[0], others[0], near[0], reward, p_bar, value, q)
    else:
        look_parallel(i, pointer, probability, slot, chain_pointer, chain_index, discount, policy, n_actions, offset, plane, others, near,
                      reward, p_bar, value, q)


def _contract_double(pointer):
    d = carray(pointer, LENGTH)
    _contract(d, array_at(d[25], d[14], np.float64))


def _contract_single(pointer):
    d = carray(pointer, LENGTH)
    _contract(d, array_at(d[25], d[14], np.float32))


def _look_double(pointer):
    d = carray(pointer, LENGTH)
    _look(d, array_at(d[25], d[14], np.float64))


def _look_single(pointer):
    d = carray(pointer, LENGTH)
    _look(d, array_at(d[25], d[14], np.float32))


CODES = {"float64": (Callback(_contract_double), Callback(_look_double)), "float32": (Callback(_contract_single), Callback(_look_single))}


def rows_plan(model, discount, scratch, plane, reward, p_bar, chain):
    """Sizes and addresses for both passes, whose own addresses come first; the caller keeps the arrays alive. discount (1 or more,)"""
    sizes = [*model.rewards.shape, reward.shape[1], model.n_actions.size, model.cut, plane.shape[0], model.slot.size, chain.size,
             p_bar.size, *(part.shape[1] for part in scratch)]
    tables = [model.rewards, model.pointer, model.probability, model.slot, model.chain_pointer, model.chain_index, model.n_actions,
              model.offset, discount, *scratch, plane, reward, p_bar, chain]
    assert (len(sizes), len(tables)) == (len(SIZES), len(TABLES))
    codes = [code.address for code in CODES[model.probability.dtype.name]]
    return np.array([*codes, 0, 0, 0, 0, 0, *sizes, *(table.ctypes.data for table in tables)], np.int64)
