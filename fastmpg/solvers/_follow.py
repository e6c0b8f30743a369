"""Along a branch of quantal responses by predictor and corrector, compiled as a whole.

Predicted by a cubic through the last two points and their tangents. Corrected across the tangent with the factors that
made it: a step of Newton costs equations, a step of these (chord) two triangular solves; where they no longer halve
errors several times, derivatives are computed anew. At the new point they are computed once, for the last correction,
the tangent, the sign of the determinant, and the next point.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..kernels.quantal import factored, fixed_point, payoffs, residual, solved
from ..kernels.vector import dot
from ..machine import kernel

FIRST, SHORTEST = 0.02, 1e-10  # steps along the branch: the first, the least
GROWTH, AIM = 2.0, 0.02  # by how much they grow; the first correction to aim at, of the step
CROSSING = 1e-7  # over less, relative to 1 + lam, a change of sign is a crossing of branches, no jump between them
STRAIGHT, BESIDE = 1e-3, 1e-5  # or over less where what was predicted is that near, of the step: 1e-8 of 1 + lam in all
FINE = 1e-4  # steps, of 1 + lam, so short that there is a crossing near: derivatives are not those of the point
CHORDS, SLOW = 12, 0.4  # corrections; when derivatives are computed anew: a correction is longer, of the one before
NEAR, NEAR_STEP = 1e-3, 0.03  # a correction of pi and V, and of the step, after which derivatives are the last
DONE, ROUNDING = 1e-11, 1e-14  # a residual to end with, and lam times; else as long as it falls
ENOUGH = 1e-8  # the residual that must be reached where rounding makes it larger, and 10^4 times ROUNDING
LINEAR = 0.1  # of the residual before: above, derivatives are computed once more
OFF = 0.35  # the largest correction, of the step
TURN = 0.8  # least cosine between tangents
LIKELY = 0.7  # in logarithms, how much likelier than a* an action must be to take its place
FAR = 1e12  # lam, beyond which floats do not tell actions apart

POINT, ALONG, POINT_BEFORE, ALONG_BEFORE, NEXT, ALONG_NEXT, RIGHT, MOVE = range(8)  # rows of Path.rows
STEP, SIGN, LENGTH = range(3)  # Path.numbers: LENGTH of the step before, 0 if there is none
TURNS, CROSSINGS, VALID = range(3)  # Path.counts: VALID if what was factored last is of the point
GOING, CLOSE, STUCK, STALLED = range(4)  # what follow() returns


class Path(NamedTuple):
    """Where a branch has come to.    rows (8, n + 1)   numbers (3,)   counts (3,) int64"""

    rows: Any
    numbers: Any
    counts: Any


@kernel
def _move(g, path, y):
    """One correction of y with the factors at hand, across the tangent; its length. After payoffs at y."""
    right, move, along = path.rows[RIGHT], path.rows[MOVE], path.rows[ALONG]
    residual(g, y, right)
    right[y.size - 1] = 0.0
    solved(g, right, move)
    off = dot(along, move)  # the border may have been the tangent before
    for k in range(y.size):
        move[k] -= off * along[k]
        y[k] -= move[k]
    return math.sqrt(dot(move, move))


@kernel
def _felt(g, path):
    """How much the last correction changes pi and V."""
    states, width = g.policy.shape
    move, most = path.rows[MOVE], 0.0
    for s in range(states):
        for c in range(width):
            most = max(most, g.policy[s, c] * abs(move[s * width + c]))
    for k in range(states * width, move.size - 1):
        most = max(most, abs(move[k]))
    return most


@kernel
def _tangent(g, path, out):
    """The unit null vector of the derivatives factored last, on the side of the border."""
    right = path.rows[RIGHT]
    for k in range(right.size):
        right[k] = 0.0
    right[right.size - 1] = 1.0
    solved(g, right, out)
    length = math.sqrt(dot(out, out))
    for k in range(out.size):
        out[k] /= length


@kernel
def begin(g, path):
    """At lam = 0, where the equations of V are linear: path.rows[POINT] holds beta, V is found, the tangent too."""
    y, along = path.rows[POINT], path.rows[ALONG]
    for k in range(y.size):
        along[k] = 0.0
    along[y.size - 1] = 1.0
    factored(g, y, along)
    _move(g, path, y)
    path.numbers[SIGN] = factored(g, y, along)
    _move(g, path, y)
    _tangent(g, path, along)
    path.numbers[STEP], path.numbers[LENGTH] = FIRST, 0.0
    path.counts[VALID] = 1


@kernel
def _predict(path, step):
    """NEXT a step ahead: by a cubic through the last two points and tangents, short ones along the tangent."""
    y, along, there = path.rows[POINT], path.rows[ALONG], path.rows[NEXT]
    length = path.numbers[LENGTH]
    if length == 0.0 or step <= FINE * (1.0 + y[y.size - 1]):
        for k in range(y.size):
            there[k] = y[k] + step * along[k]
        return
    before, slope, x = path.rows[POINT_BEFORE], path.rows[ALONG_BEFORE], step / length
    for k in range(y.size):
        back = before[k] - y[k] + length * along[k]  # of order length^2
        bend = length * (slope[k] - along[k])
        # a x^2 + b x^3 with a - b = back, -2 a + 3 b = bend
        b = bend + 2.0 * back
        there[k] = y[k] + step * along[k] + (back + b) * x * x + b * x * x * x


@kernel
def _correct(g, path, step):
    """NEXT onto the branch, and derivatives there. The sign of the determinant, 0 if lost; and the first correction."""
    there, along = path.rows[NEXT], path.rows[ALONG]
    size, most, first, near = math.inf, OFF * step, 0.0, False
    fine = step <= FINE * (1.0 + there[there.size - 1])
    if fine:
        path.counts[VALID] = 0
        if factored(g, there, along) == 0.0:
            return 0.0, first
    for count in range(CHORDS):
        payoffs(g, there)
        now = _move(g, path, there)
        if count == 0:
            first = now
        if not now <= most:
            return 0.0, first
        if now <= NEAR_STEP * step and _felt(g, path) <= NEAR:
            near = True
            break
        if now > SLOW * size:
            path.counts[VALID] = 0
            if factored(g, there, along) == 0.0:
                return 0.0, first
            size = math.inf
        else:
            size = now
        most = 0.5 * now
    if not near:
        return 0.0, first
    path.counts[VALID] = 0
    left, lam = math.inf, there[there.size - 1]
    sign = factored(g, there, along)
    for count in range(12):
        if sign == 0.0:
            break
        _move(g, path, there)
        payoffs(g, there)
        now, _ = fixed_point(g, there)
        if not now < math.inf or (now <= DONE + ROUNDING * lam and (not fine or now > 0.5 * left)):
            left = now
            break
        if now > LINEAR * left:
            if now > 0.5 * left and count > 4:
                left = now
                break
            sign = factored(g, there, along)
        left = now
    return (sign if there[there.size - 1] >= 0.0 and left <= ENOUGH + 1e4 * ROUNDING * lam else 0.0), first


@kernel
def _rebase(g, y):
    """Whether actions had to take the place of a*."""
    states, width = g.policy.shape
    changed = False
    for s in range(states):
        for i in range(g.offset.size - 1):
            best, base = g.base[s, i], g.base[s, i]
            for c in range(g.offset[i], g.offset[i + 1]):
                if g.can[s, c] and y[s * width + c] > y[s * width + best]:
                    best = c
            if y[s * width + best] > y[s * width + base] + LIKELY:
                g.base[s, i], changed = best, True
    return changed


@kernel
def follow(g, path, points, facts, within):
    """Points of the branch until ``points`` (K, n + 1) is full: what happened, and how many there are.

    facts (K, 2): residuals, and the largest gain by one action, at which within or less it stops (CLOSE)
    """
    rows, numbers, counts, n = path.rows, path.numbers, path.counts, path.rows.shape[1] - 1
    y, along, there, onward = rows[POINT], rows[ALONG], rows[NEXT], rows[ALONG_NEXT]
    made = 0
    while made < points.shape[0]:
        step = numbers[STEP]
        if step <= SHORTEST * (1.0 + abs(y[n])):
            return STUCK, made
        if counts[VALID] == 0:
            counts[VALID] = 1
            if factored(g, y, along) == 0.0:
                return STUCK, made
        _predict(path, step)
        sign, first = _correct(g, path, step)
        lost, cosine = sign == 0.0, 1.0
        if not lost:
            _tangent(g, path, onward)
            cosine = dot(onward, along)
            lost = not cosine >= TURN
            if not lost and sign != numbers[SIGN]:
                straight = step <= STRAIGHT * (1.0 + y[n]) and first <= BESIDE * step and cosine >= 1.0 - BESIDE**2
                if straight or step <= CROSSING * (1.0 + y[n]):
                    counts[CROSSINGS] += 1
                else:
                    lost = True
        if lost:
            numbers[STEP] = 0.5 * step
            continue
        if onward[n] * along[n] < 0.0:
            counts[TURNS] += 1
        numbers[SIGN], numbers[LENGTH], counts[VALID] = sign, 0.0, 1
        for k in range(n + 1):
            numbers[LENGTH] += (there[k] - y[k]) * (there[k] - y[k])
            rows[POINT_BEFORE, k], rows[ALONG_BEFORE, k] = y[k], along[k]
            y[k], along[k] = there[k], onward[k]
            points[made, k] = y[k]
        numbers[LENGTH] = math.sqrt(numbers[LENGTH])
        facts[made, 0], facts[made, 1] = fixed_point(g, y)
        numbers[STEP] = step * min(GROWTH, max(0.5, math.sqrt(AIM * step / max(first, 1e-300))))
        made += 1
        if facts[made - 1, 1] <= within:
            return CLOSE, made
        if y[n] > FAR:
            return STALLED, made
        if _rebase(g, y):
            numbers[SIGN] = factored(g, y, along)
    return GOING, made
