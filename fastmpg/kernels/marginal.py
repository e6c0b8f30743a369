"""The marginal contraction: every player's view of rewards and transitions from one read of the tables.

    r_i(s, a_i) = E_{a_-i ~ pi_-i} r_i(s, a)      P_i(t | s, a_i) = E_{a_-i ~ pi_-i} P(t | s, a)
    r_i^pi(s)   = E_{a ~ pi} r_i(s, a)            P^pi(t | s)     = E_{a ~ pi} P(t | s, a)

A plane with rows j = l U + u (lead group l, tail group u, see :mod:`.joint`) is read once and summed both ways,
x[l] = sum_u w_tail(u) row_j and y[u] = sum_l w_lead(l) row_j. Folding x one player after the other gives the lead
players' marginals, folding y the tail players', and both are small: two multiply-adds an element, however many players.
"""

from .._jit import kernel, parallel, prange
from .joint import prefix_weights

TILE = 1024  # elements of y: 8 KiB stay in the first-level cache beside the rows that stream through


@kernel
def sum_tail(plane, width, n_lead, weight, x):
    """x[l, :] = sum_u weight[u] plane[l U + u, :]      plane (J width,)  x (L width,)"""
    n_tail = weight.size
    for l in range(n_lead):
        out = x[l * width:(l + 1) * width]
        rows = plane[l * n_tail * width:(l + 1) * n_tail * width]
        for t in range(width):
            out[t] = 0.0
        u = 0
        while u + 4 <= n_tail:  # four rows a pass: the running sum is loaded and stored a quarter as often
            r0, r1 = rows[u * width:(u + 1) * width], rows[(u + 1) * width:(u + 2) * width]
            r2, r3 = rows[(u + 2) * width:(u + 3) * width], rows[(u + 3) * width:(u + 4) * width]
            w0, w1, w2, w3 = weight[u], weight[u + 1], weight[u + 2], weight[u + 3]
            for t in range(width):
                out[t] += w0 * r0[t] + w1 * r1[t] + w2 * r2[t] + w3 * r3[t]
            u += 4
        while u < n_tail:
            w, r = weight[u], rows[u * width:(u + 1) * width]
            for t in range(width):
                out[t] += w * r[t]
            u += 1


@kernel
def sum_both(plane, width, lead_weight, tail_weight, x, y):
    """x as in :func:`sum_tail` and y[u, :] = sum_l lead_weight[l] plane[l U + u, :], one block of rows after the other."""
    block = tail_weight.size * width
    for e in range(block):
        y[e] = 0.0
    for l in range(lead_weight.size):
        rows = plane[l * block:(l + 1) * block]
        weight = lead_weight[l]
        for e in range(block):
            y[e] += weight * rows[e]
        sum_tail(rows, width, 1, tail_weight, x[l * width:(l + 1) * width])


@kernel
def fold(x, width, row, n_actions, offset, first, last, weights, top, out):
    """Marginals of players first..last-1 from their joint plane x, which is used up; x[0] ends as the expectation.

    x (size, width) flat   weights, top   from :func:`prefix_weights`
    out (A_total, width) flat   P_i(. | a_i) at row offset[i] + a_i
    """
    size = 1
    for i in range(first, last):
        size *= n_actions[i]
    for i in range(last - 1, first - 1, -1):
        n = n_actions[i]
        size //= n
        top -= size
        for e in range(offset[i] * width, offset[i + 1] * width):
            out[e] = 0.0
        for l in range(size):
            weight = weights[top + l]
            into = out[offset[i] * width:offset[i + 1] * width]
            rows = x[l * n * width:(l + 1) * n * width]
            for e in range(n * width):
                into[e] += weight * rows[e]
        for l in range(size):
            into = x[l * width:(l + 1) * width]
            for t in range(width):
                into[t] = row[offset[i]] * x[l * n * width + t]
            for a in range(1, n):
                p, rows = row[offset[i] + a], x[(l * n + a) * width:(l * n + a + 1) * width]
                for t in range(width):
                    into[t] += p * rows[t]


@kernel
def fold_one(x, row, n_actions, offset, first, i, last, weights, top, out):
    """As :func:`fold` for width 1 and player i alone: out[offset[i] + a] = sum over the others of the group."""
    size = 1
    for d in range(first, last):
        size *= n_actions[d]
    for d in range(last - 1, i, -1):
        n, base = n_actions[d], offset[d]
        size //= n
        top -= size
        for l in range(size):
            total = row[base] * x[l * n]
            for a in range(1, n):
                total += row[base + a] * x[l * n + a]
            x[l] = total
    n, base = n_actions[i], offset[i]
    size //= n
    top -= size
    for a in range(n):
        out[base + a] = weights[top] * x[a]
    for l in range(1, size):
        weight = weights[top + l]
        for a in range(n):
            out[base + a] += weight * x[l * n + a]


@kernel
def contract_plane(plane, i, row, n_actions, offset, cut, lead, lead_top, tail, tail_top, x, y, out):
    """r_i(., a_i) of one player's own plane (J,): only the side that the player is on is summed."""
    n_lead, n_tail = lead.size - lead_top, tail.size - tail_top
    if i < cut:
        for l in range(n_lead):
            total = 0.0
            for u in range(n_tail):
                total += tail[tail_top + u] * plane[l * n_tail + u]
            x[l] = total
        fold_one(x, row, n_actions, offset, 0, i, cut, lead, lead_top, out)
    else:
        weight = lead[lead_top]
        for u in range(n_tail):
            y[u] = weight * plane[u]
        for l in range(1, n_lead):
            weight, rows = lead[lead_top + l], plane[l * n_tail:(l + 1) * n_tail]
            for u in range(n_tail):
                y[u] += weight * rows[u]
        fold_one(y, row, n_actions, offset, cut, i, n_actions.size, tail, tail_top, out)


@kernel
def contract_rewards(planes, row, n_actions, offset, cut, lead, lead_top, tail, tail_top, x, y, out):
    """r_i(s, a_i) of every player in one state from planes (N or 1, J); out (A_total,)."""
    n_players = n_actions.size
    if planes.shape[0] == n_players:
        for i in range(n_players):
            contract_plane(planes[i], i, row, n_actions, offset, cut, lead, lead_top, tail, tail_top, x, y, out)
    else:
        sum_both(planes[0], 1, lead[lead_top:], tail[tail_top:], x, y)
        if cut > 0:
            fold(x, 1, row, n_actions, offset, 0, cut, lead, lead_top, out)
        fold(y, 1, row, n_actions, offset, cut, n_players, tail, tail_top, out)


@kernel
def contract_transitions(plane, width, row, n_actions, offset, cut, lead, lead_top, tail, tail_top, x, y, out, chain):
    """P_i(. | s, a_i) of every player and P^pi(. | s) in one state.

    plane (J width,)   out (A_total width,)   chain (width,)
    """
    n_players = n_actions.size
    if cut > 0:
        sum_both(plane, width, lead[lead_top:], tail[tail_top:], x, y)
        fold(x, width, row, n_actions, offset, 0, cut, lead, lead_top, out)
    else:
        for e in range(plane.size):
            y[e] = plane[e]
    fold(y, width, row, n_actions, offset, cut, n_players, tail, tail_top, out)
    for t in range(width):
        chain[t] = y[t]


@kernel
def contract_states(rewards, transitions, policy, n_actions, offset, cut, low, high, lead, tail, x, y, reward, p_bar, chain):
    """Contract states low..high-1 with one share's scratch.

    rewards (N or 1, S, J)   transitions (S, J, S)   policy, reward (S, A_total)   p_bar (S, A_total, S)   chain (S, S)
    """
    n_states = transitions.shape[0]
    for s in range(low, high):
        row = policy[s]
        lead_top = prefix_weights(row, n_actions, offset, 0, cut, lead)
        tail_top = prefix_weights(row, n_actions, offset, cut, n_actions.size, tail)
        contract_rewards(rewards[:, s], row, n_actions, offset, cut, lead, lead_top, tail, tail_top, x, y, reward[s])
        contract_transitions(transitions[s].reshape(-1), n_states, row, n_actions, offset, cut, lead, lead_top, tail, tail_top,
                             x, y, p_bar[s].reshape(-1), chain[s])


@parallel
def contract_states_parallel(rewards, transitions, policy, n_actions, offset, cut, lead, tail, x, y, reward, p_bar, chain):
    """:func:`contract_states` over as many shares of the states as there are rows of scratch."""
    n_states, shares = transitions.shape[0], lead.shape[0]
    for b in prange(shares):
        contract_states(rewards, transitions, policy, n_actions, offset, cut, n_states * b // shares,
                        n_states * (b + 1) // shares, lead[b], tail[b], x[b], y[b], reward, p_bar, chain)
