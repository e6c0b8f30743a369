"""Ratios in one process, runs interleaved, medians and spread: ``python -m bench.peers [iteration] [static] [read]
[simulate] [linear] [counts]
[pricing]``.

BLAS gets one thread: on these shapes NumPy is no faster with two, and their waiting would slow whatever is timed next.
"""

import argparse
import os
import platform
import time
from functools import partial
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import numpy as np

import fastmpg as fm
from bench import workloads
from bench.peers import numba_linear_rollouts, numba_q_learning, numba_two_timescale, numpy_chains, numpy_natural
from fastmpg.kernels.vector import dot
from fastmpg.machine import unit
from fastmpg.models.game import contract


def machine():
    """The processor, the width of its vectors as compiled code uses them, and the threads, in a line."""
    from llvmlite import binding
    from numba.core import codegen, config

    features = config.CPU_FEATURES if config.CPU_FEATURES is not None else codegen.get_host_cpu_features()
    on = {each[1:] for each in features.split(",") if each.startswith("+")}
    width = 512 if "avx512f" in on else 256 if "avx" in on else 128
    name = config.CPU_NAME or binding.get_host_cpu_name()
    return (f"{name} on {platform.machine()}, {width}-bit vectors{'' if 'fma' in on or width == 512 else ', no FMA'}, "
            f"{numba.config.NUMBA_NUM_THREADS} threads; numba {numba.__version__}, numpy {np.__version__}")


def interleave(functions, seconds):
    """{name: array of times}: the functions in turn until the time is spent, at least seven rounds."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(next(iter(times.values()))) < 7:
        for name, function in functions.items():
            start = time.perf_counter()
            seconds_inside = function()
            whole = time.perf_counter() - start
            times[name].append(seconds_inside if isinstance(seconds_inside, float) else whole)
    return {name: np.array(values) for name, values in times.items()}


def ratio(slow, fast):
    """Median of the ratios pair by pair, and their quartiles."""
    low, middle, high = np.percentile(slow / fast, [25, 50, 75])
    return f"{middle:5.1f}x [{low:.1f}, {high:.1f}]"


def repeat(step, start, count):
    """A few steps in a row, as in a run: the tables are then as warm as they get."""
    for _ in range(count):
        result = step(start)
    return result


def microseconds(times, steps=1):
    low, middle, high = np.percentile(times, [25, 50, 75]) / steps * 1e6
    return f"{middle:9.2f} us [{low:.2f}, {high:.2f}]"


def iteration(seconds):
    """Natural gradient iteration with the NE-gap, against NumPy."""
    print("natural-gradient iteration with the NE-gap (players, actions, states), distinct rewards")
    for size in workloads.SIZES.values():
        game = workloads.game(*size)
        start = fm.split(game, workloads.policy(game))
        steps = max(5, 200_000 // game.work_size)
        rule = fm.rules.NaturalGradientPlay(0.01)
        peers = {"chains": numpy_chains, "best": numpy_natural}
        tables = (game.rewards, game.transitions, game.discount, game.initial, 0.01)
        runs = {name: partial(repeat, module.NaturalGradient(*tables).step, start, 5) for name, module in peers.items()}
        for n in (1, 2):
            if n <= numba.config.NUMBA_NUM_THREADS:
                runs[f"{n} thread{'s' * (n > 1)}"] = workloads.Iterations(game, rule, steps, threads=n)
        runs["float32"] = workloads.Iterations(workloads.in_single(game), rule, steps, threads=1)
        exact = fm.ne_gap(game, workloads.policy(game))
        for name in peers:
            assert np.allclose(runs[name]()[1], exact, atol=1e-9)
        found = interleave(runs, seconds)
        found |= {name: found[name] / 5 for name in peers}
        print(f"{size!s:>13}  NumPy chains {microseconds(found['chains'])}  NumPy best {microseconds(found['best'])}")
        for name in runs:
            if name not in peers:
                print(f"{'':>13}  {name:>9} {microseconds(found[name], steps)}   chains/ours "
                      f"{ratio(found['chains'], found[name] / steps)}   best/ours "
                      f"{ratio(found['best'], found[name] / steps)}")


def read(seconds):
    """The contraction against a plain read of P."""
    print("contraction of rewards and P for all players, against one read of P in double precision (a dot product with "
          "itself)")
    for size in workloads.SIZES.values():
        game = workloads.game(*size)
        table, row = game.model.transitions.ravel(), workloads.policy(game)
        works = {f"{n} thread{'s' * (n > 1)}": (game, game.workspace(n)) for n in (1, 2)
                 if n <= numba.config.NUMBA_NUM_THREADS}
        single = workloads.in_single(game)
        works["float32"] = (single, single.workspace(1))
        reps = max(1, 100_000 // game.work_size)
        runs = {"read": partial(many_reads.bind(Read(table, np.zeros(1))), reps)}
        runs |= {name: partial(many_contractions.bind(Pass(each.held, work, row)), reps)
                 for name, (each, work) in works.items()}
        found = interleave(runs, seconds)
        line = "   ".join(f"{name} {microseconds(found[name], reps)} {ratio(found[name], found['read'])}"
                          for name in works)
        print(f"{size!s:>13}  read {microseconds(found['read'], reps)}   {line}")


class Read(NamedTuple):
    """A table, and where the sum of its squares goes."""

    table: Any
    out: Any


class Pass(NamedTuple):
    """What a contraction takes."""

    model: Any
    work: Any
    policy: Any


@unit
def many_reads(read, reps):
    """``reps`` plain reads of a table."""
    for _ in range(reps):
        read.out[0] += dot(read.table, read.table)


@unit
def many_contractions(each, reps):
    """``reps`` contractions."""
    for _ in range(reps):
        contract(each.model, each.work, each.policy)


def static(seconds):
    """Sun et al.'s 3 x 4 x 5 game, entropy-regularised natural gradient, in one run."""
    steps, eta, tau = 10_000, 0.1, 0.1
    game = fm.games.random_normal_form((3, 4, 5))
    start = workloads.policy(game)
    rule = fm.rules.EntropyNaturalGradientPlay(eta, tau)
    runs = {"fastmpg": workloads.Iterations(game, rule, steps, gap=False)}
    expected = fm.split(game, fm.learn(game, rule, steps, policy=start, record=fm.Record(every=steps)).policy)
    try:
        from bench.peers.jax_scan import runner

        runs["jax.lax.scan"], first = runner(game.payoffs, [p[0] for p in fm.split(game, start)], eta, tau, steps)
        assert all(np.allclose(a[0], b, atol=1e-10) for a, b in zip(expected, first, strict=True))
    except ImportError:
        print("jax is not installed: compared with nothing")
    found = interleave(runs, seconds)
    for name, times in found.items():
        extra = "" if name == "fastmpg" else f"   {name}/fastmpg {ratio(times, found['fastmpg'])}"
        print(f"3x4x5 static game, {steps} steps in one run, an iteration: {name} {microseconds(times, steps)}{extra}")


def simulate(seconds):
    """Two-timescale Q-learning on the routing game S2 against plain numba; then how it grows with the players."""
    steps, tau = 20_000, 1e-6
    print(f"two-timescale Q-learning, routing game, tau {tau:g}, {steps} steps a run: ns a step of all players")
    for players in (4, 8):
        game = fm.games.routing(players)
        tables = (np.ascontiguousarray(game.rewards.reshape(players, 4, -1)),
                  np.ascontiguousarray(game.transitions.reshape(4, -1, 4)))
        plain = partial(numba_two_timescale.run, *tables, np.array(game.num_actions), game.offset, game.discount, tau,
                        0.6, 1.0, 1.0, steps)
        runs = {"plain numba": partial(plain, 0), "single": workloads.Simulation(game, tau, steps),
                "single, by counts": workloads.Simulation(fm.games.routing(players, form="count"), tau, steps),
                "64 runs": workloads.Simulation(game, tau, steps, 64)}
        runs["64 runs, by counts"] = workloads.Simulation(fm.games.routing(players, form="count"), tau, steps, 64)
        if numba.config.NUMBA_NUM_THREADS > 1:
            runs["64 runs, 2 threads"] = workloads.Simulation(game, tau, steps, 64, 2)
        try:
            from bench.peers.jax_simulation import runner

            runs["JAX, 64 runs"] = runner(*tables, game.num_actions, game.discount, tau, (0.6, 1.0), 64, steps)
        except ImportError:
            print("jax is not installed: it does not stand beside")
        found = interleave({name: _timed(run) for name, run in runs.items()}, seconds)
        found = {name: value / (64 if "64" in name else 1) for name, value in found.items()}
        for name, value in found.items():
            low, middle, high = np.percentile(value, [25, 50, 75]) / steps * 1e9
            more = "" if name == "plain numba" else f"   plain/ours {ratio(found['plain numba'], value)}"
            spread, rate = f"{middle:8.1f} [{low:.1f}, {high:.1f}]", f"{1e3 / middle:6.1f} million steps a second"
            print(f"{players:>6} players  {name:>18} {spread}   {rate}{more}")
        if "64 runs, 2 threads" in found:
            print(f"{'':>14}  one thread / two {ratio(found['64 runs'], found['64 runs, 2 threads'])}")
    print("ns a player-step, single run, by counts")
    for players in (4, 8, 16, 100, 1000):
        steps_here = max(500, 400_000 // players)
        found = interleave({"run": workloads.Simulation(fm.games.routing(players, form="count"), tau, steps_here)},
                           seconds / 5)["run"]
        low, middle, high = np.percentile(found, [25, 50, 75]) / steps_here / players * 1e9
        print(f"{players:>6} players  {middle:6.2f} [{low:.2f}, {high:.2f}]")


def linear(seconds):
    """A round of linear Q-ascent, regression and step included, against the samples of plain numba alone."""
    import resource

    count, exploration = 100_000, 0.05
    print(f"linear Q-ascent, {count} samples a player and round: ns a step of a sample of all players")
    for players, actions, states, discount in ((2, 2, 2, 0.5), (2, 3, 10, 0.9), (4, 4, 20, 0.9), (2, 4, 100, 0.95)):
        game = fm.games.random_markov(states, (actions,) * players, discount, rng=1)
        tables = (np.ascontiguousarray(game.rewards.reshape(players, states, -1)),
                  np.ascontiguousarray(game.transitions.reshape(states, -1, states)), game.initial,
                  fm.uniform_policy(game), np.array(game.num_actions), game.offset, discount, exploration)
        rule = fm.rules.LinearQAscent(1e-6, count, exploration=exploration)
        runs = {"plain numba": partial(numba_linear_rollouts.sample, *tables, 0, count, 0)}
        for threads in range(1, min(2, numba.config.NUMBA_NUM_THREADS) + 1):
            fm.set_threads(threads)  # a run has as many shares as there were threads when it was made
            runs[f"{threads} thread{'s' * (threads > 1)}"] = workloads.Simulation(game, rule, 1)
        found = interleave({name: _timed(run) for name, run in runs.items()}, seconds)
        found = {name: value / (1 if name == "plain numba" else players) for name, value in found.items()}
        steps = count * (1 + 2 * discount / (1 - discount))
        for name, value in found.items():
            low, middle, high = np.percentile(value, [25, 50, 75]) / steps * 1e9
            more = "" if name == "plain numba" else f"   plain/ours {ratio(found['plain numba'], value)}"
            print(f"{(players, actions, states)!s:>12}, discount {discount:.2f}  {name:>11} {middle:6.1f} [{low:.1f}, "
                  f"{high:.1f}]{more}")
    game, grown = fm.games.random_markov(10, (3, 3), 0.9, rng=1), []
    for size in (10_000, 1_000_000, 4_000_000):
        fm.learn(game, fm.rules.LinearQAscent(1e-6, size), 1, rng=0, record=fm.Record(metrics=("policy",)))
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"MiB at most, rounds of 10^4, 10^6 and 4 10^6 samples a player: {', '.join(f'{x:.1f}' for x in grown)}")


def counts(seconds):
    """Routing by counts, one natural-gradient iteration with all NE-gaps: how it grows with players and links."""
    from fastmpg._check import gib
    from fastmpg.models.markov.game import dense_bytes

    print("natural-gradient iteration with all NE-gaps, routing by counts, all policies distinct; bytes against those "
          "of the dense model")
    grown = {}
    for links, crowd in ((2, (10, 30, 100, 300, 1000)), (3, (10, 30, 100)), (4, (10, 20, 50))):
        for players in crowd:
            game = fm.games.routing(players, links, form="count")
            steps = max(1, int(0.02 / 1e-9 / max(1, game.work_size)) if game.work_size < 10**6 else 1)
            many = [n for n in (1, 2) if n <= numba.config.NUMBA_NUM_THREADS]
            runs = {n: workloads.Iterations(game, fm.rules.NaturalGradientPlay(0.01), steps, threads=n) for n in many}
            found = {n: times / steps for n, times in interleave(runs, seconds / 5).items()}
            own = game.nbytes + game.workspace_bytes(2)
            dense = dense_bytes(game.num_states, game.num_actions, players)
            grown[links, players] = np.median(found[many[-1]])
            line = "   ".join(f"{n} thread{'s' * (n > 1)} {microseconds(times)}" for n, times in found.items())
            print(f"{players:>6} players, {links} links  {line}   {gib(own):>9}, dense {gib(dense)}")
    return grown


def draw_counts(grown, path):
    """The growth as a figure."""
    from fastmpg import plot

    sheet, axes = plot.figure(size=(5.6, 4.0), title="routing by counts: one iteration with all NE-gaps")
    for links in sorted({key[0] for key in grown}):
        crowd = sorted(key[1] for key in grown if key[0] == links)
        axes[0, 0].loglog(crowd, [1e3 * grown[links, n] for n in crowd], "o-", label=f"{links} links")
    axes[0, 0].set_xlabel("players")
    axes[0, 0].set_ylabel("milliseconds")
    axes[0, 0].legend()
    plot.save(sheet, path)
    print(path)


def pricing(seconds):
    """Q-learners that set prices, whole sessions, against plain numba and plain Python: seconds a stage."""
    game, market = fm.games.pricing(), fm.theory.logit_market()
    rule = fm.rules.IndependentQLearning(0.15, ("exponential", 4e-6), "uniform_opponents")
    first = np.stack(fm.split(game, np.array(game.rewards_against_uniform()))) / (1 - game.discount)
    profit, stand, most = market.mean_profits.copy(), 100_000, 10**8
    end, until = fm.Record(steps=[most], metrics=()), fm.Unchanged(stand)

    def peer(function, last):
        began = time.perf_counter()
        stages, _ = function(profit, first.copy(), 0.15, 4e-6, 0.95, stand, last, 1)
        return (time.perf_counter() - began) / stages

    def single():
        began = time.perf_counter()
        stages = fm.learn(game, rule, most, rng=1, record=end, until=until).steps
        return (time.perf_counter() - began) / stages

    def many(threads):
        began = time.perf_counter()
        stages = fm.ensemble(game, rule, most, 64, rng=1, record=end, until=until, threads=threads).steps.sum()
        return (time.perf_counter() - began) / stages

    print("Q-learners that set prices, sessions until they settle: a stage of both firms")
    runs = {"numba": partial(peer, numba_q_learning.run, most), "single": single, "64 sessions": partial(many, 1)}
    if numba.config.NUMBA_NUM_THREADS > 1:
        runs["64 sessions, two threads"] = partial(many, 2)
    found = interleave(runs, seconds)
    plain = np.array([peer(numba_q_learning.python, 20_000) for _ in range(3)])
    for name, times in found.items():
        extra = "" if name == "numba" else (f"   numba/ours {ratio(found['numba'], times)}   plain Python/ours "
                                            f"{np.median(plain) / np.median(times):.0f}x")
        print(f"{name:>25} {1e9 * np.median(times):7.1f} ns{extra}")
    if "64 sessions, two threads" in found:
        print(f"two threads against one: {ratio(found['64 sessions'], found['64 sessions, two threads'])}")
    print(f"plain Python {1e6 * np.median(plain):.1f} us")


def _timed(function):
    """Its own seconds where it tells them."""
    return function if isinstance(function, workloads.Simulation) else (lambda: function() and None)


if __name__ == "__main__":
    parts = {"iteration": iteration, "read": read, "static": static, "simulate": simulate, "linear": linear,
             "counts": counts, "pricing": pricing}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*parts, []], help="default: all")
    parser.add_argument("--seconds", type=float, default=3.0, help="per comparison")
    parser.add_argument("--plot", metavar="FILE", help="draw what `counts` finds")
    options = parser.parse_args()
    print(machine())
    for part in options.part or parts:
        outcome = parts[part](options.seconds)
        if part == "counts" and options.plot:
            draw_counts(outcome, options.plot)
