"""What models share whose contraction leaves every player's marginal model behind: kernels on the induced chain.

``model`` needs discount and offset, ``work`` reward (S, A_total), p_bar (S, A_total, S), chain (S, S) and the solver's
lu, pivot, routines, scalars.
"""

from __future__ import annotations

from ..kernels import dense_solve
from ..machine import kernel


@kernel
def _factor(model, work):
    """LU factors of I - gamma P^pi, from work.chain (S, S), by partial pivoting."""
    dense_solve.system(work.chain, model.discount, work.lu)
    dense_solve.factor(work.lu, work.pivot, work.routines, work.scalars)


@kernel
def _deviate(model, work, policy, i):
    """LU factors of I - gamma P, P (S, S) the chain when player i plays its columns of ``policy`` (S, A_total).

    P(t | s) = sum_c policy[s, c] p_bar[s, c, t], c the columns of player i; p_bar (S, A_total, S)
    """
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
    """rhs (R, S) <- (I - gamma P)^-1 rhs row by row, or by the transpose, P the chain factored last."""
    dense_solve.solve(work.lu, work.pivot, work.routines, work.scalars, rhs, transposed)


@kernel
def _lookahead(model, work, policy, i, value, q):
    """q[s, c] = reward[s, c] + gamma sum_t p_bar[s, c, t] value[t] in the columns c of player i.

    value (S,)   q (S, A_total)
    """
    n_states = value.size
    for s in range(n_states):
        for c in range(model.offset[i], model.offset[i + 1]):
            total = 0.0
            for t in range(n_states):
                total += work.p_bar[s, c, t] * value[t]
            q[s, c] = work.reward[s, c] + model.discount * total


@kernel
def _push(model, work, law, out):
    """out(t) = sum_s law(s) P^pi(t | s), from work.chain (S, S).    law, out (S,)"""
    n_states = law.size
    for t in range(n_states):
        out[t] = 0.0
    for s in range(n_states):
        if law[s] != 0.0:
            for t in range(n_states):
                out[t] += law[s] * work.chain[s, t]


@kernel
def _pull(model, work, value, out):
    """out(s) = sum_t P^pi(t | s) value(t), from work.chain (S, S).    value, out (S,)"""
    for s in range(out.size):
        total = 0.0
        for t in range(out.size):
            total += work.chain[s, t] * value[t]
        out[s] = total


CHAIN = {"factor": _factor, "deviate": _deviate, "solve": _solve, "lookahead": _lookahead, "push": _push,
         "pull": _pull}
