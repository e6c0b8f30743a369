"""Arrays in, arrays out: compiled functions that know no game."""
