"""pygambit as tests ask it, up to 16 and from 17 on."""

import numpy as np


def made(payoffs):
    """Its game of these tables."""
    import pygambit

    kind = pygambit.Game if hasattr(pygambit.Game, "from_arrays") else pygambit.StrategicGame
    return kind.from_arrays(*np.asarray(payoffs))


def equilibria(result):
    """What a solver of its found, as profiles."""
    return result.equilibria if hasattr(result, "equilibria") else [result.equilibrium]


def shares(game, profile):
    """All probabilities of a profile, player by player."""
    if hasattr(game, "get_strategies"):
        return np.array([float(profile[player][strategy]) for player in game.players
                         for strategy in game.get_strategies(player)])
    return np.array([float(profile[strategy]) for player in game.players for strategy in player.strategies])
