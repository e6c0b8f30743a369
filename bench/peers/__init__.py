"""Side-by-side comparisons with what a user would otherwise run: ``python -m bench.peers [NAME ...]``."""
