"""pygambit as tests ask it, up to 16 and from 17 on."""

from fractions import Fraction

import numpy as np


def made(payoffs):
    """Its game of these tables."""
    import pygambit

    kind = pygambit.Game if hasattr(pygambit.Game, "from_arrays") else pygambit.StrategicGame
    return kind.from_arrays(*np.asarray(payoffs))


def equilibria(result):
    """What a solver of its found, as profiles: none where it gave up."""
    found = result.equilibria if hasattr(result, "equilibria") else [result.equilibrium]
    return [each for each in found if each is not None]


def shares(game, profile):
    """All probabilities of a profile, player by player."""
    if hasattr(game, "get_strategies"):
        return np.array([float(profile[player][strategy]) for player in game.players
                         for strategy in game.get_strategies(player)])
    return np.array([float(profile[strategy]) for player in game.players for strategy in player.strategies])


def regrets(game, shares):
    """What every player could gain at a profile in fractions, as one."""
    mixed = game.mixed_strategy_profile(shares, rational=True)
    if hasattr(mixed, "player_regrets"):
        found = mixed.player_regrets
        return [Fraction(str(found[player])) for player in game.players]
    return [Fraction(str(mixed.player_regret(player))) for player in game.players]
