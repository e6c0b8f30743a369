"""Anonymous games: what happens depends on how many players choose each action, not on who."""
