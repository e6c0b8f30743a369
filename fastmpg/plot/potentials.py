"""Pictures of equilibria and potentials: branches of quantal responses, the potential along a run."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..potential.defect import defect
from ..potential.difference import difference
from ..run.result import Result
from ..solvers.quantal_response_tracing import QuantalBranch
from ._figure import COLOURS, axes_of, style
from ._groups import LINES
from ._names import Labels


def branch(found: QuantalBranch, game: Game, ax: Any = None, *, state: int = 0) -> Any:
    """Draw a branch of quantal response equilibria: every action's probability in a state against lambda.

    Parameters
    ----------
    found : QuantalBranch
        Of :func:`fastmpg.solvers.quantal_response_tracing`.
    game : Game
        The one that was traced.
    ax : matplotlib Axes, optional
    state : int

    Returns
    -------
    matplotlib Axes
        A colour a player, a line style an action. Where the branch turns, lambda falls.
    """
    s = _check.integer(state, "state", low=0, high=game.num_states - 1)
    ax, labels = axes_of(ax), Labels(game)
    with style():
        for i in range(game.num_players):
            rows = found.policies[:, s, game.offset[i]:game.offset[i + 1]]
            for a in range(rows.shape[1]):
                ax.plot(found.lam, rows[:, a], LINES[a % len(LINES)], color=COLOURS[i % len(COLOURS)],
                        linewidth=max(1.0, 2.6 - 0.9 * i),  # players who play alike lie over one another
                        label=f"{labels.player(i)}, {labels.action(i, a)}")
        ax.set_xscale("symlog", linthresh=max(1e-3, float(np.abs(found.lam[1:]).min(initial=1.0))))
        ax.set(xlabel="λ", ylabel="probability", ylim=(-0.02, 1.02))
        if sum(game.num_actions) <= 8:
            ax.legend(fontsize="small")
    return ax


def potential(result: Result, game: Game, ax: Any = None, *, check: bool = True, label: str | None = None) -> Any:
    """Draw by how much the potential has changed since the first recorded policy of a run.

    Parameters
    ----------
    result : Result
        Of one run, with "policy" recorded.
    game : Game
    ax : matplotlib Axes, optional
    check : bool
        Whether to refuse games that have no potential; see :func:`fastmpg.potential.difference`.
    label : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the game has no potential, or no policies of one run were recorded.
    """
    policies = result.trace["policy"] if "policy" in result.trace else np.zeros(0)
    if policies.ndim != 3:
        raise ValueError('the potential along a run needs the policies of one run: record "policy" with learn')
    if check and defect(game, samples=32).relative > 1e-10:
        difference(game, policies[-1])  # says why
    steps = [difference(game, after, before, check=False).value
             for before, after in itertools.pairwise(policies)]
    ax = axes_of(ax)
    with style():
        ax.plot(result.trace["step"], np.concatenate([[0.0], np.cumsum(steps)]), label=label)
        ax.set(xlabel="iteration", ylabel="Φ(π) - Φ(π at the start)")
    return ax
