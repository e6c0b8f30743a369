"""Benchmarks: asv suites beside this file, pytest-benchmark in test_kernels.py, side-by-side comparisons in peers.

The kernel cache is keyed by a hash of the package's sources, so an older commit's code cannot be timed by mistake.
"""
