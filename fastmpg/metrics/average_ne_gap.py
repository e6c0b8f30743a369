"""The NE-gap of the average policy so far: what is near equilibrium where last iterates go round."""

from __future__ import annotations

from ..machine import unit
from .gaps import gaps
from .metric import Metric


@unit
def write(frame, row):
    """The gaps of all players, the average policy on the desk."""
    desk = frame.desk
    gaps(desk.model, desk, desk.policy, 0.0, desk.value, frame.out[row])


METRIC = Metric("average_ne_gap", ("N",), "NE-gap of the average policy", write, differences=True, of="average_policy")
