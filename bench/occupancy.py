"""Forward-backward sweeps of occupancy games: from four players at a junction to a thousand on a 100 x 100 grid.

``python -m bench.occupancy`` prints what a sweep costs by player, cell and step, on one thread, all in one process, in
turns: per cell that a player can be in by then, which is what is swept, and per cell of the map.
"""

import argparse
import functools
import time

import numpy as np

import fastmpg as fm
from fastmpg import machine
from fastmpg.kernels.occupancy import sum_crowd, sweep_players
from fastmpg.machine import fanned
from fastmpg.solvers._occupancy import OccupancyPlan, prepared

SIDE = 100


def grid(side):
    """Next states on a square grid: right, stay, down, left, up; -1 beyond its edges."""
    x = np.arange(side * side).reshape(side, side)
    to = np.full((side, side, 5), -1)
    to[:, :-1, 0], to[:, :, 1], to[:-1, :, 2], to[:, 1:, 3], to[1:, :, 4] = x[:, 1:], x, x[1:], x[:, :-1], x[:-1]
    return to.reshape(-1, 5)


@functools.lru_cache(2)
def crowd(players, side=SIDE):
    """Players who want to be elsewhere; starts are spread evenly: games of all sizes reach as much of the map."""
    spread = (np.arange(players) + 0.5)[:, None] * [0.7548776662466927, 0.5698402909980532] % 1.0
    start = (spread * side).astype(int) @ [side, 1]
    goals = np.random.default_rng(1).integers(0, side * side, players)
    row, column = np.divmod(np.arange(side * side), side)
    rewards = -(np.abs(row - goals[:, None] // side) + np.abs(column - goals[:, None] % side)) / side
    return fm.OccupancyGame(grid(side), rewards, start, mu=1.0)


class Sweeps:
    """Sweeps of a game, one a call."""

    def __init__(self, game, horizon):
        plan = OccupancyPlan(horizon, 1.0, "mean", 1.0, "with_psi", 1e-10)
        self.game, self.horizon = game, horizon
        _, self.sweep = prepared(game, plan, None)
        self.parts = [fanned(unit.bind(self.sweep), self.sweep.shares) for unit in (sweep_players, sum_crowd)]
        self.map = game.num_players * game.num_states * horizon
        self.reached = int(self.sweep.place[-1, self.horizon])
        self()  # compile, and touch the memory

    def __call__(self):
        with machine.parallel_region(self.sweep.shares > 1):
            for part in self.parts:
                part(0)


class Grid:
    """A sweep of many players on one map."""

    params = [[4, 32, 250, 1000], [20, 60]]
    param_names = ["players", "horizon"]
    rounds, repeat, number = 1, (2, 5, 20.0), 1
    timeout = 600

    def setup(self, players, horizon):
        fm.set_threads(1)
        self.sweeps = Sweeps(crowd(players), horizon)

    def time_sweep(self, *_):
        self.sweeps()

    def track_player_cell_step(self, *_):
        """Nanoseconds."""
        return least(self.sweeps, 3) / self.sweeps.reached * 1e9

    track_player_cell_step.unit = "ns"

    def peakmem_sweep(self, *_):
        self.sweeps()


class Driving:
    """The junction, solved."""

    def setup(self):
        self.game = fm.games.driving()
        fm.solvers.mge_fb(self.game, 12)

    def time_solve(self):
        fm.solvers.mge_fb(self.game, 12)


def least(sweeps, count):
    """Seconds of the fastest of so many sweeps, by the processor's clock."""
    found = []
    for _ in range(count):
        began = time.process_time()
        sweeps()
        found.append(time.process_time() - began)
    return min(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--players", default="4,16,64,250,1000", help="on the grid")
    parser.add_argument("--horizon", type=int, default=20)
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    fm.set_threads(1)
    cases = {"junction, 4 players": Sweeps(fm.games.driving(), 12)}
    for players in map(int, given.players.split(",")):
        cases[f"{SIDE} x {SIDE}, {players} players"] = Sweeps(crowd(players), given.horizon)
    best = dict.fromkeys(cases, np.inf)
    for _ in range(given.turns):
        for name, sweeps in cases.items():
            best[name] = min(best[name], least(sweeps, max(1, int(2e6) // sweeps.reached)))
    print(f"{'':26}{'a sweep':>12}{'ns a reached':>15}{'ns a cell':>12}{'bytes a reached':>18}")
    for name, sweeps in cases.items():
        each = sweeps.sweep
        size = sum(a.nbytes for a in (each.occupancy, each.cells, each.counts, each.place))
        print(f"{name:26}{best[name] * 1e3:9.3f} ms{best[name] / sweeps.reached * 1e9:15.1f}"
              f"{best[name] / sweeps.map * 1e9:12.2f}{size / sweeps.reached:18.2f}")
    flat = [best[name] / sweeps.reached for name, sweeps in cases.items() if sweeps.game.num_states == SIDE**2]
    print(f"on the grid, largest over smallest: {max(flat) / min(flat):.2f}")


if __name__ == "__main__":
    main()
