"""NE-gap_i = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi): Zhang et al. (2022), Definition 1."""

from ..machine import unit
from .gaps import gaps
from .metric import Metric


@unit
def write(frame, row):
    """The gaps of all players, from best responses."""
    desk = frame.desk
    gaps(desk.model, desk, desk.policy, 0.0, desk.value, frame.out[row])


METRIC = Metric("ne_gap", ("N",), "NE-gap", write)
