"""Finite horizons: T decisions at t = 0 .. T - 1 by policies (T, S, A_total) that may depend on t, discount up to 1."""
