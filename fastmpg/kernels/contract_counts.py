"""The contraction of anonymous games: every player's marginal rewards and transitions from laws of counts.

All columns that depend on the whole count vector, transitions and what rewards share its table, go through one
:func:`.count_laws.expectations` a state. Payoffs by a player's own count need a law over two actions only, "this one"
and "any other", one action after the other; at two actions they are columns of the same table.
"""


from ..machine import inlined, kernel
from .count_groups import group_players
from .count_laws import DEPTH, PAD, expectations, next_run, own_payoffs

# payoffs: by own count for all, for each player; by count vector and action; for all
OWN, EACH, VECTOR, SHARED = 0, 1, 2, 3
# transitions: product over facilities, table over count vectors, the same for all actions
FACTORED, TABLE, FIXED = 0, 1, 2
FLOATS, INTS = 9, 11  # how many arrays the two scratch rows hold


def table_columns(payoff_kind, n_states, n_actions, transition_kind):
    """Columns of the table over all players' counts: (of transitions, of rewards)."""
    rewards = {OWN: 2 if n_actions == 2 else 0, EACH: 0, VECTOR: n_actions, SHARED: 1}[payoff_kind]
    return 0 if transition_kind == FIXED else n_states, rewards


def vectors(n_players, n_actions):
    """How many count vectors there are, as a Python integer; beyond 2^4096, which nothing holds, at least so many."""
    total = 1
    for d in range(1, n_actions):
        total = total * (n_players + d) // d
        if total.bit_length() > 4096:
            break
    return total


def arena_rows(n_players, n_actions):
    """Rows that the table and the nested views beside it can take."""
    total, n = 2 * vectors(n_players, n_actions), n_players
    while n > 0:
        n = 2 * n // 3
        total += vectors(n, n_actions)
    return total


def scratch_layout(n_players, n_actions, columns, payoff_kind):
    """Where every array of the two scratch rows begins: FLOATS starts and the end, INTS starts and the end."""
    rows = vectors(n_players, n_actions) if columns > 0 else n_players + 1
    arena = arena_rows(n_players, n_actions) * columns
    if columns == 0 or n_actions > 2:
        arena = max(arena, arena_rows(n_players, 2))
    law = max(rows, n_players + 1) + 2 * PAD
    laws = (DEPTH + 1) * (n_players + 1 + 2 * PAD) if payoff_kind == EACH else 0
    floats = [arena, max(rows * columns, n_players + 1), law, law, n_players * n_actions, 2 * n_players,
              (n_players * n_actions + 2) * max(columns, 1), n_actions * max(columns, 1) + 2 * n_players, laws]
    ints = [n_players, 2 * n_players + 1, n_players, n_players, n_players, n_players, n_players, n_players + 2,
            n_players + 1, 4 * DEPTH + 2 * n_actions + 2, n_actions + 2]
    assert (len(floats), len(ints)) == (FLOATS, INTS)
    return [sum(floats[:e]) for e in range(FLOATS + 1)] + [sum(ints[:e]) for e in range(INTS + 1)]


@inlined
def extend(row, done, law):
    """row[: done] times every entry of ``law``, which becomes the fastest digit; returns the new length.

    row (at least done law.size,)   law (m,)
    """
    for t in range(done - 1, -1, -1):
        for y in range(law.size - 1, -1, -1):
            row[t * law.size + y] = row[t] * law[y]
    return done * law.size


@kernel
def fill_table(kind, payoff_kind, rewards, transitions, s, n_players, n_actions, columns, width, u, mixed, table):
    """The table of state s over all players' count vectors: next states, then rewards.

    mixed (2 S,): scratch   table (C width,) flat
    """
    size = transitions.shape[1]  # of a facility's states
    front, back = mixed[:columns], mixed[columns:2 * columns]
    for d in range(n_actions + 1):
        u[d] = 0
    position, more = 0, True
    while more:
        length = u[2] + 1 if n_actions > 2 else (n_players + 1 if n_actions == 2 else 1)
        fixed, code, rest = 1, s, columns
        if kind == FACTORED:  # along a run only the counts of facilities 0 and 1 change
            back[0] = 1.0
            for d in range(n_actions):
                rest //= size
                x, code = code // rest, code % rest
                if d >= 2:
                    until = n_players if d == n_actions - 1 else u[d + 1]
                    fixed = extend(back, fixed, transitions[d, x, until - u[d]])
        x0 = s // (columns // size) if kind == FACTORED else 0
        x1 = s // (columns // size // size) % size if kind == FACTORED and n_actions > 1 else 0
        for first in range(length):
            row = table[(position + first) * width:(position + first + 1) * width]
            if kind == TABLE:
                for t in range(columns):
                    row[t] = transitions[0, s, position + first, t]
            elif kind == FACTORED:
                front[0] = 1.0
                if n_actions == 1:
                    extend(front, 1, transitions[0, x0, n_players])
                else:
                    second = (u[2] if n_actions > 2 else n_players) - first
                    extend(front, extend(front, 1, transitions[0, x0, first]), transitions[1, x1, second])
                for h in range(columns // fixed):
                    for t in range(fixed):
                        row[h * fixed + t] = front[h] * back[t]
            if payoff_kind == OWN:
                if n_actions == 2:
                    row[columns], row[columns + 1] = rewards[0, s, 0, first], rewards[0, s, 1, n_players - first]
            elif payoff_kind != EACH:
                for d in range(width - columns):
                    row[columns + d] = rewards[0, s, position + first, d]
        position += length
        more = n_actions > 2 and next_run(u, n_actions, n_players)


@kernel
def contract_state(kind, payoff_kind, rewards, transitions, choose, layout, policy, n_players, n_actions, s, part,
                   floats, ints, reward, p_bar, chain):
    """Contract one state, or with ``part`` 0 or 1 its share: for every player either the one or the other does it.

    rewards (1 or N, S, L, N + 1) or (1, S, C, L or 1)   transitions (L, m, N + 1, m), (1, S, C, S) or (1, 1, S, S)
    policy, reward (A_total,)   p_bar (A_total, S)   chain (S,)   floats, ints: scratch rows cut by ``layout``
    """
    f, g = layout, layout[FLOATS + 1:]
    arena, aside, law, spare = floats[f[0]:f[1]], floats[f[1]:f[2]], floats[f[2]:f[3]], floats[f[3]:f[4]]
    prob, pairs, out, pairs_out = floats[f[4]:f[5]], floats[f[5]:f[6]], floats[f[6]:f[7]], floats[f[7]:f[8]]
    slots, slot_group, member = ints[g[0]:g[1]], ints[g[1]:g[2]], ints[g[2]:g[3]]
    after, head = ints[g[3]:g[4]], ints[g[4]:g[5]]
    weight, order, tally, players = ints[g[5]:g[6]], ints[g[6]:g[7]], ints[g[7]:g[8]], ints[g[8]:g[9]]
    tree, u = ints[g[9]:g[10]], ints[g[10]:g[11]]
    n_states, key = chain.size, choose.shape[1]
    columns = 0 if kind == FIXED else n_states
    width = columns
    if payoff_kind == VECTOR or (payoff_kind == OWN and n_actions == 2):
        width += n_actions
    elif payoff_kind == SHARED:
        width += 1
    count = group_players(policy, n_actions, slots, slot_group, member, after, head, weight, order, tally, players,
                          prob)
    if kind == FIXED and part <= 0:
        for t in range(n_states):
            chain[t] = transitions[0, 0, s, t]
        for c in range(policy.size):
            for t in range(n_states):
                p_bar[c, t] = transitions[0, 0, s, t]
    low, high = 0, 0
    if width > 0:
        fill_table(kind, payoff_kind, rewards, transitions, s, n_players, n_actions, columns, width, u, out, arena)
        asked = expectations(arena, players, prob, weight, 0, count, n_actions, choose, width, tree, law, spare, aside,
                             part, out)
        low, high = asked // key, asked % key
        for i in range(n_players):
            if member[i] < low or member[i] >= high:
                continue
            for a in range(n_actions):
                c, row = i * n_actions + a, member[i] * n_actions + a
                found = out[row * width:(row + 1) * width]
                for t in range(columns):
                    p_bar[c, t] = found[t]
                if width > columns:
                    reward[c] = found[columns] if payoff_kind == SHARED else found[columns + a]
        if columns > 0 and member[0] >= low and member[0] < high:
            for t in range(n_states):
                total = 0.0
                for a in range(n_actions):
                    total += policy[a] * p_bar[a, t]
                chain[t] = total
    if payoff_kind == EACH or (payoff_kind == OWN and n_actions > 2):
        for a in range(n_actions if n_actions > 2 else 1):
            for e in range(count):
                pairs[2 * e], pairs[2 * e + 1] = prob[e * n_actions + a], 0.0
                for b in range(n_actions):
                    if b != a:
                        pairs[2 * e + 1] += prob[e * n_actions + b]
            if payoff_kind == EACH:
                if part <= 0:
                    laws = floats[f[8]:f[9]].reshape((DEPTH + 1, n_players + 1 + 2 * PAD))
                    own_payoffs(rewards, s, a, head, after, players, pairs, weight, count, tree, laws, law, spare,
                                n_actions == 2, reward)
                continue
            for k in range(n_players + 1):
                arena[k] = rewards[0, s, a, k]
            asked = expectations(arena, players, pairs, weight, 0, count, 2, choose, 1, tree, law, spare, aside, part,
                                 pairs_out)
            low, high = asked // key, asked % key
            for i in range(n_players):
                if member[i] >= low and member[i] < high:
                    reward[i * n_actions + a] = pairs_out[2 * member[i]]


@kernel
def contract_lone(kind, payoff_kind, rewards, transitions, policy, n_players, s, u, floats, reward, p_bar, chain):
    """As :func:`contract_state` for a single action: all players are on it.

    policy (N,)   reward (N,)   p_bar (N, S)   chain (S,)
    """
    n_states = chain.size
    columns = 0 if kind == FIXED else n_states
    if kind != FIXED:
        fill_table(kind, EACH, rewards, transitions, s, n_players, 1, columns, columns, u, floats[columns:], floats)
    for i in range(n_players):
        if payoff_kind <= EACH:
            reward[i] = rewards[i if payoff_kind == EACH else 0, s, 0, n_players]
        else:
            reward[i] = rewards[0, s, 0, 0]
        for t in range(n_states):
            p_bar[i, t] = transitions[0, 0, s, t] if kind == FIXED else floats[t]
    for t in range(n_states):
        chain[t] = p_bar[0, t]


@kernel
def contract_units(kind, payoff_kind, rewards, transitions, choose, layout, policy, n_actions, parts, low, high, floats,
                   ints, reward, p_bar, chain):
    """Contract units low..high-1 with one share's scratch: states, or halves of states with ``parts`` 2.

    policy, reward (S, A_total)   p_bar (S, A_total, S)   chain (S, S)   floats, ints: one share's scratch rows
    """
    n_players = policy.shape[1] // n_actions
    for unit in range(low, high):
        s = unit // parts
        part = -1 if parts == 1 else unit % 2
        if n_actions == 1:
            if part <= 0:
                contract_lone(kind, payoff_kind, rewards, transitions, policy[s], n_players, s, ints, floats, reward[s],
                              p_bar[s], chain[s])
        else:
            contract_state(kind, payoff_kind, rewards, transitions, choose, layout, policy[s], n_players, n_actions, s,
                           part, floats, ints, reward[s], p_bar[s], chain[s])

