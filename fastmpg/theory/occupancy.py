r"""When forward-backward sweeps of an occupancy game must settle: Etesami & Straehle (2020) [E], Theorem 3.

Write D^t for the largest change of a Q^t from one sweep to the next over players, states and actions, and L^t for the
largest change of an O^t in the 1-norm. With |R|, |R_F| <= omega, |Psi| <= phi and xi = (T+1)(omega + phi), every |Q| is
at most xi.

1. Psi: |Psi_i(O) - Psi_i(O')| <= L max_j |O_j - O_j'|_1. For weights, L = max_i sum_{j != i} |mu_j| is printed; half of
   that does, since |p - q|_inf <= |p - q|_1 / 2 for two distributions: what p has more in one state it lacks elsewhere.
2. Values: |V(Q) - V(Q')| <= S |Q - Q'|_inf with S = 1 + beta xi for the mean [E Lemma 7]: d V / d Q_a = pi_a (1 + beta
   (Q_a - V)), whose absolute values sum to at most 1 + beta sum_a pi_a |Q_a - V| <= 1 + beta xi. For softmax and max S
   = 1: their gradients are distributions.
3. Policies: |pi - pi'|_1 <= beta |Q - Q'|_inf: along a line the derivative of pi is beta pi_a (x_a - xbar), and sum_a
   pi_a |x_a - xbar| is at most 1 for |x| <= 1. [E] Lemma 2 has 2 beta.
4. So D_k^t <= L L_{k-1}^t + S D_k^{t+1}, D_k^T <= L L_{k-1}^T [E (26), (27)] and L_k^t <= 2 beta D_k^{t-1} + L_k^{t-1},
   L_k^0 = 0 [E (28), (29)], with 2 beta as printed, hence D_k <= c D_{k-1} with

       c = 2 L beta sum_{j=1}^T j S^j  <=  2 L beta T S^{T+1} / (S - 1)  =  2 L T (1 + beta xi)^{T+1} / xi
         <=  2 L T exp(beta (T+1) xi) / xi

   (from D^t <= L sum_{j=0}^{T-t} S^j L^{t+j} and L^s <= 2 beta s D: sum_j S^j (t + j) = sum_{m=t}^T m S^{m-t} is
   largest at t = 0). The last is Theorem 3: it asks for c <= 1. The one before, the proof's own last line but one, is
   weaker to ask.

What is received at the end changes nothing of this: with a decision at T, V^{T+1} = R_F and |Q^1| <= xi still.

``form="sharp"`` is that, with the L of 1.; ``form="sum"`` is the first, with the beta of 3. as well: the smallest
factor that this proof gives.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from .. import _check
from .._check import real
from ..models.occupancy.game import OccupancyGame

FORMS = ("sharp", "printed", "sum")


def occupancy_factor(game: OccupancyGame, horizon: int, beta: float = 1.0, *,
                     form: Literal["sharp", "printed", "sum"] = "sharp",
                     value: Literal["mean", "softmax", "max"] = "mean", lipschitz: float | None = None,
                     bound: float | None = None) -> float:
    r"""What every sweep of :func:`fastmpg.solvers.mge_fb` multiplies the largest change of Q by, at most.

        printed   2 L T exp(beta (T+1) xi) / xi,    L = max_i sum_{j != i} |mu_j|,      xi = (T+1)(omega + phi)
        sharp     2 L T (1 + beta xi)^{T+1} / xi,   L = max_i sum_{j != i} |mu_j| / 2
        sum       L beta sum_{j=1}^T j S^j,         S = 1 + beta xi, or 1 for value "softmax" and "max"

    Below 1, sweeps settle from any start, and the solution is the only one.

    Etesami & Straehle (2020), Theorem 3; see :mod:`fastmpg.theory.occupancy` for the proof.

    Parameters
    ----------
    game : OccupancyGame
    horizon : int
        T.
    beta : float
    form : "sharp", "printed" or "sum"
        Theorem 3 asks for "printed" to be at most 1. All are true; "sum" <= "sharp" <= "printed".
    value : "mean", "softmax" or "max"
        Of "sum"; the others are for "mean".
    lipschitz, bound : float, optional
        L, and phi >= |Psi|, for games with a psi of their own; for weights both are known.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Argument out of range; L or phi without default.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.driving(mu=1e-4, costs=0.01)
    >>> [round(fm.theory.occupancy_factor(game, 4, form=form), 3) for form in ("printed", "sharp", "sum")]
    [0.06, 0.03, 0.002]
    """
    if not isinstance(game, OccupancyGame):
        raise TypeError(f"game must be a fastmpg.OccupancyGame, found {_check.shown(game)}")
    steps, beta = _check.integer(horizon, "horizon", low=1, high=10**6), real(beta, "beta", 0.0, open_low=True)
    for name, given, allowed in (("form", form, FORMS), ("value", value, ("mean", "softmax", "max"))):
        if not isinstance(given, str) or given not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, found {_check.shown(given)}")
    weights = np.abs(game.mu)
    others = float((weights.sum() - weights).max()) if weights.size > 1 else 0.0
    known = game.is_weighted
    if not known and (lipschitz is None or bound is None):
        raise ValueError("lipschitz and bound are known only for weights mu; give L and phi of the game's psi")
    level = others if bound is None else real(bound, "bound", 0.0)
    pull = others * (1.0 if form == "printed" else 0.5) if lipschitz is None else real(lipschitz, "lipschitz", 0.0)
    xi = (steps + 1) * (float(np.abs(game.payoff_range()).max()) + level)
    if pull == 0.0 or xi == 0.0:  # nobody feels anybody
        return 0.0
    if form == "sum":
        stretch = math.log1p(beta * xi) if value == "mean" else 0.0
        j = np.arange(1.0, steps + 1)
        return float(np.exp(np.minimum(math.log(pull * beta) + np.log(j) + stretch * j, 700.0)).sum())
    growth = beta * (steps + 1) * xi if form == "printed" else (steps + 1) * math.log1p(beta * xi)
    return math.exp(min(700.0, math.log(2.0 * pull * steps / xi) + growth))
