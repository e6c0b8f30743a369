"""c(pi) = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s), as it is recorded: Zhang et al. (2022), eq. (7)."""

from ..machine import unit
from .concentration import greedy_mass
from .metric import Metric


@unit
def write(frame, row):
    """The least mass on best actions."""
    frame.out[row] = greedy_mass(frame.desk.q_bar, frame.desk.policy, frame.desk.offset)


METRIC = Metric("c", (), "c(π), mass on best actions", write)
