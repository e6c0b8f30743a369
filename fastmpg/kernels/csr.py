"""Building sparse games: checks of CSR rows, the union of every state's next states, and rows from compiled moves."""

import numpy as np

from ..machine import kernel

EXACT = 2.0**-25  # by which rows of single precision may miss 1: half a unit in the last place of a number below 1


@kernel
def sort(keys, count):
    """Sort keys[:count] in place: insertion for few, a heap for many.    keys (at least count,)"""
    if count <= 24:
        for k in range(1, count):
            key, at = keys[k], k
            while at > 0 and keys[at - 1] > key:
                keys[at] = keys[at - 1]
                at -= 1
            keys[at] = key
        return
    for step in range(count // 2 + count - 1):
        if step < count // 2:  # build the heap, then take the largest off again and again
            root, end = count // 2 - 1 - step, count
        else:
            end = count - 1 - (step - count // 2)
            keys[0], keys[end] = keys[end], keys[0]
            root = 0
        while 2 * root + 1 < end:
            child = 2 * root + 1
            if child + 1 < end and keys[child + 1] > keys[child]:
                child += 1
            if keys[root] >= keys[child]:
                break
            keys[root], keys[child] = keys[child], keys[root]
            root = child


@kernel
def is_canonical(pointer, index):
    """Whether every row's columns increase.    pointer (rows + 1,)   index (entries,)"""
    for row in range(pointer.size - 1):
        for k in range(pointer[row] + 1, pointer[row + 1]):
            if index[k] <= index[k - 1]:
                return False
    return True


@kernel
def worst_rows(pointer, probability, row, number):
    """The row with the least entry, and that whose sum is farthest from 1: row (2,), and both numbers: number (2,)."""
    number[0], number[1] = 0.0, 1.0
    for i in range(pointer.size - 1):
        total = 0.0
        for k in range(pointer[i], pointer[i + 1]):
            p = np.float64(probability[k])
            total += p
            if p < number[0]:
                row[0], number[0] = i, p
        if abs(total - 1.0) > abs(number[1] - 1.0):
            row[1], number[1] = i, total


@kernel
def settle_single(pointer, probability):
    """Let rows of single precision sum to 1 within EXACT: what rounding left goes to the largest entry.

    pointer (rows + 1,)   probability (entries,) float32
    """
    for i in range(pointer.size - 1):
        total, most = 0.0, pointer[i]
        for k in range(pointer[i], pointer[i + 1]):
            total += np.float64(probability[k])
            if probability[k] > probability[most]:
                most = k
        if abs(total - 1.0) > EXACT:
            probability[most] = np.float32(np.float64(probability[most]) + (1.0 - total))


@kernel
def count_unions(pointer, index, joint, mark, chain_pointer):
    """chain_pointer (S + 1,): how many states any joint action leads to, summed.    mark (S,) scratch"""
    n = mark.size
    for s in range(n):
        mark[s] = -1
    chain_pointer[0] = 0
    for s in range(n):
        count = 0
        for k in range(pointer[s * joint], pointer[(s + 1) * joint]):
            t = index[k]
            if mark[t] != s:
                mark[t] = s
                count += 1
        chain_pointer[s + 1] = chain_pointer[s] + count


@kernel
def fill_unions(pointer, index, joint, mark, chain_pointer, chain_index, slot):
    """chain_index: the union of next states, sorted; slot: every entry's place there.    ``slot`` may be ``index``"""
    n = mark.size
    for s in range(n):
        mark[s] = -1
    for s in range(n):
        at = chain_pointer[s]
        for k in range(pointer[s * joint], pointer[(s + 1) * joint]):
            t = index[k]
            if mark[t] != s:
                mark[t] = s
                chain_index[at] = t
                at += 1
        sort(chain_index[chain_pointer[s]:], at - chain_pointer[s])
        for k in range(chain_pointer[s], at):
            mark[chain_index[k]] = k - chain_pointer[s]
        for k in range(pointer[s * joint], pointer[(s + 1) * joint]):
            slot[k] = mark[index[k]]
        for k in range(chain_pointer[s], at):
            mark[chain_index[k]] = s


@kernel
def columns_of(pointer, slot, joint, chain_pointer, chain_index, out):
    """The column of every entry, which ``slot`` stands for.

    pointer (S J + 1,)   slot, out (entries,)   chain_pointer (S + 1,)   chain_index (pattern,)
    """
    for s in range(chain_pointer.size - 1):
        for k in range(pointer[s * joint], pointer[(s + 1) * joint]):
            out[k] = chain_index[chain_pointer[s] + np.int64(slot[k])]


@kernel
def merge(columns, chances, count, order, into, values):
    """One row's entries sorted by column, equal ones added up and zeros left out, into into, values; how many are left.

    order (count or more,) scratch, float64: columns are below 2^53 / count
    """
    for e in range(count):
        order[e] = np.float64(columns[e]) * count + e
    sort(order, count)
    left = 0
    for e in range(count):
        key = np.int64(order[e])
        t, p = key // count, chances[key % count]
        if left > 0 and into[left - 1] == t:
            values[left - 1] += p
        else:
            if left > 0 and values[left - 1] == 0.0:
                left -= 1
            into[left], values[left] = t, p
            left += 1
    if left > 0 and values[left - 1] == 0.0:
        left -= 1
    return left


@kernel
def product_row(row, tables, starts, bounds, index, probability, sizes, columns, values):
    """Row ``row`` of a product of local transitions (models/markov/moves.py) into columns, values; its length.

    tables (L, J): local joint action   starts (L,): first row of every factor   bounds: its rows' pointer
    sizes (L, 2): states, joint actions
    """
    n_joint, n_factors = tables.shape[1], tables.shape[0]
    s, j = row // n_joint, row % n_joint
    stride = 1
    for l in range(n_factors):
        stride *= sizes[l, 0]
    columns[0], values[0] = 0, 1.0
    done = 1
    for l in range(n_factors):
        stride //= sizes[l, 0]
        local = starts[l] + (s // stride % sizes[l, 0]) * sizes[l, 1] + tables[l, j]
        first, count = bounds[local], bounds[local + 1] - bounds[local]
        for e in range(done - 1, -1, -1):  # backwards: what is written lies behind what is still to be read
            for k in range(count - 1, -1, -1):
                columns[e * count + k] = columns[e] * sizes[l, 0] + index[first + k]
                values[e * count + k] = values[e] * probability[first + k]
        done *= count
    return done


@kernel
def product_counts(tables, starts, bounds, sizes, pointer):
    """pointer of the product's rows."""
    n_joint, n_factors, whole = tables.shape[1], tables.shape[0], 1
    for l in range(n_factors):
        whole *= sizes[l, 0]
    pointer[0] = 0
    for row in range(pointer.size - 1):
        s, j, stride, count = row // n_joint, row % n_joint, whole, 1
        for l in range(n_factors):
            stride //= sizes[l, 0]
            local = starts[l] + (s // stride % sizes[l, 0]) * sizes[l, 1] + tables[l, j]
            count *= bounds[local + 1] - bounds[local]
        pointer[row + 1] = pointer[row] + count


@kernel
def product_fill(tables, starts, bounds, index, probability, sizes, pointer, columns, values):
    """columns and values of the product's rows."""
    for row in range(pointer.size - 1):
        product_row(row, tables, starts, bounds, index, probability, sizes, columns[pointer[row]:pointer[row + 1]],
                    values[pointer[row]:pointer[row + 1]])
