"""Logit quantal response equilibria of one normal-form game, by continuation from uniform play.

    y_i(a_i) = E_{a_-i ~ pi_-i} u_i(a_i, a_-i)        pi_i = softmax(m y_i)

with payoffs u = beta U in units of 1 / beta, and m from 0 (uniform play) to 1 (the equilibrium at beta): McKelvey &
Palfrey (1995); the branch is followed as Turocy (2005) does, by pseudo-arclength, so that turns in m are followed too.
One matrix is set up and factored for each step's correction, and serves for the direction of the next step.

A game of n actions in all, player i's in entries start[i]..start[i + 1]-1 of y and pi. Row i of ``planes`` holds u_i
over joint actions, the others' actions slowest, in their order, and player i's own fastest: a pass over it that sums an
opponent out is a sum of vectors, in the same order for players who are each other's mirror.

    dy_i(a_i) / dy_j(a_j) = m pi_j(a_j) (E[u_i | a_i, a_j] - E[u_i | a_i]), j != i, else 0
    dy_i(a_i) / dm        = sum_j,a_j pi_j(a_j) (E[u_i | a_i, a_j] - E[u_i | a_i]) y_j(a_j)
"""

import math

from ..machine import kernel
from .elementary import exp
from .eliminate import eliminate

GROUND = 1e-15  # relative size of a Newton step that rounding makes
ROUGH = 1e-8  # and of one that may be rounding, where it no longer falls
# total variation of a player's choices: what a step's first correction aims at; above which the step is not taken, as
# the curve may have been left; what a step may make, and an answer to a start be off
NEAR, FAR, LONG = 0.02, 0.1, 0.5
CLOSE = 1e-5  # a last correction
# A matrix bordered by the curve's direction keeps its sign but at a branching point, as symmetric games have them;
# there the curve's own continuation is followed. It is one if the sign changes over a step as short as this: over
# longer ones the curve may have been left for another piece of it, or have been reversed.
SHORT = 1e-3
LEAST = 1e-9  # shortest step
CORRECTIONS = 6
STEPS = 5000
SWEEPS = 60  # damped ones, between attempts of Newton's method from a given start


@kernel
def choices(y, m, start, p):
    """p = softmax(m y) by player.    y, p (n,)   start (N + 1,)"""
    for i in range(start.size - 1):
        top = m * y[start[i]]
        for a in range(start[i] + 1, start[i + 1]):
            top = max(top, m * y[a])
        total = 0.0
        for a in range(start[i], start[i + 1]):
            p[a] = exp(m * y[a] - top)
            total += p[a]
        scale = 1.0 / total
        for a in range(start[i], start[i + 1]):
            p[a] *= scale


@kernel
def others_weights(p, start, i, first, out):
    """Joint probabilities of all players after ``first`` but i, the first of them slowest; returns how many.

    out (>= that many,)
    """
    out[0] = 1.0
    size = 1
    for k in range(start.size - 2, first, -1):
        if k != i:
            n = start[k + 1] - start[k]
            for a in range(n - 1, -1, -1):  # the last block first: the products so far lie in the first one
                weight = p[start[k] + a]
                for u in range(size):
                    out[a * size + u] = weight * out[u]
            size *= n
    return size


@kernel
def responses(planes, start, p, weights, y):
    """y_i(a_i) = E_{a_-i} u_i(a_i, a_-i).    planes (N, >= joint actions)   p, y (n,)   weights: scratch"""
    for i in range(start.size - 1):
        size, own = others_weights(p, start, i, -1, weights), start[i + 1] - start[i]
        out = y[start[i]:start[i + 1]]
        for a in range(own):
            out[a] = 0.0
        for u in range(size):
            weight, row = weights[u], planes[i, u * own:(u + 1) * own]
            for a in range(own):
                out[a] += weight * row[a]


@kernel
def slopes(planes, start, p, weights, folded, y, out):
    """Fill y as :func:`responses`, and out[a_i, a_j] = pi_j(a_j) (E[u_i | a_i, a_j] - E[u_i | a_i]), 0 for j = i.

    out (>= n, >= n)   folded (2, >= joint actions): a plane with the first opponents summed out, and the next
    """
    players = start.size - 1
    for i in range(players):
        own, low = start[i + 1] - start[i], start[i]
        joint = own
        for k in range(players):
            if k != i:
                joint *= start[k + 1] - start[k]
        table, at = planes[i, :joint], 0
        for a in range(low, low + own):
            for b in range(low, low + own):
                out[a, b] = 0.0
        for j in range(players):
            if j == i:
                continue
            n, size = start[j + 1] - start[j], others_weights(p, start, i, j, weights)
            for b in range(n):
                column = start[j] + b
                for a in range(own):
                    out[low + a, column] = 0.0
                for u in range(size):
                    weight, row = weights[u], table[(b * size + u) * own:(b * size + u + 1) * own]
                    for a in range(own):
                        out[low + a, column] += weight * row[a]
            width, following = size * own, folded[at]
            for e in range(width):
                following[e] = 0.0
            for b in range(n):
                weight, block = p[start[j] + b], table[b * width:(b + 1) * width]
                for e in range(width):
                    following[e] += weight * block[e]
            table, at = following, 1 - at
        for a in range(own):
            y[low + a] = table[a]
        for j in range(players):
            if j != i:
                for b in range(start[j], start[j + 1]):
                    weight = p[b]
                    for a in range(low, low + own):
                        out[a, b] = weight * (out[a, b] - y[a])


@kernel
def apart(p, other, start):
    """Largest total variation between two choices of a player; 1e300 where one is no number.    p, other (n,)"""
    worst = 0.0
    for i in range(start.size - 1):
        total = 0.0
        for a in range(start[i], start[i + 1]):
            total += abs(p[a] - other[a])
        if not total < 1e300:
            return 1e300
        worst = max(worst, 0.5 * total)
    return worst


@kernel
def moved(game, y, m):
    """How far :func:`newton_step` from (y, m) moves the choices, which are in game.p: see :func:`apart`."""
    n = y.size
    for a in range(n):
        game.there[a] = y[a] + game.table[a, n]
    choices(game.there[:n], m + game.table[n, n], game.start, game.target)
    return apart(game.p, game.target, game.start)


@kernel
def newton_step(game, y, m, tangent):
    """One step of Newton's method on y = responses(softmax(m y)) at (y, m); returns what :func:`eliminate` does.

    game: see :class:`fastmpg.models.markov.stages.LogitScratch`   y (n,)   tangent (n + 1,), m last: the step is
    orthogonal to it
    Fills game.table (n + 1, >= n + 3): the step in column n, and in column n + 1 a direction of the curve, whose
    product with ``tangent`` is 1.
    """
    game.count[0] += 1
    n, table, target = y.size, game.table, game.target
    choices(y, m, game.start, game.p)
    slopes(game.planes, game.start, game.p, game.weights, game.folded, target, table)
    for a in range(n):
        slope, row = 0.0, table[a]
        for b in range(n):
            slope += row[b] * y[b]
            row[b] *= -m
        row[a] += 1.0
        row[n] = -slope
        row[n + 1] = target[a] - y[a]
        row[n + 2] = 0.0
    row = table[n]
    for b in range(n):
        row[b] = tangent[b]
    row[n] = tangent[n]
    row[n + 1], row[n + 2] = 0.0, 1.0
    sign = eliminate(table, n + 1, n + 3)
    for a in range(n + 1):
        row = table[a]
        row[n], row[n + 1] = row[n + 1], row[n + 2]
    return sign


@kernel
def residual(game, y):
    """Largest |responses(softmax(y)) - y|; infinite where that is no number.    y (n,)"""
    choices(y, 1.0, game.start, game.p)
    responses(game.planes, game.start, game.p, game.weights, game.target)
    worst = 0.0
    for a in range(y.size):
        off = abs(game.target[a] - y[a])
        if not off < 1e300:
            return math.inf
        worst = max(worst, off)
    return worst


@kernel
def polish(game, y, reach):
    """Newton's method at m = 1 until rounding has the last word; False where it leaves, y then anything.

    y (n,)   reach: how far the choices may be off at the start
    """
    n, last = y.size, 1e300
    for a in range(n):
        game.border[a] = 0.0
    game.border[n] = 1.0
    for step in range(50):
        if newton_step(game, y, 1.0, game.border) == 0:
            return False
        if step == 0 and moved(game, y, 1.0) > reach:
            return False
        change, size = 0.0, 1.0
        for a in range(n):
            change, size = max(change, abs(game.table[a, n])), max(size, abs(y[a]))
        if not change <= last:
            return last < ROUGH * size  # it no longer falls: rounding, if it was small already
        for a in range(n):
            y[a] += game.table[a, n]
        if change <= GROUND * size:
            return True
        last = 0.5 * change if step > 0 else 1e300
    return False


@kernel
def turned(game, n, scale):
    """game.tangent (n + 1,) <- the direction in column n + 1 of the table, of length 1 with y in units of ``scale``."""
    total = 0.0
    for a in range(n):
        total += (game.table[a, n + 1] / scale) ** 2
    total = 1.0 / math.sqrt(total + game.table[n, n + 1] ** 2)
    for a in range(n + 1):
        game.tangent[a] = game.table[a, n + 1] * total


@kernel
def follow(game, y, spread):
    """The equilibrium that is reached from uniform play as m grows from 0 to 1; False where the curve is lost.

    y (n,): filled   spread: largest width of a player's payoffs
    """
    n, scale = y.size, max(1.0, spread)
    here = game.here[:n]
    for a in range(n):
        y[a], game.border[a] = 0.0, 0.0
    game.border[n] = 1.0
    choices(y, 0.0, game.start, game.p)
    responses(game.planes, game.start, game.p, game.weights, y)
    sign = newton_step(game, y, 0.0, game.border)
    if sign == 0:
        return False
    turned(game, n, scale)
    m, h = 0.0, 1.0 / (scale * game.tangent[n])  # a first step that may change a logit by 1
    for _ in range(STEPS):
        rise = game.tangent[n]
        last = rise > 0.0 and m + h * rise >= 1.0
        if last:
            h = (1.0 - m) / rise
        mu, kept, first, found = 1.0 if last else m + h * rise, False, 0.0, sign
        for a in range(n):
            here[a] = y[a] + h * game.tangent[a]
            game.border[a] = 0.0 if last else game.tangent[a] / (scale * scale)
        game.border[n] = 1.0 if last else rise
        choices(y, m, game.start, game.p)
        choices(here, mu, game.start, game.target)
        length = apart(game.p, game.target, game.start)
        if length <= LONG:
            before = FAR
            for correction in range(CORRECTIONS):
                found = newton_step(game, here, mu, game.border)
                if found == 0:
                    break
                change = moved(game, here, mu)
                if correction == 0:
                    first = change
                if not change <= before:
                    break
                for a in range(n):
                    here[a] += game.table[a, n]
                mu += game.table[n, n]
                if change <= CLOSE:
                    kept = mu > 0.0 and (found == sign or length < SHORT)
                    break
                before = 0.25 * change
        if kept:
            for a in range(n):
                y[a] = here[a]
            if last:
                return polish(game, y, FAR)
            m, sign = mu, found
            turned(game, n, scale)
            h *= min(3.0, max(0.5, math.sqrt(NEAR / max(first, 1e-6))))
        else:
            h *= 0.25
            if h < LEAST / scale:
                return False
    return False


@kernel
def settle(game, y):
    """The equilibrium near given logits: Newton's method, after damped sweeps where it leaves at once; or False.

    y (n,): overwritten
    """
    n, alpha = y.size, 0.5
    for _ in range(6):
        for a in range(n):
            game.here[a] = y[a]
        if polish(game, y, LONG):
            return True
        for a in range(n):
            y[a] = game.here[a]
        for _ in range(SWEEPS):
            choices(y, 1.0, game.start, game.p)
            responses(game.planes, game.start, game.p, game.weights, game.target)
            for a in range(n):
                y[a] += alpha * (game.target[a] - y[a])
        alpha *= 0.5
    return False
