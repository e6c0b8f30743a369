"""The marginal contraction: every player's view of rewards and transitions from one read of the tables.

    r_i(s, a_i) = E_{a_-i ~ pi_-i} r_i(s, a)      P_i(t | s, a_i) = E_{a_-i ~ pi_-i} P(t | s, a)
    r_i^pi(s)   = E_{a ~ pi} r_i(s, a)            P^pi(t | s)     = E_{a ~ pi} P(t | s, a)

A plane with rows j = l U + u (lead group l, tail group u, see :mod:`.joint`) is read once and summed both ways,
x[l] = sum_u w_tail(u) row_j and y[u] = sum_l w_lead(l) row_j. Reducing x one player after the other gives the lead
players' marginals, reducing y the tail players', and both are small: two multiply-adds an element, however many
players.

Own rewards are stored with the player's own action first (:func:`.joint.own_action_first`): its marginal is a dot
product with the joint probabilities of the others for each of its actions. Shared rewards go through the same cut as
transitions.

Scalars that a loop needs are read before it: a load that might alias what the loop writes would stop it from
vectorising.
"""

from ..machine import inlined, kernel
from ..machine.vectors import LANES, broadcast, fma, load, store
from .joint import suffix_weights
from .vector import add, dot, scale

LONG = 200  # numbers in a row from which eight rows a pass stream better from memory than four


@kernel
def add_eight(rows, width, weight, out):
    """out += sum_u weight[u] rows[u, :] for eight rows at once.    rows (8 width,) flat   weight (8,)   out (width,)"""
    r0, r1, r2, r3 = rows[:width], rows[width:2 * width], rows[2 * width:3 * width], rows[3 * width:4 * width]
    r4, r5 = rows[4 * width:5 * width], rows[5 * width:6 * width]
    r6, r7 = rows[6 * width:7 * width], rows[7 * width:8 * width]
    w0, w1, w2, w3 = weight[0], weight[1], weight[2], weight[3]
    w4, w5, w6, w7 = weight[4], weight[5], weight[6], weight[7]
    for t in range(width):
        out[t] += ((w0 * r0[t] + w1 * r1[t] + w2 * r2[t] + w3 * r3[t])
                   + (w4 * r4[t] + w5 * r5[t] + w6 * r6[t] + w7 * r7[t]))


@inlined
def add_rows(rows, width, weight, out):
    """out += sum_u weight[u] rows[u, :], four rows a pass: ``out`` is loaded and stored a quarter as often.

    rows (U width,) flat   weight (U,)   out (width,)
    """
    count, u = weight.size, 0
    while u + 4 <= count:
        r0, r1 = rows[u * width:(u + 1) * width], rows[(u + 1) * width:(u + 2) * width]
        r2, r3 = rows[(u + 2) * width:(u + 3) * width], rows[(u + 3) * width:(u + 4) * width]
        w0, w1, w2, w3 = weight[u], weight[u + 1], weight[u + 2], weight[u + 3]
        for t in range(width):
            out[t] += w0 * r0[t] + w1 * r1[t] + w2 * r2[t] + w3 * r3[t]
        u += 4
    while u < count:
        add(weight[u], rows[u * width:(u + 1) * width], out)
        u += 1


@inlined
def sum_both(plane, width, lead_weight, tail_weight, x, y):
    """x[l, :] = sum_u tail_weight[u] plane[l, u, :], y[u, :] = sum_l lead_weight[l] plane[l, u, :], eight l at a time.

    plane (L U width,) flat   x (L width,) flat   y (U width,) flat
    """
    n_lead, block = lead_weight.size, y.size
    for e in range(block):
        y[e] = 0.0
    l = 0
    while l < n_lead:
        stop = min(l + 8, n_lead)
        if stop - l == 8 and block >= LONG:
            add_eight(plane[l * block:stop * block], block, lead_weight[l:stop], y)
        else:
            add_rows(plane[l * block:stop * block], block, lead_weight[l:stop], y)
        while l < stop:
            out = x[l * width:(l + 1) * width]
            for t in range(width):
                out[t] = 0.0
            add_rows(plane[l * block:(l + 1) * block], width, tail_weight, out)
            l += 1


@inlined
def contract_first(x, block, n, row, base):
    """x[:block] = sum_a row[base + a] x[a block:(a + 1) block]: the slowest player of x is summed out in place."""
    head = x[:block]
    scale(row[base], head, head)
    for a in range(1, n):
        add(row[base + a], x[a * block:(a + 1) * block], head)


@inlined
def reduce_all(x, width, row, n_actions, offset, first, last, weights, top, out):
    """Marginals of players first..last-1 from their joint plane x, which is used up; x[0] ends as the expectation.

    x (size, width) flat   weights, top   from :func:`suffix_weights`
    out (A_total, width) flat   the marginal of a_i at row offset[i] + a_i
    """
    size = weights.size - top
    for i in range(first, last):
        n, base = n_actions[i], offset[i]
        size //= n
        top -= size
        others, block = weights[top:top + size], size * width
        for a in range(n):
            part = x[a * block:(a + 1) * block]
            if width == 1:
                out[base + a] = dot(others, part)
            else:
                into = out[(base + a) * width:(base + a + 1) * width]
                for t in range(width):
                    into[t] = 0.0
                add_rows(part, width, others, into)
        contract_first(x, block, n, row, base)


@inlined
def contract_own(plane, i, row, n_actions, offset, others, out):
    """r_i(s, a_i) from player i's own plane (J,), whose slowest digit is a_i; out[offset[i] + a_i]."""
    top = suffix_weights(row, n_actions, offset, 0, n_actions.size, i, others)
    n, base = n_actions[i], offset[i]
    size = plane.size // n
    weight = others[top:top + size]
    for a in range(n):
        out[base + a] = dot(weight, plane[a * size:(a + 1) * size])


@inlined
def contract_shared(plane, row, n_actions, offset, cut, lead, lead_top, tail, tail_top, x, y, out):
    """r(s, a_i) of every player from the plane (J,) that all share; out (A_total,)."""
    lead_weight, tail_weight = lead[lead_top:], tail[tail_top:]
    block = tail_weight.size
    for l in range(lead_weight.size):
        x[l] = dot(tail_weight, plane[l * block:(l + 1) * block])
    for u in range(block):
        y[u] = 0.0
    add_rows(plane, block, lead_weight, y)
    reduce_all(x, 1, row, n_actions, offset, 0, cut, lead, lead_top, out)
    reduce_all(y, 1, row, n_actions, offset, cut, n_actions.size, tail, tail_top, out)


@inlined
def contract_rewards(rewards, s, row, n_actions, offset, cut, lead, tail, x, y, others, out):
    """r_i(s, a_i) in one state s of rewards (N, S, J), own action first, or (1, S, J); out (A_total,)."""
    if rewards.shape[0] == n_actions.size:
        for i in range(n_actions.size):
            contract_own(rewards[i, s], i, row, n_actions, offset, others, out)
    else:
        lead_top = suffix_weights(row, n_actions, offset, 0, cut, -1, lead)
        tail_top = suffix_weights(row, n_actions, offset, cut, n_actions.size, -1, tail)
        contract_shared(rewards[0, s], row, n_actions, offset, cut, lead, lead_top, tail, tail_top,
                        x[:lead.size - lead_top], y[:tail.size - tail_top], out)


@inlined
def contract_transitions(plane, width, row, n_actions, offset, cut, lead, tail, x, y, out, chain):
    """P_i(. | s, a_i) of every player and P^pi(. | s) in one state.

    plane (J width,)   out (A_total width,)   chain (width,)
    """
    n_players = n_actions.size
    lead_top = suffix_weights(row, n_actions, offset, 0, cut, -1, lead)
    tail_top = suffix_weights(row, n_actions, offset, cut, n_players, -1, tail)
    sum_both(plane, width, lead[lead_top:], tail[tail_top:], x, y[:(tail.size - tail_top) * width])
    reduce_all(x, width, row, n_actions, offset, 0, cut, lead, lead_top, out)
    reduce_all(y, width, row, n_actions, offset, cut, n_players, tail, tail_top, out)
    for t in range(width):
        chain[t] = y[t]


@inlined
def weighted_rows(rows, start, stride, weight):
    """sum_u weight[u] rows[start + u stride:], a vector; four sums at a time.    weight (U,)"""
    count, u = weight.size, 0
    t0 = t1 = t2 = t3 = broadcast(0.0)
    while u + 4 <= count:
        at = start + u * stride
        t0 = fma(load(rows, at), weight[u], t0)
        t1 = fma(load(rows, at + stride), weight[u + 1], t1)
        t2 = fma(load(rows, at + 2 * stride), weight[u + 2], t2)
        t3 = fma(load(rows, at + 3 * stride), weight[u + 3], t3)
        u += 4
    while u < count:
        t0 = fma(load(rows, start + u * stride), weight[u], t0)
        u += 1
    return (t0 + t1) + (t2 + t3)


@inlined
def reduce_narrow(x, width, row, n_actions, offset, first, last, weights, top, out, spare):
    """As :func:`reduce_all`, rows of x a vector each; of the marginals ``width`` numbers.

    x (size LANES,)   spare (LANES,)
    """
    size = weights.size - top
    for i in range(first, last):
        n, base = n_actions[i], offset[i]
        size //= n
        top -= size
        others = weights[top:top + size]
        for a in range(n):
            found, at = weighted_rows(x, a * size * LANES, LANES, others), (base + a) * width
            if at + LANES <= out.size:
                store(out, at, found)  # what it writes beyond its row is overwritten: rows come in order
            else:
                store(spare, 0, found)
                for t in range(width):
                    out[at + t] = spare[t]
        if i + 1 < last:
            for e in range(size):
                store(x, e * LANES, weighted_rows(x, e * LANES, size * LANES, row[base:base + n]))


@kernel
def contract_narrow(rows, paid, n_states, s, joint, row, n_actions, offset, cut, lead, tail, x, y, others, reward, out,
                    chain):
    """As :func:`contract_rewards` and :func:`contract_transitions` in state s: rows are vectors.

    rows (S J LANES,): P(. | s, a), padded   paid: rewards, padded, of player i in state s from (i S + s) ``most`` LANES
    on, a row for every joint action of the others, its own action last   x ((L + 1) LANES,)   y (U LANES,)
    reward (A_total,)   out (A_total S,)   chain (S,)
    """
    n_players, spare = n_actions.size, x[x.size - LANES:]
    most = paid.size // (n_players * n_states)
    for i in range(n_players):
        top = suffix_weights(row, n_actions, offset, 0, n_players, i, others)
        n = n_actions[i]
        store(spare, 0, weighted_rows(paid, (i * n_states + s) * most, LANES, others[top:top + joint // n]))
        for a in range(n):
            reward[offset[i] + a] = spare[a]
    lead_top = suffix_weights(row, n_actions, offset, 0, cut, -1, lead)
    tail_top = suffix_weights(row, n_actions, offset, cut, n_players, -1, tail)
    lead_weight, tail_weight = lead[lead_top:], tail[tail_top:]
    block, plane = tail_weight.size, s * joint * LANES
    for l in range(lead_weight.size):
        even = odd = broadcast(0.0)
        weight, u, at = broadcast(lead_weight[l]), 0, plane + l * block * LANES
        while u + 2 <= block:
            first, second, into = load(rows, at), load(rows, at + LANES), u * LANES
            even, odd = fma(first, tail_weight[u], even), fma(second, tail_weight[u + 1], odd)
            if l == 0:
                store(y, into, first * weight)
                store(y, into + LANES, second * weight)
            else:
                store(y, into, fma(first, weight, load(y, into)))
                store(y, into + LANES, fma(second, weight, load(y, into + LANES)))
            u, at = u + 2, at + 2 * LANES
        if u < block:
            first, into = load(rows, at), u * LANES
            even = fma(first, tail_weight[u], even)
            store(y, into, first * weight if l == 0 else fma(first, weight, load(y, into)))
        store(x, l * LANES, even + odd)
    total = weighted_rows(y, 0, LANES, tail_weight)
    reduce_narrow(x, n_states, row, n_actions, offset, 0, cut, lead, lead_top, out, spare)
    reduce_narrow(y, n_states, row, n_actions, offset, cut, n_players, tail, tail_top, out, spare)
    store(spare, 0, total)
    for t in range(n_states):
        chain[t] = spare[t]


@kernel
def contract_states(rewards, transitions, policy, n_actions, offset, cut, low, high, lead, tail, x, y, others, rows,
                    paid, reward, p_bar, chain):
    """Contract states low..high-1 with one share's scratch.

    rewards (N, S, J) own action first, or (1, S, J)   transitions (S, J, S)   policy, reward (S, A_total)
    p_bar (S, A_total, S)   chain (S, S)   rows, paid: of small games, see :func:`contract_narrow`; else empty
    """
    n_states = transitions.shape[0]
    for s in range(low, high):
        if rows.size > 0:
            contract_narrow(rows, paid, n_states, s, transitions.shape[1], policy[s], n_actions, offset, cut, lead,
                            tail, x, y, others, reward[s], p_bar[s].reshape(-1), chain[s])
            continue
        contract_rewards(rewards, s, policy[s], n_actions, offset, cut, lead, tail, x, y, others, reward[s])
        contract_transitions(transitions[s].reshape(-1), n_states, policy[s], n_actions, offset, cut, lead, tail, x, y,
                             p_bar[s].reshape(-1), chain[s])
