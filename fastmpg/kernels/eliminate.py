"""Small dense systems that need pivoting, with their right-hand sides beside them."""

from ..machine import kernel


@kernel
def eliminate(table, n, width):
    """Solve in place by Gaussian elimination with row pivoting; returns the sign of the determinant.

    0 where a pivot vanished or is no number.

    table (>= n, >= width): the matrix in its first n columns, right-hand sides in columns n..width-1, which become the
    solutions
    """
    sign = 1
    for k in range(n):
        top, at = abs(table[k, k]), k
        for i in range(k + 1, n):
            if abs(table[i, k]) > top:
                top, at = abs(table[i, k]), i
        if not (0.0 < top < 1e300):
            return 0
        if at != k:
            sign = -sign
            for j in range(k, width):
                table[k, j], table[at, j] = table[at, j], table[k, j]
        if table[k, k] < 0.0:
            sign = -sign
        inverse, above = 1.0 / table[k, k], table[k, k + 1:width]
        for i in range(k + 1, n):
            f, row = table[i, k] * inverse, table[i, k + 1:width]
            if f != 0.0:
                for j in range(above.size):
                    row[j] -= f * above[j]
    for k in range(n - 1, -1, -1):
        row, inverse = table[k, n:width], 1.0 / table[k, k]
        for j in range(row.size):
            row[j] *= inverse
        for i in range(k):
            f, out = table[i, k], table[i, n:width]
            if f != 0.0:
                for j in range(row.size):
                    out[j] -= f * row[j]
    return sign
