"""Twins of the generators of random numbers, in whole numbers of Python."""


def philox(counter, key):
    """Philox4x32-10 in whole numbers: ten rounds on four words of 32 bits, two words of key."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        first, second = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (second >> 32) ^ c1 ^ k0, second % 2**32, (first >> 32) ^ c3 ^ k1, first % 2**32
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def uniform(key, step, index, stream):
    """Number ``index`` of a step: the upper 52 of 64 bits, as a fraction."""
    words = philox((step % 2**32, step >> 32, index // 2, stream), key)
    low, high = words[2 * (index % 2) : 2 * (index % 2) + 2]
    return ((high << 32 | low) >> 12) / 2**52


def splitmix64(state):
    """The next output of splitmix64 from a state of 64 bits."""
    z = (state + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)
