"""The published experiments, one file a paper: found here by themselves, so that adding one touches no list.

An experiment is a function under the decorator :func:`fastmpg.experiments.experiment.experiment`; ``catalogue`` maps
the name of each to its :class:`~fastmpg.experiments.experiment.Experiment`. ``fastmpg reproduce`` runs them.
"""

from .._discover import modules
from .experiment import Experiment

catalogue: dict[str, Experiment] = {
    value.name: value for module in modules(__name__, __path__) for value in vars(module).values()
    if isinstance(value, Experiment) and value.run.__module__ == module.__name__}
