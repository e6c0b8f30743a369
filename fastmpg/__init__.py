"""Compiled kernels for tabular Markov games, and Markov potential games above all.

game -> evaluate -> rule -> record -> result: build a game, pick a rule, let it learn, and ask how far it is from
equilibrium. Importing compiles nothing; every kernel compiles on its first call and is cached on disk.
"""

from . import games, metrics, rules, solvers, theory
from ._jit import set_threads
from ._jit import user_kernel as kernel
from .evaluate import Evaluation, Oracle, evaluate
from .learn import Snapshot, ensemble, learn, resume
from .metrics import nash_regret, ne_gap, qre_gap
from .models.counts import CountGame, count_vectors
from .models.game import Game
from .models.markov import MarkovGame
from .models.moves import product_transitions
from .models.normal_form import NormalFormGame
from .models.polymatrix import PolymatrixGame
from .models.simulator import SimulatorGame
from .policy import join, random_policy, split, uniform_policy
from .record import Record
from .respond import best_response
from .result import Diverged, Interrupted, Result
from .rollouts import Rollouts
from .rules.state import SoftmaxState, TableState
from .simulate import Transition
from .trajectory import Trajectory

__version__ = "0.1.0"
