"""Games of players with states of their own, who meet through their occupancies: one :class:`.game.OccupancyGame`."""
