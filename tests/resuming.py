"""What tests of runs that stop and go on share: a sampled run, and when two results are the same."""

from numpy.testing import assert_array_equal

import fastmpg as fm

GAME = fm.games.routing(4)
RULE = fm.rules.TwoTimescaleQ(tau=0.01)


def tables(every=5000, **more):
    return fm.Record(every=every, metrics=("q", "policy", "counts", "visits"), **more)


def same(one, other, trajectories=True):
    """Two results are the same, bit for bit."""
    assert one.status == other.status
    assert_array_equal(one.steps, other.steps)
    assert_array_equal(one.policy, other.policy)
    assert set(one.trace) == set(other.trace)
    for name, value in one.trace.items():
        assert_array_equal(value, other.trace[name], err_msg=name)
    for name, value in vars(one.state).items():
        assert_array_equal(value, getattr(other.state, name), err_msg=name)
    if one.trajectory is not None and trajectories:
        assert_array_equal(one.trajectory.states, other.trajectory.states)
        assert_array_equal(one.trajectory.actions, other.trajectory.actions)
