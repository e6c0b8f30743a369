"""Compiled kernels for tabular Markov games, and Markov potential games above all.

game -> evaluate -> rule -> record -> result: build a game, pick a rule, let it learn, and ask how far it is from
equilibrium. Importing compiles nothing; every kernel compiles on its first call and is cached on disk.
"""

from typing import TYPE_CHECKING, Any

from . import games, io, metrics, potential, rules, solvers, theory
from ._discover import listing as _listing
from .feedback.critic import Critic
from .feedback.joint_transition import JointTransition
from .feedback.oracle import Oracle
from .feedback.rollouts import Rollouts
from .feedback.samples import Samples
from .feedback.transition import Transition
from .horizon.evaluate import HorizonEvaluation, evaluate_horizon
from .horizon.play import HorizonPlay, play_horizon
from .horizon.response import best_response_horizon, ne_gap_horizon
from .machine import set_threads
from .machine import user_kernel as kernel
from .metrics._interval import Interval
from .metrics.best_response import best_response
from .metrics.evaluation import Evaluation, evaluate
from .metrics.nash_regret import nash_regret
from .metrics.ne_gap import ne_gap
from .metrics.qre_gap import qre_gap
from .models.counts.game import CountGame
from .models.counts.vectors import count_vectors
from .models.custom import CustomGame
from .models.game import Game
from .models.markov.game import MarkovGame
from .models.markov.moves import product_transitions
from .models.names import Names
from .models.normal_form import NormalFormGame
from .models.occupancy.game import OccupancyGame
from .models.polymatrix import PolymatrixGame
from .models.simulator import SimulatorGame
from .policy import join, random_policy, split, uniform_policy
from .rules.state import SoftmaxState, TableState
from .run.drive import Snapshot
from .run.ensemble import ensemble
from .run.learn import learn
from .run.linear_policy import linear_policy
from .run.memory import Memory, memory
from .run.record import Record
from .run.result import Diverged, Interrupted, Result
from .run.resume import resume
from .run.stability import Stability, stability
from .run.sweep import Sweep, SweepInterrupted, sweep
from .run.trajectory import Trajectory
from .run.until import Below, Unchanged

if TYPE_CHECKING:
    from . import plot as plot

__all__ = [
    "Below",
    "CountGame",
    "Critic",
    "CustomGame",
    "Diverged",
    "Evaluation",
    "Game",
    "HorizonEvaluation",
    "HorizonPlay",
    "Interrupted",
    "Interval",
    "JointTransition",
    "MarkovGame",
    "Memory",
    "Names",
    "NormalFormGame",
    "OccupancyGame",
    "Oracle",
    "PolymatrixGame",
    "Record",
    "Result",
    "Rollouts",
    "Samples",
    "SimulatorGame",
    "Snapshot",
    "SoftmaxState",
    "Stability",
    "Sweep",
    "SweepInterrupted",
    "TableState",
    "Trajectory",
    "Transition",
    "Unchanged",
    "best_response",
    "best_response_horizon",
    "count_vectors",
    "ensemble",
    "evaluate",
    "evaluate_horizon",
    "games",
    "io",
    "join",
    "kernel",
    "learn",
    "linear_policy",
    "memory",
    "metrics",
    "nash_regret",
    "ne_gap",
    "ne_gap_horizon",
    "play_horizon",
    "plot",
    "potential",
    "product_transitions",
    "qre_gap",
    "random_policy",
    "resume",
    "rules",
    "set_threads",
    "solvers",
    "split",
    "stability",
    "sweep",
    "theory",
    "uniform_policy",
]
__version__ = "0.1.0"
__dir__ = _listing(globals())


def __getattr__(name: str) -> Any:
    """``fastmpg.plot``, when it is first asked for."""
    if name == "plot":
        import importlib

        return importlib.import_module(".plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
