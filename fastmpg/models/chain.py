"""What models share whose contraction leaves every player's marginal model behind: kernels on the induced chain.

``model`` needs discount and offset, ``work`` reward (S, A_total), p_bar (S, A_total, S), chain (S, S) and the solver's
lu, pivot, routines, scalars.
"""

from __future__ import annotations

from ..kernels import dense_solve
from ..machine import kernel


@kernel
def _factor(model, work):
    dense_solve.system(work.chain, model.discount, work.lu)
    dense_solve.factor(work.lu, work.pivot, work.routines, work.scalars)


@kernel
def _deviate(model, work, policy, i):
    n_states = work.chain.shape[0]
    for s in range(n_states):
        row = work.lu[s]
        for t in range(n_states):
            row[t] = 0.0
        for c in range(model.offset[i], model.offset[i + 1]):
            weight = model.discount * policy[s, c]
            if weight != 0.0:
                for t in range(n_states):
                    row[t] -= weight * work.p_bar[s, c, t]
        row[s] += 1.0
    dense_solve.factor(work.lu, work.pivot, work.routines, work.scalars)


@kernel
def _solve(model, work, rhs, transposed):
    dense_solve.solve(work.lu, work.pivot, work.routines, work.scalars, rhs, transposed)


@kernel
def _lookahead(model, work, policy, i, value, q):
    n_states = value.size
    for s in range(n_states):
        for c in range(model.offset[i], model.offset[i + 1]):
            total = 0.0
            for t in range(n_states):
                total += work.p_bar[s, c, t] * value[t]
            q[s, c] = work.reward[s, c] + model.discount * total


CHAIN = {"factor": _factor, "deviate": _deviate, "solve": _solve, "lookahead": _lookahead}
