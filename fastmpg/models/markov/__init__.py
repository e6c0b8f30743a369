"""Markov games from tables over joint actions, dense or sparse."""
