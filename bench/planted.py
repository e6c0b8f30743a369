"""``python -m bench.planted``: does the gate see what it should?

Slowdowns of 1.3x planted in kernels, each in a copy of the package of its own, which it must find; and comparisons of
the package with itself, in which it must find nothing.
"""

import argparse
import contextlib
import io
import shutil
import tempfile
import time
from pathlib import Path

from . import gate

# by kernel: its file, and texts with what they become: a part of the loop's work once more, as much as makes 1.3x where
# the second time finds its data in cache
PLANTS = {
    "contract_dense.contract_states": ("contract_dense.py", [(
        "    for s in range(low, high):\n",
        "    for again in range(low, high + 5 * (high - low) // 10):\n"
        "        s = again if again < high else again - (high - low)\n")]),
    "contract_sparse.contract_states": ("contract_sparse.py", [(
        "    for s in range(low, high):\n        row = policy[s]\n",
        "    for again in range(low, high + 35 * (high - low) // 100):\n"
        "        s = again if again < high else again - (high - low)\n        row = policy[s]\n")]),
    "contract_counts.contract_units": ("contract_counts.py", [(
        "    for unit in range(low, high):\n",
        "    for again in range(low, high + (high - low + 3) // 4):\n"
        "        unit = again if again < high else again - (high - low)\n")]),
    "triangular.rest": ("triangular.py", [(
        "                row[j] -= f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]\n",
        "                row[j] -= f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]\n"
        "            for j in range(15 * row.size // 100):\n"
        "                row[j] += f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]\n"
        "            for j in range(15 * row.size // 100):\n"
        "                row[j] -= f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]\n")]),
    "alias.alias_tables": ("alias.py", [(
        "    for row in range(pointer.size - 1):\n",
        "    rows = pointer.size - 1\n    for again in range(rows + 3 * rows // 10):\n"
        "        row = again if again < rows else again - rows\n")]),
    "simplex.softmax_rows": ("simplex.py", [
        ("    n_states = theta.shape[0]\n    for s in range(n_states):\n",
         "    n_states = theta.shape[0]\n    for again in range(n_states + 4 * n_states // 10):\n"
         "        s = again if again < n_states else again - n_states\n"),
        ("        weights[e] = exp(logarithms[e])\n    for s in range(n_states):\n",
         "        weights[e] = exp(logarithms[e])\n"
         "    for e in range(0, 4 * weights.size // 10 - LANES + 1, LANES):\n"
         "        store(weights, e, exp(load(logarithms, e)))\n"
         "    for again in range(n_states + 4 * n_states // 10):\n"
         "        s = again if again < n_states else again - n_states\n")]),
    "vector.gather_dot": ("vector.py", [(
        "        t0 += a[k] * x[index[k]]\n        k += 1\n    return (t0 + t1) + (t2 + t3)\n",
        "        t0 += a[k] * x[index[k]]\n        k += 1\n    u0, u1, u2, u3 = 0.0, 0.0, 0.0, 0.0\n    k = first\n"
        "    while k + 4 <= first + 4 * (last - first) // 10:\n        u0 += a[k] * x[index[k]]\n"
        "        u1 += a[k + 1] * x[index[k + 1]]\n        u2 += a[k + 2] * x[index[k + 2]]\n"
        "        u3 += a[k + 3] * x[index[k + 3]]\n        k += 4\n    if (u0 + u1) + (u2 + u3) == 1.5e300:\n"
        "        return 0.0\n    return (t0 + t1) + (t2 + t3)\n")]),
}


def planted(name, folder):
    """A copy of the package with one slowdown."""
    package = Path(folder) / "fastmpg"
    shutil.copytree(gate.HERE.parent / "fastmpg", package, ignore=shutil.ignore_patterns("__pycache__"))
    file, changes = PLANTS[name]
    path = package / "kernels" / file
    text = path.read_text()
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{path.name} does not hold this once: {old}")
        text = text.replace(old, new)
    path.write_text(text)
    return folder


def judged(head, *options):
    """The gate's exit status, its last line and its seconds, the working tree against a folder."""
    said, began = io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(said):
        status = gate.main([str(gate.HERE.parent), str(head), *options])
    return status, said.getvalue().strip().splitlines(), time.monotonic() - began


def main():
    """Plant, compare, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--plants", nargs="*", default=list(PLANTS), choices=list(PLANTS), help="default: all")
    parser.add_argument("--null", type=int, default=20, help="comparisons with itself (default %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="the whole table of each")
    given = parser.parse_args()
    caught = false = 0
    for name in given.plants:
        with tempfile.TemporaryDirectory() as folder:
            status, lines, seconds = judged(planted(name, folder), "--short")
        caught += status == gate.SLOWER
        shown = lines if given.verbose else [line for line in lines if line.endswith("SLOWER")]
        print(f"planted in {name}: {'caught' if status == gate.SLOWER else f'MISSED ({status})'}, {seconds:.0f} s",
              *shown, sep="\n    ", flush=True)
    for k in range(given.null):
        status, lines, seconds = judged(gate.HERE.parent, "--short")
        false += status != 0
        again = sum("measured again" in line and "x  [" in line for line in lines)
        print(f"nothing planted, {k + 1}: {'none slower' if status == 0 else f'FALSE ({status})'}, {again} measured "
              f"again, {seconds:.0f} s", *(lines if status or given.verbose else []), sep="\n    ", flush=True)
    print(f"{caught} of {len(given.plants)} slowdowns caught, {false} false alarms in {given.null} comparisons")
    return 0 if caught == len(given.plants) and not false else 1


if __name__ == "__main__":
    raise SystemExit(main())
