"""The 2-norm of all players' gradients in their softmax parameters, as it is recorded: Zhang et al. (2022), eq. (4)."""

from ..machine import unit
from .gradient import gradient_into, norm
from .metric import Metric


@unit
def write(frame, row):
    """The norm of the gradient, which is left in the scratch table."""
    desk = frame.desk
    gradient_into(desk.value, desk.q_bar, desk.visit, desk.policy, desk.offset, desk.discount, frame.scratch)
    frame.out[row] = norm(frame.scratch)


METRIC = Metric("grad_norm", (), "gradient norm ‖∇V‖₂", write, visits=True, scratch=("S", "A"))
