"""The twins of tests/naive*.py in numbers of 700 digits: the same text, run with an ``np`` whose numbers are mpmath's.

Numbers that games and policies hold are taken as they are; nothing is rounded that a bound could notice.
"""

import contextlib
import importlib.util
import itertools
import sys

import mpmath
import numpy as np
from test_certified import solve

import fastmpg as fm

MP = mpmath.mp.clone()
MP.dps = 700  # beside 1e300 a payoff of 1e-300 counts
INF = MP.mpf("inf")


def _number(x):
    return x if isinstance(x, MP.mpf) else MP.mpf(float(x))


_numbers = np.vectorize(_number, otypes=[object])
_logs = np.vectorize(lambda x: MP.log(x) if x > 0 else -INF, otypes=[object])
_exps = np.vectorize(lambda x: MP.exp(x) if x > -INF else MP.mpf(0), otypes=[object])
finite = np.vectorize(lambda x: bool(MP.isfinite(x)), otypes=[bool])


def exact(table):
    """Floating-point numbers, or lists of them, as they are."""
    table = np.asarray(table)
    return _numbers(table) if table.size else table.astype(object)


def _mapped(function):
    def of(x):
        found = function(x)
        return found if np.ndim(x) else found.item()
    return of


class _Linear:
    @staticmethod
    def solve(matrix, right):
        """Columns of a right-hand side one by one, or a vector."""
        columns = right.T if right.ndim == 2 else [right]
        found = np.array([solve([[_number(x) for x in row] for row in matrix], [_number(x) for x in column])
                          for column in columns], object)
        return found.T if right.ndim == 2 else found[0]


class _Numpy:
    """numpy, but for what makes numbers or functions of them."""

    linalg = _Linear
    longdouble = float
    exp, log = staticmethod(_mapped(_exps)), staticmethod(_mapped(_logs))
    isfinite = staticmethod(_mapped(finite))

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def zeros(shape, dtype=float):
        return exact(np.zeros(shape)) if dtype is float else np.zeros(shape, dtype)

    @staticmethod
    def eye(n):
        return exact(np.eye(n))

    @staticmethod
    def full(shape, value):
        return exact(np.full(shape, value))


def _fixed_point(operator, discount, start):
    """In place of iterating: Newton's method has come there."""
    found = operator(start)
    off, size = np.max(np.abs(found - start)), np.max(np.abs(found))
    assert off <= MP.mpf(10)**-75 * (size + MP.mpf(10)**-330), (float(off), float(size))
    return found


def _newton(reward, transition, discount, respond, limit=400):
    """Policy iteration, which is Newton's method where responses are soft, until nothing moves."""
    there, values = np.where(finite(reward), reward, 0), exact(np.zeros(len(reward)))
    for _ in range(limit):
        law, bonus = respond(reward + discount * (transition @ values))
        chain, stage = np.einsum("sa,sat->st", law, transition), np.sum(law * there, axis=1) + bonus
        before, values = values, _Linear.solve(exact(np.eye(len(reward))) - discount * chain, stage)
        moved, size = np.max(np.abs(values - before)), np.max(np.abs(values))
        if moved <= MP.mpf(10)**-90 * size:
            return values
    raise AssertionError("Newton's method did not come to an end")


def _load(name):
    """A second copy of a module of twins, whose imports of other twins are second copies, too."""
    spec = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(spec)
    before, sys.modules[name] = sys.modules.get(name), module
    spec.loader.exec_module(module)
    module.np = _Numpy()
    return module, before


def _load_all(*names):
    loaded = [(name, *_load(name)) for name in names]
    for name, _, before in loaded:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return [module for _, module, _ in loaded]


naive, naive_rules, naive_literature, naive_horizon = _load_all("naive", "naive_rules", "naive_literature",
                                                                "naive_horizon")
_plain = naive.project_simplex
naive.project_simplex = naive_rules.project_simplex = lambda v: _plain(v - np.max(v, axis=-1, keepdims=True))
# their own loops end where doubles do
naive._iterate, naive._policy_iteration = _fixed_point, _newton


def twin_of(rule):
    """As :func:`naive.twin_of`, in digits."""
    import naive as plain

    found = plain.twin_of(rule)
    return getattr({"naive_rules": naive_rules, "naive_literature": naive_literature}[found.__module__],
                   found.__name__)


@contextlib.contextmanager
def given(**functions):
    """What twins of rules ask :mod:`naive` about a policy, answered by others."""
    kept = [(module, name, getattr(module, name)) for module in (naive, naive_rules, naive_literature)
            for name in functions if hasattr(module, name)]
    for module, name, _ in kept:
        setattr(module, name, functions[name])
    try:
        yield
    finally:
        for module, name, before in kept:
            setattr(module, name, before)


def game_of(game):
    """The tables of a fastmpg game; those of a polymatrix game are sums, and sums are made here."""
    dense = game.to_dense()
    shape = (game.num_players, game.num_states, *game.num_actions)
    rewards = exact(np.broadcast_to(np.nan_to_num(dense.rewards), shape))
    if isinstance(game, fm.PolymatrixGame):
        rewards[:] = MP.mpf(0)
        for s, *joint in itertools.product(*map(range, shape[1:])):
            for i, column in enumerate(game.offset[:-1] + joint):
                rewards[(i, s, *joint)] += _number(game.model.solo[s, column])
            for (i, k), table in game.payoffs.items():
                rewards[(i, s, *joint)] += _number(table[s, joint[i], joint[k]])
    available = None if game.available is None else np.split(game.available, game.offset[1:-1], axis=1)
    moves = exact(np.asarray(dense.transitions)).reshape(*shape[1:], game.num_states)
    return naive.Game(rewards, moves, MP.mpf(float(game.discount)), exact(game.initial), available)


def rows(game, policy):
    """[(S, A_i)] of a policy (S, A_total)."""
    return naive.split(exact(policy), game.num_actions)
