"""What tests of runs and of their records share: a rule, every metric, and when two results are the same."""

from numpy.testing import assert_array_equal

import fastmpg as fm

ALL = ("ne_gap", "qre_gap", "value", "c", "mismatch", "grad_norm", "policy")
NPG = fm.rules.NaturalGradientPlay(0.2)


def same(one, two):
    """Two results hold the same bits."""
    assert_array_equal(one.policy, two.policy)
    assert list(one.trace) == list(two.trace)
    for name in one.trace:
        assert_array_equal(one.trace[name], two.trace[name], name)
        assert one.trace[name].dtype == two.trace[name].dtype
    for name, value in vars_of(one.state).items():
        assert_array_equal(value, vars_of(two.state)[name], name)
    for name in ("status", "message", "steps", "rule", "game"):
        assert getattr(one, name) == getattr(two, name)


def vars_of(state):
    return state._asdict() if hasattr(state, "_asdict") else vars(state)
