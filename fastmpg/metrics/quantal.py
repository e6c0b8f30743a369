"""QRE-gap_i: the NE-gap where every player's stage payoff is r_i + tau H(pi_i(. | s)): Sun et al. (2024), eq. (4)."""

from ..machine import unit
from .gaps import gaps, values_at
from .metric import Metric


@unit
def early(frame):
    """The values at the temperature."""
    desk = frame.desk
    values_at(desk.model, desk, desk.policy, frame.tau, frame.scratch)


@unit
def write(frame, row):
    """The gaps of all players, from entropy-regularised best responses."""
    desk = frame.desk
    gaps(desk.model, desk, desk.policy, frame.tau, frame.scratch, frame.out[row])


METRIC = Metric("qre_gap", ("N",), "QRE-gap", write, early, scratch=("N", "S"))
