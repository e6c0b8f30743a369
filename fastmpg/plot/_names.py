"""What players, states and actions are called in pictures: their names, or numbers; and what runs a result has."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..run.result import Result


class Labels:
    """Of a game, or of a result, which knows them too."""

    def __init__(self, source: Any) -> None:
        if isinstance(source, Game):
            self.num_actions, names = list(source.num_actions), source.names.lists() if source.names else {}
            self.num_states, self.title = source.num_states, source.name
        elif isinstance(source, Result):
            told = source.about.get("game", {}).get("num_actions")
            if not told:
                raise ValueError("game must be given: this result was saved by an older version, and does not say how "
                                 "many actions its players have")
            self.num_actions, names = [int(n) for n in told], source.about.get("names") or {}
            self.num_states, self.title = source.policy.shape[-2], source.game
        else:
            raise TypeError(f"game must be a fastmpg game, or a result, found {_check.shown(source)}")
        self.names: dict[str, Any] = names
        self.edges = np.cumsum([0, *self.num_actions])

    def player(self, i: int) -> str:
        """Player i."""
        return self.names["players"][i] if "players" in self.names else f"player {i}"

    def state(self, s: int, short: bool = False) -> str:
        """State s."""
        return self.names["states"][s] if "states" in self.names else str(s) if short else f"state {s}"

    def action(self, i: int, a: int, short: bool = False) -> str:
        """Action a of player i."""
        return self.names["actions"][i][a] if "actions" in self.names else str(a) if short else f"action {a}"


def number(value: Any) -> str:
    """A coordinate for a legend or a tick."""
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def varied(result: Result) -> list[str]:
    """Run axes along which parameters vary."""
    return [name for name, count in zip(result.dims, result.policy.shape[:-2], strict=True)
            if count > 1 and name != "run"]


def along(result: Result, name: str) -> Any:
    """The values along a run axis; its numbers where there are none."""
    if name not in result.dims:
        raise ValueError(f"there is no run axis {_check.shown(name)}: this result has "
                         f"{', '.join(result.dims) or 'a single run'}")
    return result.coords.get(name, np.arange(result.policy.shape[result.dims.index(name)]))


def titled(result: Result) -> str:
    """The rule without the parameters that vary, which axes and legends show."""
    told = result.about.get("rule")
    if not told:
        return result.rule
    kept = ", ".join(f"{name}={value!r}" for name, value in told["parameters"].items() if name not in result.coords)
    return f"{told['name']}({kept})"
