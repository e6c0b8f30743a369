"""Groups: players whose rows of a policy are equal, which :mod:`.count_laws` asks once."""

import numpy as np

from ..machine import kernel


@kernel
def group_players(row, n_actions, slots, slot_group, member, after, head, weight, order, tally, players, prob):
    """Groups of players with equal rows, the largest first; returns how many.

    row (N L,)   slots (N,) and slot_group (2 N + 1,), order (N,), tally (N + 2,): scratch
    member (N,): the group of a player   head (N,): its first player
    after (N,): the next player of the same group or -1
    players (N + 1,): players in the groups before   prob (N L,): the groups' rows   weight (N,): players in a group
    """
    n_players, n_slots, count = member.size, slot_group.size, 0
    for e in range(n_slots):
        slot_group[e] = -1
    for i in range(n_players):
        own = row[i * n_actions:(i + 1) * n_actions]
        mixed = 0.0
        for a in range(n_actions):
            mixed = mixed * 0.6180339887498949 + own[a] * 1048583.7654321
        mixed -= np.floor(mixed)
        e = int(mixed * n_slots) if mixed >= 0.0 and mixed < 1.0 else 0  # a diverged policy holds NaN
        while True:
            g = slot_group[e]
            if g < 0:
                slot_group[e] = count
                slots[count], weight[count] = i, 1
                member[i] = count
                count += 1
                break
            other, same = slots[g] * n_actions, True
            for a in range(n_actions):
                same = same and own[a] == row[other + a]
            if same:
                member[i] = g
                weight[g] += 1
                break
            e = e + 1 if e + 1 < n_slots else 0
    for w in range(n_players + 2):  # by falling weight, in order of appearance where equal
        tally[w] = 0
    for g in range(count):
        tally[n_players - weight[g] + 1] += 1
    for w in range(1, n_players + 2):
        tally[w] += tally[w - 1]
    for g in range(count):
        w = n_players - weight[g]
        order[g] = tally[w]
        tally[w] += 1
    for g in range(count):
        players[order[g] + 1] = weight[g]
        for a in range(n_actions):
            prob[order[g] * n_actions + a] = row[slots[g] * n_actions + a]
        head[order[g]] = -1
    players[0] = 0
    for g in range(count):
        weight[g] = players[g + 1]
        players[g + 1] += players[g]
    for i in range(n_players - 1, -1, -1):
        g = order[member[i]]
        member[i] = g
        after[i] = head[g]
        head[g] = i
    return count


@kernel
def middle(players, low, high):
    """Where groups low..high-1, at least two, fall into two sets whose larger one has fewest players.

    players (G + 1,): players in the groups before
    """
    first, last = low + 1, high - 1
    while first < last:
        mid = (first + last) // 2
        if 2 * players[mid] >= players[low] + players[high]:
            last = mid
        else:
            first = mid + 1
    if first > low + 1 and players[high] - players[first - 1] <= players[first] - players[low]:
        first -= 1
    return first
