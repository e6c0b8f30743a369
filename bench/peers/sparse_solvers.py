"""(I - gamma P) x = b on large chains against scipy's solvers: ``python -m bench.peers.sparse_solvers``.

Interleaved, medians; every residual is computed afresh and divided by eps (|b| + 2 |x|). scipy's iterations get its
incomplete factors with no fill to speak of (spilu), whose time is counted, and the tolerance 1e-12.
"""

import argparse
import time

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

import fastmpg as fm
from bench.large import local_game
from fastmpg.kernels import sparse_solve

EPS = np.finfo(float).eps


def chain_of(game):
    """P^pi of a random policy, from the game's own contraction."""
    from fastmpg.models.game import contract

    work, model = game.workspace(1), game.model

    @fm.kernel
    def mix(model, work, policy):
        contract(model, work, policy)

    mix(model, work, fm.random_policy(game, 3))
    index = model.chain_index.astype(np.int32)
    return sp.csr_array((work.chain.copy(), index, model.chain_pointer), shape=(game.num_states, game.num_states))


def systems(states):
    """{name: P}"""
    k = np.arange(states)

    def onehot(columns):
        return sp.csr_array((np.ones(states), (k, columns)), shape=(states, states))

    queues = {10**4: 4, 10**5: 5}.get(states)
    found = {"walk": 0.5 * onehot((k + 1) % states) + 0.5 * onehot((k - 1) % states),
             "permutation": onehot(np.random.default_rng(0).permutation(states)),
             "local moves": chain_of(local_game(states, (3, 3)))}
    if queues:
        found["queueing"] = chain_of(fm.games.queueing(2, queues, 9))
    return {name: sp.csr_array(chain) for name, chain in found.items()}


def ours(chain, gamma, rhs):
    """A solver with its scratch."""
    chain.sum_duplicates()
    n, room = rhs.size, min(chain.nnz + rhs.size, (sparse_solve.WIDTH + 1) * rhs.size)
    table = chain.indptr.astype(np.int64), chain.indices.astype(np.uint32), chain.data
    factors = (*(np.zeros(n, np.int32) for _ in range(3)), np.zeros(n + 1, np.int64), np.zeros(n, np.int64),
               np.zeros(room, np.uint32), np.zeros(room))
    scratch = np.zeros((sparse_solve.VECTORS, n))

    def solve():
        found = rhs.copy()
        sparse_solve.factor(*table, gamma, factors)
        sparse_solve.solve(*table, gamma, factors, found, False, 0.0, scratch)
        return found

    return solve


def theirs(matrix, rhs, method):
    """gmres or bicgstab with spilu."""

    def solve():
        inverse = sla.spilu(matrix, drop_tol=1e-3, fill_factor=2)
        guess = sla.LinearOperator(matrix.shape, inverse.solve)
        more = {"restart": 50} if method is sla.gmres else {}
        return method(matrix, rhs, rtol=1e-12, atol=0.0, M=guess, maxiter=200, **more)[0]

    return solve


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, nargs="*", default=[10**4, 10**5])
    parser.add_argument("--gamma", type=float, nargs="*", default=[0.95, 0.999])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=20.0, help="seconds after which a peer is not asked again")
    options = parser.parse_args()
    for states in options.states:
        for name, chain in systems(states).items():
            for gamma in options.gamma:
                rhs = np.random.default_rng(1).random(states)
                matrix = sp.csc_array(sp.eye_array(states) - gamma * chain)
                runs = {"ours": ours(chain, gamma, rhs)}
                runs |= {method.__name__: theirs(matrix, rhs, method) for method in (sla.gmres, sla.bicgstab)}
                if states <= 10**4 or name != "queueing":  # whose exact factors fill in beyond memory
                    runs["spsolve"] = lambda matrix=matrix, rhs=rhs: sla.spsolve(matrix, rhs)
                runs["ours"]()
                times, left = {each: [] for each in runs}, {}
                for _ in range(options.rounds):
                    for each, run in runs.items():
                        if sum(times[each]) < options.patience:
                            began = time.perf_counter()
                            x = run()
                            times[each].append(time.perf_counter() - began)
                            size = np.abs(rhs).max() + 2 * np.abs(x).max()
                            left[each] = np.abs(rhs - matrix @ x).max() / EPS / size
                line = "   ".join(f"{each} {np.median(times[each]) * 1e3:9.1f} ms ({left[each]:.1g})" for each in runs)
                print(f"S={states:<7} {name:12} {chain.nnz / states:5.1f} a row, gamma {gamma:<6}  {line}", flush=True)


if __name__ == "__main__":
    main()
