"""Exponential and logarithm for numbers and for vectors of numbers, with the same bits for both.

libm's cannot be inlined and take 4 ns a number; these take 0.6 in a vector. Every product that is added to something is
an explicit fused multiply-add, so that the compiler has no choice to make.
"""

from ..machine import precise
from ..machine.vectors import bits, constant, constants, fma, number, select

SMALLEST = -708.0  # exp below this would be subnormal: flushed to 0
ROUND = 6755399441055744.0  # 1.5 2^52: adding it rounds to a whole number, which its lowest bits then hold
HALF_ROOT = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
MANTISSA = 0x000FFFFFFFFFFFFF
ROUND_BITS = 0x4338000000000000
TINY = 2.2250738585072014e-308  # smallest normal number


LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # ln 2 in two pieces: k times the first is exact
_EXP = constants(SMALLEST, 1.4426950408889634, ROUND, -LN2_HIGH, -LN2_LOW, 0.5, 1 / 6, 1 / 24, 1 / 120, 1 / 720,
                 1 / 5040, 1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800, 1.0)
_LOG = constants(ROUND, LN2_HIGH, LN2_LOW, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01,
                 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01, 6.666666666666735130e-01,
                 0.5, 1.0, 2.0)


@precise
def exp(x):
    """e^x for x <= 709 to 3.4e-16 relative, 0 below -708, NaN for NaN."""
    c = _EXP()
    low_end = constant(c, 0)
    y = select(x < low_end, low_end, x)
    t = fma(y, constant(c, 1), constant(c, 2))
    k = t - constant(c, 2)
    r = fma(k, constant(c, 4), fma(k, constant(c, 3), y))
    r2 = r * r
    r4 = r2 * r2
    # Taylor to r^13 / 13!, by pairs: short chains
    low = fma(r2, fma(r, constant(c, 6), constant(c, 5)), r + constant(c, 17))
    mid = fma(r2, fma(r, constant(c, 10), constant(c, 9)), fma(r, constant(c, 8), constant(c, 7)))
    high = fma(r2, fma(r, constant(c, 14), constant(c, 13)), fma(r, constant(c, 12), constant(c, 11)))
    tail = fma(r, constant(c, 16), constant(c, 15))
    value = fma(r4, fma(r4, fma(r4, tail, high), mid), low) * number((bits(t) + 1023) << 52)
    return select(x < low_end, 0.0, value)


@precise
def log(x):
    """Natural logarithm to 3e-16 for normal x > 0; what it gives for other x means nothing.

    x = 2^k m with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh(s) for s = f / (2 + f), f = m - 1; the polynomial in s^2
    is that of FreeBSD's msun (e_log.c).
    """
    c = _LOG()
    above = bits(x) - HALF_ROOT
    k = number((above >> 52) + ROUND_BITS) - constant(c, 0)
    f = number((above & MANTISSA) + HALF_ROOT) - constant(c, 11)
    s = f / (f + constant(c, 12))
    z = s * s
    w = z * z
    even = w * fma(w, fma(w, constant(c, 3), constant(c, 4)), constant(c, 5))
    odd = z * fma(w, fma(w, fma(w, constant(c, 6), constant(c, 7)), constant(c, 8)), constant(c, 9))
    half = f * f * constant(c, 10)
    return fma(k, constant(c, 1), f - (half - fma(s, half + (even + odd), k * constant(c, 2))))


@precise
def power(x, exponent):
    """x^exponent for normal x > 0, to 1e-15 (1 + |exponent log x|)."""
    return exp(log(x) * exponent)


@precise
def plogp(p):
    """p log p, 0 for p below the smallest normal number."""
    return select(p >= TINY, p * log(p), p * 0.0)


@precise
def floor(x):
    """The whole number at or below x, as a float, |x| < 2^51."""
    near = (x + ROUND) - ROUND
    return select(near > x, near - 1.0, near)


@precise
def integer(x):
    """A whole number in a float, |x| < 2^51, as an integer."""
    return bits(x + ROUND) - ROUND_BITS


@precise
def real(n):
    """An integer, |n| < 2^51, as a float."""
    return number(n + ROUND_BITS) - ROUND
