"""M(pi) = max_s 1 / d(s), as it is recorded: Zhang et al. (2022), eq. (7)."""

from ..machine import unit
from .concentration import mismatch_of
from .metric import Metric


@unit
def write(frame, row):
    """One over the least visitation."""
    frame.out[row] = mismatch_of(frame.desk.visit)


METRIC = Metric("mismatch", (), "mismatch M(π)", write, visits=True)
