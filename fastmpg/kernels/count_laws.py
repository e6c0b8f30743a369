"""Laws of counts: what a player can expect when only the numbers of players on each action matter.

A count vector (n_1, .., n_L) of m players is stored at k = sum_d C(u_d + d - 1, d), d = 1..L-1, u_d = n_1 + .. + n_d.
One player more on action a adds 1 to u_a, .., u_{L-1}, and the vectors of fewer players are a prefix of those of more:
one more on the last action changes no index. Vectors that differ in u_1 alone lie side by side, a *run*.

Expectations over the others come from divide and conquer over the players, on the side of the tables. A *view* of a set
of m players is the table f summed over everyone outside the set,

    view(n) = E f(n + counts of the players outside),      n over the count vectors of the m players,

so that the view of one player alone, L entries, is what it expects from each of its actions. The view of half a set
comes from the set's own by summing out the other half: one player at a time, view'(n) = sum_a p(a) view(n + e_a), or
for two actions all of them at once by their law, which is the cheaper then. All N players cost about N^2 sums a column
at two actions, without the log N of growing every player's law of the others. Players with equal rows are one *group*
and asked once; sets of few groups go by the law of the others itself. Only sums of products of probabilities are
formed.
"""


from ..machine import inlined, kernel
from .contract_dense import add_rows
from .count_groups import middle
from .vector import dot

PAD = 4  # zeros on either side of a law over two actions: four players are added at a time
DEPTH = 64  # nested sets: each holds at most 2/3 of the players of the one before


@inlined
def add_slow(weight, source, out):
    """out += weight source, for what is short.    source, out (n,)"""
    for e in range(out.size):
        out[e] += weight * source[e]


# ------------------------------------------------------------------------------------------------------------ laws
@kernel
def grow_pairs(law, m, prob, weight, low, high, skip, spare):
    """Add groups low..high-1 but one player of ``skip`` (-1: all) to a law of how many choose action 0, two actions.

    law, spare (N + 1 + 2 PAD,): the law of m players at [PAD], zeros around it; the sum ends in ``law``.
    prob (G, 2) flat   weight (G,)   Returns the number of players.
    """
    source, target, flips = law, spare, 0
    g, left = low, 0
    if g < high:
        left = weight[g] - (1 if g == skip else 0)
    while g < high:
        w0, w1, w2, w3, w4, taken = 1.0, 0.0, 0.0, 0.0, 0.0, 0
        while taken < 4 and g < high:
            if left == 0:
                g += 1
                if g < high:
                    left = weight[g] - (1 if g == skip else 0)
                continue
            p, q = prob[2 * g], prob[2 * g + 1]
            w4, w3, w2, w1, w0 = p * w3, p * w2 + q * w3, p * w1 + q * w2, p * w0 + q * w1, q * w0
            taken += 1
            left -= 1
        if taken == 0:
            break
        s0, s1, s2, s3, s4 = source[PAD:], source[PAD - 1:], source[PAD - 2:], source[PAD - 3:], source[PAD - 4:]
        m += taken
        out = target[PAD:PAD + m + 1]
        for k in range(out.size):
            out[k] = w0 * s0[k] + w1 * s1[k] + w2 * s2[k] + w3 * s3[k] + w4 * s4[k]
        for k in range(PAD):
            target[k] = 0.0
            target[PAD + m + 1 + k] = 0.0
        source, target = target, source
        flips += 1
    if flips % 2 == 1:
        for k in range(m + 1 + 2 * PAD):
            target[k] = source[k]
    return m


@inlined
def law_of_none(law):
    """The law of the counts of no player, with zeros around it.    law (at least 2 PAD + 1,)"""
    for k in range(2 * PAD + 1):
        law[k] = 0.0
    law[PAD] = 1.0


@inlined
def next_run(u, n_actions, m):
    """The partial sums u[2..L-1] of the next run of m players' vectors; false after the last.    u (L + 1,)"""
    d = 2
    while d < n_actions:
        limit = m if d == n_actions - 1 else u[d + 1]
        if u[d] < limit:
            u[d] += 1
            return True
        u[d] = 0
        d += 1
    return False


@inlined
def starts(u, n_actions, choose, position, at):
    """at[a]: where the run at ``position`` lies with one player more on action a.

    u, at (L + 1,)   choose (L + 1, N + 3)
    """
    at[n_actions - 1] = position
    for a in range(n_actions - 2, 0, -1):
        at[a] = at[a + 1] + choose[a, u[a + 1] + 1]
    at[0] = at[1] + 1


@kernel
def grow(law, m, prob, weight, low, high, skip, n_actions, choose, u, at, spare):
    """As :func:`grow_pairs` for three actions or more; law, spare (C(N + L - 1, L - 1) + 2 PAD,), from index PAD on."""
    source, target = law[PAD:], spare[PAD:]
    flips = 0
    for g in range(low, high):
        row = prob[g * n_actions:(g + 1) * n_actions]
        for _ in range(weight[g] - (1 if g == skip else 0)):
            for k in range(choose[n_actions - 1, m + 2]):
                target[k] = 0.0
            for d in range(n_actions):
                u[d] = 0
            position, more = 0, True
            while more:
                length = u[2] + 1
                starts(u, n_actions, choose, position, at)
                run = source[position:position + length]
                for a in range(n_actions):
                    add_slow(row[a], run, target[at[a]:at[a] + length])
                position += length
                more = next_run(u, n_actions, m)
            m += 1
            source, target = target, source
            flips += 1
    if flips % 2 == 1:
        for k in range(choose[n_actions - 1, m + 1]):
            target[k] = source[k]
    return m


@kernel
def law_of_others(prob, weight, low, high, skip, n_actions, choose, u, at, law, spare):
    """Law of groups low..high-1 without one player of ``skip``, from index PAD on; returns the number of players."""
    law_of_none(law)
    if n_actions == 2:
        return grow_pairs(law, 0, prob, weight, low, high, skip, spare)
    return grow(law, 0, prob, weight, low, high, skip, n_actions, choose, u, at, spare)


# ----------------------------------------------------------------------------------------------------------- views
@kernel
def sum_out_law(view, law, m, width, out):
    """Two actions: out[k, :] = sum_j law[j] view[k + j, :] for m players; ``out`` flat, rows of ``width``.

    view (C width,) flat   law (m + 1,)
    """
    size = out.size
    for e in range(size):
        out[e] = 0.0
    j = 0
    while j + 8 <= m + 1:
        s0, s1, s2, s3 = view[j * width:], view[(j + 1) * width:], view[(j + 2) * width:], view[(j + 3) * width:]
        s4, s5, s6, s7 = view[(j + 4) * width:], view[(j + 5) * width:], view[(j + 6) * width:], view[(j + 7) * width:]
        w0, w1, w2, w3 = law[j], law[j + 1], law[j + 2], law[j + 3]
        w4, w5, w6, w7 = law[j + 4], law[j + 5], law[j + 6], law[j + 7]
        for e in range(size):
            out[e] += ((w0 * s0[e] + w1 * s1[e] + w2 * s2[e] + w3 * s3[e])
                       + (w4 * s4[e] + w5 * s5[e] + w6 * s6[e] + w7 * s7[e]))
        j += 8
    while j <= m:
        add_slow(law[j], view[j * width:j * width + size], out)
        j += 1


@kernel
def sum_out_player(view, m, row, n_actions, choose, u, at, width, out):
    """out[n, :] = sum_a row[a] view[n + e_a, :] for n over the vectors of m players; three actions or more.

    view, out (C width,) flat   row (L,)   u, at: scratch
    """
    for d in range(n_actions):
        u[d] = 0
    position, more, last = 0, True, n_actions - 1
    w0, w1, w2 = row[last], row[last - 1], row[last - 2]
    w3 = row[last - 3] if n_actions > 3 else 0.0
    while more:
        length = u[2] + 1
        starts(u, n_actions, choose, position, at)
        size = length * width
        target = out[position * width:position * width + size]
        s0, s1, s2 = view[position * width:], view[at[last - 1] * width:], view[at[last - 2] * width:]
        if n_actions == 3:
            for e in range(size):
                target[e] = w0 * s0[e] + w1 * s1[e] + w2 * s2[e]
        else:
            s3 = view[at[last - 3] * width:]
            for e in range(size):
                target[e] = w0 * s0[e] + w1 * s1[e] + w2 * s2[e] + w3 * s3[e]
            for a in range(n_actions - 4):
                add_slow(row[a], view[at[a] * width:at[a] * width + size], target)
        position += length
        more = next_run(u, n_actions, m)


@kernel
def sum_out_groups(view, m, prob, weight, low, high, n_actions, choose, u, at, width, law, spare, aside, out):
    """The view of m players from that of those and the groups low..high-1 together.

    out, aside (entries of all but one of the players together,) flat
    """
    if n_actions == 2:
        others = law_of_others(prob, weight, low, high, -1, 2, choose, u, at, law, spare)
        sum_out_law(view, law[PAD:], others, width, out[:(m + 1) * width])
        return
    left = 0
    for g in range(low, high):
        left += weight[g]
    source = view
    for g in range(low, high):
        row = prob[g * n_actions:(g + 1) * n_actions]
        for _ in range(weight[g]):
            left -= 1
            target = out if left % 2 == 0 else aside
            sum_out_player(source, m + left, row, n_actions, choose, u, at, width, target)
            source = target


@kernel
def ask_group(view, prob, weight, low, high, g, n_actions, choose, u, at, width, law, spare, out):
    """What a player of group g expects from each action, given the view of groups low..high-1; out (L width,) flat."""
    m = law_of_others(prob, weight, low, high, g, n_actions, choose, u, at, law, spare)
    if n_actions == 2:
        sum_out_law(view, law[PAD:], m, width, out[width:2 * width])
        sum_out_law(view[width:], law[PAD:], m, width, out[:width])
        return
    for e in range(n_actions * width):
        out[e] = 0.0
    for d in range(n_actions):
        u[d] = 0
    position, more = 0, True
    while more:
        length = u[2] + 1
        starts(u, n_actions, choose, position, at)
        run = law[PAD + position:PAD + position + length]
        for a in range(n_actions):
            add_rows(view[at[a] * width:(at[a] + length) * width], width, run, out[a * width:(a + 1) * width])
        position += length
        more = next_run(u, n_actions, m)


@kernel
def by_laws(players, low, mid, high, n_actions, choose, width):
    """Whether asking the groups one by one costs less than cutting them at ``mid``.

    Counted in multiply-adds; those of growing laws over two actions run three times as fast as they count (measured).
    """
    n, left, right = players[high] - players[low], players[mid] - players[low], players[high] - players[mid]
    step = choose[n_actions - 1]
    last, whole = choose[n_actions], float(choose[n_actions, n])
    asking = (high - low) * (n_actions * whole + float(n_actions * step[n] * width))
    if n_actions == 2:
        return asking <= 6.0 * float((left + 1) * (right + 1) * width) + 3.0 * float(left * left + right * right)
    return asking <= width * n_actions * (2.0 * whole - float(last[left]) - float(last[right]))


@kernel
def expectations(arena, players, prob, weight, first, last, n_actions, choose, width, ints, law, spare, aside, part,
                 out):
    """What every group expects from each of its actions, for every column of a table over the counts of all players.

    arena (arena_size rows of ``width``,) flat: the table of all players first, views of smaller sets after it
    prob (G, L) flat   weight (G,)   players (G + 1,)   choose (L + 1, N + 3): C(u + d - 1, d)
    part: -1 all groups first..last-1, or 0 or 1: those on either side of the first cut
    out (G, L, width) flat
    Returns the groups that were asked: low * (N + 1) + high.
    """
    n_low, n_high = ints[:DEPTH], ints[DEPTH:2 * DEPTH]
    n_base, n_stage = ints[2 * DEPTH:3 * DEPTH], ints[3 * DEPTH:4 * DEPTH]
    u, at = ints[4 * DEPTH:4 * DEPTH + n_actions + 1], ints[4 * DEPTH + n_actions + 1:]
    key, step, block = choose.shape[1], choose[n_actions - 1], n_actions * width
    asked_low, asked_high = first, last
    depth = 0
    n_low[0], n_high[0], n_base[0], n_stage[0] = first, last, 0, 0
    while depth >= 0:
        low, high, base, stage = n_low[depth], n_high[depth], n_base[depth], n_stage[depth]
        n = players[high] - players[low]
        view = arena[base * width:(base + step[n + 1]) * width]
        if stage == 2:
            depth -= 1
            continue
        mid = low
        if high - low > 1:
            mid = middle(players, low, high)
        if stage == 0 and (mid == low or by_laws(players, low, mid, high, n_actions, choose, width)):
            from_, to = low, high
            if depth == 0 and part >= 0:
                half = (low + high) // 2
                from_, to = (low, half) if part == 0 else (half, high)
                asked_low, asked_high = from_, to
            for g in range(from_, to):
                ask_group(view, prob, weight, low, high, g, n_actions, choose, u, at, width, law, spare,
                          out[g * block:(g + 1) * block])
            depth -= 1
            continue
        if depth == 0 and part >= 0:
            stage = part
            n_stage[0] = 2
            asked_low, asked_high = (low, mid) if part == 0 else (mid, high)
        else:
            n_stage[depth] = stage + 1
        below = base + step[n + 1]
        if stage == 0:
            sum_out_groups(view, players[mid] - players[low], prob, weight, mid, high, n_actions, choose, u, at, width,
                           law, spare, aside, arena[below * width:])
        else:
            sum_out_groups(view, players[high] - players[mid], prob, weight, low, mid, n_actions, choose, u, at, width,
                           law, spare, aside, arena[below * width:])
        depth += 1
        n_low[depth], n_high[depth] = (low if stage == 0 else mid), (mid if stage == 0 else high)
        n_base[depth], n_stage[depth] = below, 0
    return asked_low * key + asked_high


# ------------------------------------------------------------------------- payoffs of every player's own, two actions
@kernel
def own_payoffs(payoffs, s, action, head, after, players, prob, weight, count, ints, laws, law, spare, both, out):
    """E payoffs[i, s, action, 1 + others on it] of every player i, the others' laws by divide and conquer.

    payoffs (N, S, L, N + 1)   prob (G, 2) flat: probability of the action and of all the others
    laws (DEPTH + 1, N + 1 + 2 PAD)   both: two actions, serve action 1 from the same law too   out (N L,)
    """
    n_low, n_high = ints[:DEPTH], ints[DEPTH:2 * DEPTH]
    n_size, n_stage = ints[2 * DEPTH:3 * DEPTH], ints[3 * DEPTH:4 * DEPTH]
    n_actions, n_players, depth = payoffs.shape[2], payoffs.shape[0], 0
    n_low[0], n_high[0], n_size[0], n_stage[0] = 0, count, 0, 0
    law_of_none(laws[0])
    while depth >= 0:
        low, high, m, stage = n_low[depth], n_high[depth], n_size[depth], n_stage[depth]
        if stage == 2:
            depth -= 1
            continue
        if high - low == 1:
            for k in range(m + 1 + 2 * PAD):
                law[k] = laws[depth, k]
            grow_pairs(law, m, prob, weight, low, high, low, spare)
            others, i = law[PAD:PAD + n_players], head[low]
            while i >= 0:
                out[i * n_actions + action] = dot(others, payoffs[i, s, action, 1:])
                if both:
                    table, total = payoffs[i, s, 1], 0.0
                    for k in range(n_players):
                        total += others[k] * table[n_players - k]
                    out[i * n_actions + 1] = total
                i = after[i]
            depth -= 1
            continue
        mid = middle(players, low, high)
        n_stage[depth] = stage + 1
        below = laws[depth + 1]
        for k in range(m + 1 + 2 * PAD):
            below[k] = laws[depth, k]
        depth += 1
        if stage == 0:
            n_size[depth] = grow_pairs(below, m, prob, weight, mid, high, -1, spare)
            n_low[depth], n_high[depth] = low, mid
        else:
            n_size[depth] = grow_pairs(below, m, prob, weight, low, mid, -1, spare)
            n_low[depth], n_high[depth] = mid, high
        n_stage[depth] = 0
