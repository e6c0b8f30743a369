"""The profit gains of Calvano et al. (2020) over their grid of learning rates, point by point into a folder.

The bounds of the grid, alpha from .025 to .25 and beta up to 2e-5, are remembered, not read.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from .. import plot
from ..games.pricing import pricing
from ..machine import threads
from .calvano2020 import STAGES, draw_grid, sessions


def main(arguments: list[str] | None = None) -> None:
    """The paper's grid, point by point into a folder; what is there already is not run again."""
    parser = argparse.ArgumentParser(prog="python -m fastmpg.experiments._calvano_grid", description=main.__doc__)
    parser.add_argument("folder")
    parser.add_argument("--points", type=int, default=100, help="along each axis (default: 100)")
    parser.add_argument("--sessions", type=int, default=1000, help="at every point (default: 1000)")
    options = parser.parse_args(arguments)
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    alphas = np.linspace(0.025, 0.25, options.points)
    betas = np.linspace(2e-5 / options.points, 2e-5, options.points)
    gain, game, spent, made = np.full((alphas.size, betas.size), np.nan), pricing(), 0.0, 0.0
    # stages a session: its exploration has to fade, which takes some 7 / beta of them
    work = np.broadcast_to(7.0 / betas + STAGES, gain.shape) * options.sessions
    left = float(work.sum())
    print(f"{options.points} x {options.points} points, {left:.2g} stages if none is there yet; at 3e7 stages a second "
          f"and thread {left / 3e7 / 3600 / threads():.1f} h with {threads()} threads", flush=True)
    # from fast points to slow ones
    for j in range(betas.size - 1, -1, -1):
        for i in range(alphas.size):
            file = folder / f"{options.points}-{options.sessions}-{i}-{j}.npy"
            if file.exists():
                gain[i, j] = np.load(file).mean()
            else:
                began = time.perf_counter()
                each = sessions(game, options.sessions, float(alphas[i]), float(betas[j]), seed=i * betas.size + j).gain
                spare = file.with_suffix(".part.npy")
                np.save(spare, each)
                os.replace(spare, file)
                gain[i, j] = each.mean()
                spent, made = spent + time.perf_counter() - began, made + float(work[i, j])
            left -= float(work[i, j])
            rest = f"{left * spent / made / 3600:.1f} h left" if made else ""
            print(f"alpha {alphas[i]:.4f} beta {betas[j]:.2e}: {gain[i, j]:.3f}   {rest}", flush=True)
    print(plot.save(draw_grid(gain, alphas, betas), folder / "grid.png"))


if __name__ == "__main__":
    main()
