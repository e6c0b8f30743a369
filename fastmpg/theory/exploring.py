r"""Exploring players: Etesami & Straehle (2020) [E], Theorems 1 and 2, what their proofs give, and damping.

M players, |r_i| <= B, softmax(beta Q) against softmax(beta Q'). Its slope along a direction x with |x|_inf <= 1 has
1-norm beta sum_a p_a |x_a - p.x|, which is convex in x, so that x_a = +-1 is worst: with p the mass of +1 it is
beta 4 p (1 - p) <= beta. Hence

    |softmax(beta Q) - softmax(beta Q')|_1 <= beta |Q - Q'|_inf,

and no smaller constant will do (p = 1/2). Products of policies add such distances up, one opponent after the other.

- MGE-I on |Q| <= B/(1-gamma), which T maps into itself. V = pi.Q moves by at most (1 + beta B/(1-gamma)) |Q - Q'|, and
  the M - 1 others' play moves E V by at most (M-1) beta B/(1-gamma) |Q - Q'|: T has the factor

      kappa = gamma + gamma beta M B/(1-gamma),

  below 1 for B < (1-gamma)^2/(gamma beta M): *twice* what Theorem 1 prints, where kappa = (1+gamma)/2.
- Stage t of MGE-F: |V^{t+1}| <= B (T-t), so that the factor is (M-1) beta B (T-t), and B < 1/((M-1) beta T) will do for
  every stage; Theorem 2 prints 1/(2 (M-1) beta (1+T)).

Both take r_i(s, a_i) as the paper does. Where the others' actions enter the reward as well, their play moves it too:
(M-1) beta B is added to either factor. All this holds for V = max Q too; for log-sum-exp B/(1-gamma) bounds no Q.

**Erratum.** [E] says of the damping (14) that a small alpha lets sweeps converge for larger rewards, by gamma_{alpha b}
+ 1 - alpha < 1, gamma_b the factor at rewards up to b. But gamma_b is linear in b, so that this reads alpha gamma_b + 1
- alpha < 1, that is gamma_b < 1, whatever alpha. What damping does is local: see :func:`damping_limit`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float, integer, real
from .._same import comparable
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame
from ..models.markov.stages import MEAN, Stage
from ._constants import over, payoff_range_of


def _size(game: Game, reward: float | None) -> float:
    """B as given, or the largest |r_i|."""
    return real(reward, "reward", 0.0) if reward is not None else float(np.abs(payoff_range_of(game)).max())


def _entangled(game: Game) -> bool:
    """Whether a player's reward depends on the others' actions, as far as tables say; True where none does."""
    if not isinstance(game, MarkovGame):
        return game.num_players > 1
    if game.num_players == 1:
        return False
    can = np.ones((game.num_states, *game.num_actions), bool)
    for i, part in enumerate([] if game.available is None else np.split(game.available, game.offset[1:-1], axis=1)):
        shape = [game.num_states] + [1] * game.num_players
        shape[1 + i] = game.num_actions[i]
        can &= part.reshape(shape)
    for i in range(game.num_players):
        plane, axes = game.rewards[0 if game.shares_reward else i], tuple(
            1 + k for k in range(game.num_players) if k != i)
        low, high = plane.min(axis=axes, where=can, initial=np.inf), plane.max(axis=axes, where=can, initial=-np.inf)
        if (low < high).any():
            return True
    return False


def _gamma(game: Game, gamma: float | None) -> float:
    return real(game.discount if gamma is None else gamma, "gamma", 0.0, 1.0, open_high=True)


def mge_i_factor(game: Game, beta: float = 1.0, *, gamma: float | None = None, reward: float | None = None) -> float:
    """Factor by which the iteration of MGE-I contracts: gamma + gamma beta M B/(1-gamma).

    Etesami & Straehle (2020), Theorem 1, with the constants of the module's proof; (M-1) beta B more where rewards
    depend on the others' actions.

    Parameters
    ----------
    game : Game
    beta : float
        Inverse temperature, > 0.
    gamma : float in [0, 1), optional
        The game's discount by default.
    reward : float, optional
        B >= max |r_i|; the game's own by default.

    Returns
    -------
    float
        In the largest norm, on |Q| <= B/(1-gamma), with values of the kinds "mean" and "max"; below 1, the solution is
        the only one.

    Raises
    ------
    ValueError, TypeError
        Argument out of range.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> at = fm.theory.mge_i_reward_limit(game, gamma=0.9, printed=True)
    >>> round(fm.theory.mge_i_factor(game, gamma=0.9, reward=at), 12)  # (1 + gamma) / 2
    0.95
    """
    check_game(game)
    beta, discount, most = real(beta, "beta", 0.0, open_low=True), _gamma(game, gamma), _size(game, reward)
    players = game.num_players
    others = (players - 1) * beta * most if _entangled(game) else 0.0
    return discount + discount * beta * players * most / (1.0 - discount) + others


def mge_i_reward_limit(game: Game, beta: float = 1.0, *, gamma: float | None = None, printed: bool = False) -> float:
    """Largest |r_i| below which the solution of MGE-I is unique: (1-gamma)^2/(gamma beta M).

    Etesami & Straehle (2020), Theorem 1, which prints half of it.

    Parameters
    ----------
    game : Game
    beta : float
        Inverse temperature, > 0.
    gamma : float in [0, 1), optional
        The game's discount by default.
    printed : bool
        Whether to return what the theorem prints, (1-gamma)^2/(2 gamma beta M).

    Returns
    -------
    float
        Infinite at gamma = 0 (where rewards are a player's own). Where rewards depend on the others' actions the limit
        is the one at which :func:`mge_i_factor` is 1; the printed one does not know that case.

    Raises
    ------
    ValueError, TypeError
        Argument out of range.

    Examples
    --------
    >>> import fastmpg as fm
    >>> round(fm.theory.mge_i_reward_limit(fm.games.pursuit_3(), gamma=0.5), 12)  # (1/2)^2 / (1/2 * 3)
    0.166666666667
    """
    check_game(game)
    beta, discount = real(beta, "beta", 0.0, open_low=True), _gamma(game, gamma)
    players, left = game.num_players, 1.0 - discount
    if _check.flag(printed, "printed"):
        return over(left * left, 2.0 * discount * beta * players)
    return over(left, beta * (discount * players / left + (players - 1 if _entangled(game) else 0.0)))


def mge_f_factors(game: Game, horizon: int, beta: float = 1.0, *, terminal: Any = None,
                  reward: float | None = None) -> Float:
    """Factors by which the stages of MGE-F contract: (M-1) beta B (T-t) at discount 1.

    Etesami & Straehle (2020), Theorem 2, with the constants of the module's proof: (M-1) beta times a bound on what the
    others' play can move, gamma |V^{t+1}|, and the reward where it depends on their actions.

    Parameters
    ----------
    game : Game
    horizon : int
        T, >= 1.
    beta : float
        Inverse temperature, > 0.
    terminal : array_like (N, S), optional
        R_F; by default anything up to B.
    reward : float, optional
        B >= max |r_i|; the game's own by default.

    Returns
    -------
    ndarray (T,)
        In the largest norm, with values of the kinds "mean" and "max"; below 1, the stage's solution is the only one
        (given what comes after), and undamped sweeps reach it.

    Raises
    ------
    ValueError, TypeError
        Argument out of range.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.mge_f_factors(fm.games.pursuit_3(), 3)  # 2 * 15/4 * (3, 2, 1): no stage of the paper's own game
    array([22.5, 15. ,  7.5])
    """
    check_game(game)
    stages, beta = integer(horizon, "horizon", low=1), real(beta, "beta", 0.0, open_low=True)
    _check.budget(8 * stages, f"a factor for each of {stages} stages", "ask for a shorter horizon")
    most, last = _size(game, reward), 0.0
    if terminal is not None:
        table = _check.array(terminal, "terminal")
        _check.shape(table, "terminal", (game.num_players, game.num_states), "(N, S)")
        last = float(np.abs(table).max())
    value, out = most if terminal is None else last, np.zeros(stages)
    moved = most if _entangled(game) else 0.0
    for t in range(stages - 1, -1, -1):
        out[t] = (game.num_players - 1) * beta * (moved + game.discount * value)
        value = most + game.discount * value
    return out


def mge_f_reward_limit(game: Game, horizon: int, beta: float = 1.0, *, printed: bool = False) -> float:
    """Largest |r_i| and |R_F,i| below which the solution of MGE-F is unique: 1/((M-1) beta T) at discount 1.

    Etesami & Straehle (2020), Theorem 2, which prints 1/(2 (M-1) beta (1+T)).

    Parameters
    ----------
    game : Game
    horizon : int
        T, >= 1.
    beta : float
        Inverse temperature, > 0.
    printed : bool
        Whether to return what the theorem prints.

    Returns
    -------
    float
        Where all of :func:`mge_f_factors` are below 1; infinite for one player.

    Raises
    ------
    ValueError, TypeError
        Argument out of range.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> round(fm.theory.mge_f_reward_limit(game, 3), 12), round(fm.theory.mge_f_reward_limit(game, 3, printed=True), 12)
    (0.166666666667, 0.0625)
    """
    check_game(game)
    stages, beta = integer(horizon, "horizon", low=1), real(beta, "beta", 0.0, open_low=True)
    if _check.flag(printed, "printed"):
        return over(1.0, 2.0 * beta * (game.num_players - 1) * (1.0 + stages))
    return over(1.0, float(mge_f_factors(game, stages, beta, reward=1.0).max()))


@comparable
class DampingLimit(NamedTuple):
    """Which damping lets sweeps settle near a solution, stage by stage.

    Attributes
    ----------
    alpha : ndarray (T,)
        Smallest 2 (1 - Re lambda)/|1 - lambda|^2 over the stage's states and directions with Re lambda < 1: sweeps with
        a smaller alpha hold these directions, with a larger one they leave along some. It is at most 2.
    state : ndarray (T,) of int
        Where that is; -1 where states are coupled.
    repelling : ndarray (T,) of int
        States (where these are coupled: directions) with an eigenvalue Re lambda >= 1, which no alpha holds: such a
        solution is reached by Newton's method, or by sweeps that keep a symmetry exactly.
    """

    alpha: Float
    state: Any
    repelling: Any

    def __repr__(self) -> str:
        least, none = self.alpha.min(), int(self.repelling.sum())
        return f"<DampingLimit: alpha below {least:.4g}, {none} with Re lambda >= 1, over {self.alpha.size} stages>"


def _limits(eigenvalues: Any) -> Any:
    """2 (1 - Re lambda)/|1 - lambda|^2, infinite where Re lambda >= 1."""
    away = 1.0 - eigenvalues
    return np.where(away.real > 0.0, 2.0 * away.real / np.maximum(np.abs(away) ** 2, 1e-300), np.inf)


def damping_limit(game: Game, solution: Any) -> DampingLimit:
    """The damping alpha under which sweeps Q <- alpha U(Q) + (1 - alpha) Q settle, from near a solution.

    At a solution whose Jacobian has the eigenvalues lambda they do if and only if |1 - alpha + alpha lambda| < 1 for
    all: Re lambda < 1 and alpha < 2 (1 - Re lambda)/|1 - lambda|^2. Etesami & Straehle (2020), (14), whose own argument
    for small alpha proves nothing (see the module's erratum).

    Parameters
    ----------
    game : Game
        With tables, or small enough for them.
    solution : MgeF or MgeI
        What :func:`fastmpg.solvers.mge_f` or :func:`fastmpg.solvers.mge_i` found in it. The stages of the first fall
        apart into states; those of the second are coupled, and one matrix of S A_total rows is formed.

    Returns
    -------
    DampingLimit
        One entry a stage (of MGE-I, one).

    Raises
    ------
    ValueError, TypeError
        If the solution is none, or not of this game.
    MemoryError
        If the matrices would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> limit = fm.theory.damping_limit(game, fm.solvers.mge_f(game, 3, value="max"))
    >>> limit.alpha.round(4), limit.repelling  # the paper's alphas, up to 0.6, are below; alpha = 1 is not
    (array([0.7243, 0.7533, 0.8666]), array([80, 80, 56]))
    """
    check_game(game)
    missing = [name for name in ("q", "policy", "value", "beta", "kind") if not hasattr(solution, name)]
    if missing:
        raise TypeError(f"solution must be what solvers.mge_f or solvers.mge_i returns, found "
                        f"{_check.shown(type(solution).__name__)}")
    expected = (game.num_states, sum(game.num_actions))
    if solution.q.shape[-2:] != expected:
        raise ValueError(f"solution must be of this game, with q of shape (..., S, A_total) = (..., {expected[0]}, "
                         f"{expected[1]}), found {solution.q.shape}")
    table = game if isinstance(game, MarkovGame) else game.to_dense()
    if not isinstance(table, MarkovGame):
        raise TypeError(f"to_dense() of {game!r} must give a MarkovGame")
    if solution.q.ndim == 2:
        return _coupled(table, solution)
    stages = solution.q.shape[0]
    stage = Stage(table, solution.beta, table.discount, MEAN, 1.0, False)
    alpha, state, repelling = np.zeros(stages), np.zeros(stages, np.int64), np.zeros(stages, np.int64)
    for t in range(stages):
        stage.frame.ahead[...] = solution.value[t + 1]
        eigenvalues = np.linalg.eigvals(stage.slopes(solution.q[t]))
        worst = _limits(eigenvalues).min(axis=1)
        state[t] = int(np.argmin(worst))
        alpha[t], repelling[t] = worst[state[t]], int((eigenvalues.real >= 1.0).any(axis=1).sum())
    return DampingLimit(alpha, state, repelling)


def _coupled(game: MarkovGame, solution: Any) -> DampingLimit:
    """The limit of MGE-I: dT_i(s, a_i)/dQ = [the others' play in s] + gamma sum_t P_i(t | s, a_i) dV_i(t)/dQ."""
    states, columns = solution.q.shape
    size = states * columns
    _check.budget(3 * 8 * size * size, f"the Jacobian of MGE-I, {size} x {size},", "ask for a smaller game")
    stage = Stage(game, solution.beta, solution.gamma, MEAN, 1.0, True)
    stage.frame.ahead[...] = solution.value
    own = stage.slopes(solution.q)
    work, policy = game.to_dense().workspace(), np.ascontiguousarray(solution.policy)
    work.contraction(0, policy.ctypes.data)
    matrix = np.zeros((states, columns, states, columns))
    for s in range(states):
        matrix[s, :, s, :] = own[s]
    edges = game.offset
    for i in range(game.num_players):
        some = slice(int(edges[i]), int(edges[i + 1]))
        slope = _value_slope(solution.q[:, some], solution.policy[:, some], solution.beta, solution.kind)
        matrix[:, some, :, some] += solution.gamma * work.p_bar[:, some, :, None] * slope[None, None]
    if game.available is not None:
        matrix[~game.available] = 0.0
    eigenvalues = np.linalg.eigvals(matrix.reshape(size, size))
    return DampingLimit(np.array([_limits(eigenvalues).min()]), np.array([-1]),
                        np.array([int((eigenvalues.real >= 1.0).sum())]))


def _value_slope(q: Float, policy: Float, beta: float, kind: str) -> Float:
    """dV_i(t)/dQ_i(t, b), all (S, A_i)."""
    if kind == "max":
        return np.asarray((np.arange(q.shape[1]) == np.argmax(q, axis=1)[:, None]).astype(float))
    if kind == "softmax":
        return policy
    finite = np.where(policy > 0.0, q, 0.0)
    return np.asarray(policy * (1.0 + beta * (finite - (policy * finite).sum(axis=1, keepdims=True))))
