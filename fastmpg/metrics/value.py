"""V_i(rho) = sum_s rho(s) V_i(s), every player's value from the initial law."""

from ..machine import unit
from .metric import Metric


@unit
def write(frame, row):
    """The values' mean under the initial law."""
    initial, value = frame.desk.model.initial, frame.desk.value
    for i in range(value.shape[0]):
        total = 0.0
        for s in range(value.shape[1]):
            total += initial[s] * value[i, s]
        frame.out[row, i] = total


METRIC = Metric("value", ("N",), "value V(ρ)", write)
