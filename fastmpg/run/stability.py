"""Which equilibria a rule can reach: the derivative of one update at a fixed point, and its spectral radius."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..feedback.feedback import feedback_contract
from ..feedback.oracle import Oracle
from ..models.game import Game, check_game
from ..policy import check_policy
from ..rules.rule import contract_of
from ..rules.state import SoftmaxState, TableState, state_contract
from .ensemble import ensemble
from .record import Record

__all__ = ["Stability", "stability"]

STEP = 1e-4  # of differences: truncation of the fourth order, or of the second at the border, and rounding of 1e-12


class Stability(NamedTuple):
    """The derivative of one update of a rule at a policy that it leaves as it is.

    Attributes
    ----------
    radius : float
        Largest modulus of an eigenvalue: nearby runs come nearer by this factor an update, in the long run.
    error : float
        Estimate of the error of ``radius``: what differences of half the order would change of the derivative, times
        the condition of its eigenvectors (Bauer & Fike 1960). Large where the update has a kink.
    verdict : str
        "attracting" (radius below 1 by more than the error), "repelling" (above 1 by more), "undecided".
    eigenvalues : ndarray (n,), complex
    jacobian : ndarray (n, n)
        In coordinates ``columns``: the probabilities of all actions but each row's likeliest, which makes up for them.
        n = sum over states and players of A_i(s) - 1.
    columns : ndarray (n, 2)
        State and column of a policy (S, A_total) that each coordinate is.
    border : int
        How many of these have probability 0: derivatives there look into the simplex.
    moved : float
        By how much one update moves the policy itself.
    """

    radius: float
    error: float
    verdict: str
    eigenvalues: NDArray[np.complex128]
    jacobian: Float
    columns: NDArray[np.int64]
    border: int
    moved: float

    def __repr__(self) -> str:
        return (f"<Stability: {self.verdict}, spectral radius {self.radius:.8g} +- {self.error:.1e} of "
                f"{len(self.columns)} directions, {self.border} from the border>")


def _check_rule(rule: Any) -> None:
    """Refuse what is no map from policies to policies."""
    found = contract_of(rule)
    if found.feedback is not feedback_contract(Oracle) or found.draws:
        raise ValueError("rule must learn from exact feedback and draw nothing, found "
                         f"{type(rule).__name__}, whose updates are random or depend on earlier play")
    if found.state not in (state_contract(TableState), state_contract(SoftmaxState)):
        raise ValueError(f"rule must keep nothing but its policy, found {type(rule).__name__}, whose updates depend on "
                         "more that it keeps")
    for name, value in zip(getattr(rule, "_fields", ()), rule, strict=True):
        if name not in found.tables and isinstance(value, np.ndarray | list) and np.ndim(value) > 0:
            raise ValueError(f"rule must be one rule, found {name} of shape {np.shape(value)}")


def stability(game: Game, rule: Any, policy: Any, *, tol: float = 1e-6) -> Stability:
    """Whether a rule's runs from near an equilibrium come back to it.

    The derivative of one update, in the tangent space of the simplices, by central differences, and one-sided ones
    where a probability is 0, so that pure equilibria are asked about deviations into the simplex. An equilibrium of
    spectral radius below 1 attracts what starts near enough; one above 1 repels almost everything near it.

    Parameters
    ----------
    game : Game
    rule : rule
        With exact feedback, that keeps nothing but its policy. Of rules whose steps change, the first update.
    policy : array_like (S, A_total) or list of (S, A_i)
        One that the rule leaves as it is.
    tol : float
        By how much an update may move it, > 0.

    Returns
    -------
    Stability

    Raises
    ------
    ValueError, TypeError
        If the update moves the policy, with how far; if the rule is none that maps policies to policies.

    Examples
    --------
    >>> import fastmpg as fm
    >>> hunt = fm.NormalFormGame([[[4, 0], [3, 3]], [[4, 3], [0, 3]]])  # both for the stag, or a hare each
    >>> rule = fm.rules.NaturalGradientPlay(0.5)
    >>> for policy in ([[1, 0, 1, 0]], [[0, 1, 0, 1]], [[0.75, 0.25, 0.75, 0.25]]):
    ...     found = fm.stability(hunt, rule, policy)
    ...     print(found.verdict, round(found.radius, 6))  # exp(-1/2), exp(-3/2), 1 + .5 * 4 * .75 * .25
    attracting 0.606531
    attracting 0.22313
    repelling 1.375

    Notes
    -----
    Of fixed points of maps: Hirsch & Smale (1974). A kink, as projections have it, shows in ``error``.
    """
    check_game(game)
    within = _check.real(tol, "tol", 0.0, open_low=True)
    table = check_policy(game, policy)
    _check_rule(rule)
    can = np.ones(table.shape, bool) if game.available is None else game.available
    likely = np.stack([low + np.where(can[:, low:high], table[:, low:high], -1.0).argmax(axis=1)
                       for low, high in zip(game.offset[:-1], game.offset[1:], strict=True)], axis=1)
    base = np.repeat(likely, game.num_actions, axis=1)
    columns = np.argwhere(can & (np.arange(table.shape[1]) != base))
    n = len(columns)
    _check.budget(8 * (4 * n + 1) * table.size * 4 + 8 * 6 * n * n, f"differences in {n} directions in {game!r}",
                  "ask of a smaller game")
    # steps in units of STEP: the same for all but where they would leave the simplex
    at = (columns[:, 0], columns[:, 1])
    border = table[at] < 2.0 * STEP
    stack = np.repeat(table[None], 4 * n + 1, axis=0)
    steps = np.where(border[:, None], [1.0, 2.0, 4.0, 0.0], [1.0, -1.0, 2.0, -2.0]) * STEP
    for k in range(n):
        s, c = columns[k]
        for m in range(4):
            stack[1 + 4 * k + m, s, c] += steps[k, m]
            stack[1 + 4 * k + m, s, base[s, c]] -= steps[k, m]
    after = ensemble(game, rule, 1, len(stack), policy=stack, record=Record(every=1, metrics=("policy",))).policy
    moved = float(np.abs(after[0] - table).max())
    if not moved <= within:
        raise ValueError(f"policy must be a fixed point of the rule, found that an update moves it by {moved:.3g}, "
                         f"more than tol = {within:g}; rules with a temperature have other fixed points than Nash "
                         "equilibria")
    told = (after[1:, *at].reshape(n, 4, n) - after[0][at]) / STEP
    inner_1, inner_2 = 0.5 * (told[:, 0] - told[:, 1]), 0.25 * (told[:, 2] - told[:, 3])
    outer_1, outer_2 = 2.0 * told[:, 0] - 0.5 * told[:, 1], told[:, 1] - 0.25 * told[:, 2]
    one, two = (np.where(border[:, None], *pair).T for pair in ((outer_1, inner_1), (outer_2, inner_2)))
    jacobian = np.where(border, one, (4.0 * one - two) / 3.0)
    values, vectors = np.linalg.eig(jacobian) if n else (np.zeros(0, complex), np.zeros((0, 0)))
    radius = float(np.abs(values).max(initial=0.0))
    condition = float(np.linalg.cond(vectors)) if n else 1.0
    # a derivative that vanishes has no eigenvectors to speak of
    off = float(np.linalg.norm(one - two))
    error = min(off * condition, _defective(jacobian, off)) + 1e-12
    verdict = "attracting" if radius + error < 1.0 else "repelling" if radius - error > 1.0 else "undecided"
    return Stability(radius, error, verdict, values.astype(np.complex128), jacobian, columns, int(border.sum()), moved)


def _defective(jacobian: Float, off: float) -> float:
    """A bound on the change of eigenvalues that needs no eigenvectors: (2 |J| + e)^(1 - 1/n) e^(1/n), Elsner (1985)."""
    n = max(1, len(jacobian))
    size = 2.0 * float(np.linalg.norm(jacobian, 2)) if len(jacobian) else 0.0
    return float((size + off) ** (1.0 - 1.0 / n) * off ** (1.0 / n))
