"""Rollouts and their estimates: replayed in plain NumPy, against exact truncated expectations, the same bits however
they are run."""

import itertools

import naive
import naive_numbers
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.feedback.rollouts import BLOCK, LONGEST, Rollouts, play
from fastmpg.kernels.rng import ACTIONS, ENVIRONMENT, START
from fastmpg.rules.state import TableState
from fastmpg.run import job
from fastmpg.run.run import run_key

RULE = fm.rules.MonteCarloGradientAscent
GAME = fm.games.random_markov(3, (2, 3), 0.8, rng=1)
TABLES = fm.Record(metrics=("policy",))
Z = 5.0  # standard errors that a mean may miss its expectation by: once in 1.7 million


def batch(game, policy, key, k, count, length):
    """The feedback after one batch."""
    feedback, _ = Rollouts.create(game, TableState(policy))
    feedback.key[:], feedback.iteration[0] = key, k
    play(feedback, TableState(policy), count, length)
    return feedback


def tables(feedback):
    """visits, returns, discounted with 0 in the rows that were not seen."""
    rows = feedback.order[:feedback.found[0]]
    assert np.unique(rows).size == rows.size
    out = np.zeros((3, *feedback.visits.shape))
    for plane, table in zip(out, (feedback.visits, feedback.returns, feedback.discounted), strict=True):
        plane[rows] = table[rows]
    return out


def chosen(u, row):
    """The entry of a probability row that a uniform number falls to."""
    return min(int(np.searchsorted(np.cumsum(row), u, side="right")), row.size - 1)


def replayed(game, policies, key, k, count, length):
    """The tables of one batch of a game that moves deterministically."""
    n, offset = game.num_players, game.offset
    out = np.zeros((3, game.num_states, int(offset[-1])))
    for rollout in range(k * count, (k + 1) * count):
        s, path = chosen(naive_numbers.uniform(key, rollout, 0, START), game.initial), []
        for t in range(length):
            joint = tuple(chosen(naive_numbers.uniform(key, rollout * length + t, i, ACTIONS), policies[i][s])
                          for i in range(n))
            path.append((s, joint, game.rewards[(slice(None), s, *joint)]))
            s = chosen(naive_numbers.uniform(key, rollout * length + t, 0, ENVIRONMENT), game.transitions[(s, *joint)])
        for t, (s, joint, _) in enumerate(path):
            for i in range(n):
                c = offset[i] + joint[i]
                to_go = sum(game.discount**(u - t) * path[u][2][i] for u in range(t, length))
                out[:, s, c] += 1.0, to_go, game.discount**t * to_go
    return out


def deterministic(rng, states, actions, discount):
    """A random game whose next state is certain: how the environment's numbers turn into states does not matter."""
    moves = np.eye(states)[rng.integers(0, states, (states, *actions))]
    return fm.MarkovGame(rng.normal(size=(len(actions), states, *actions)), moves, discount,
                         rng.dirichlet(np.ones(states)))


@pytest.mark.parametrize("actions, count, length",
                         [((2, 3), 3, 7), ((3, 2, 2), 2, BLOCK), ((2, 2), 2, 2 * BLOCK + 11), ((4,), 5, 1)])
def test_a_batch_is_replayed_from_its_draws(rng, actions, count, length):
    """Long rollouts, which are played again block by block, among them; iterations far beyond 32-bit counters too."""
    game = deterministic(rng, 4, actions, 0.9)
    policies = naive.random_policy(rng, actions, 4)
    key = [int(word) for word in run_key(np.random.SeedSequence(3))]
    for k in (0, 5, 2**33):
        feedback = batch(game, naive.join(policies), key, k, count, length)
        assert_allclose(tables(feedback), replayed(game, policies, key, k, count, length), rtol=1e-12, atol=1e-12)


def test_batches_follow_one_another_and_leave_nothing_behind(rng):
    game = deterministic(rng, 6, (2, 2), 0.7)
    policy, key = fm.random_policy(game, rng), run_key(np.random.SeedSequence(4))
    feedback, _ = Rollouts.create(game, TableState(policy))
    feedback.key[:] = key
    for k in range(20):
        feedback.iteration[0] = k
        play(feedback, TableState(policy), 1, 2)
        assert_array_equal(tables(feedback), tables(batch(game, policy, key, k, 1, 2)))


def test_nothing_is_drawn_twice():
    """The actions of 80 rollouts are those of 800 different numbers."""
    game = fm.NormalFormGame(np.arange(64.0).reshape(1, 64))
    key, seen = [int(word) for word in run_key(np.random.SeedSequence(5))], []
    for k, t in itertools.product(range(40), range(10)):
        for n in range(2):
            seen.append(naive_numbers.uniform(key, (2 * k + n) * 10 + t, 0, ACTIONS))
    assert len(set(seen)) == len(seen) == 800
    counts = np.zeros(64)
    for k in range(40):
        counts += tables(batch(game, fm.uniform_policy(game), key, k, 2, 10))[0, 0]
    assert_array_equal(counts, np.bincount((np.array(seen) * 64).astype(int), minlength=64))


# --------------------------------------------------------------------------------------------------------- estimates
def truncated(game, policies, length):
    """d/dpi_i(a|s) of the value of ``length`` steps: sum_t gamma^t P(s_t = s) Qbar_i of the steps left; (S, A_total)"""
    n, discount = len(policies), game.discount
    rewards = [naive.marginal_reward(game.rewards, policies, i) for i in range(n)]
    moves = [naive.marginal_transition(game.transitions, policies, i) for i in range(n)]
    chain = np.einsum("sa,sat->st", policies[0], moves[0])
    law, out = [np.asarray(game.initial)], []
    for _ in range(length - 1):
        law.append(law[-1] @ chain)
    for i in range(n):
        total, value = np.zeros_like(rewards[i]), np.zeros(game.rewards.shape[1])
        for t in range(length - 1, -1, -1):
            q = rewards[i] + discount * moves[i] @ value
            total += discount**t * law[t][:, None] * q
            value = (policies[i] * q).sum(axis=1)
        out.append(total)
    return naive.join(out)


CASES = {
    "dense": (fm.games.random_markov(3, (2, 3), 0.8, rng=1), 12),
    "three players": (fm.games.random_markov(4, (2, 1, 3), 0.9, rng=2), 6),
    "sparse": (fm.games.random_markov(5, (2, 3), rng=3, sparse=2), 9),
    "count": (fm.games.safe_distancing(3, (1, 2), 10.0, 0.9), 8),
    "count, nine": (fm.games.safe_distancing(9, (1, 2), 10.0, 0.9), 4), "one shot": (fm.games.zhang_3x2(), 1),
    "simulator": (fm.games.routing(3, form="simulator"), 5), "long": (GAME, BLOCK + 5),
}


@pytest.mark.compiled
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_s_estimate_has_the_truncated_gradient_as_its_mean(rng, name):
    """4 000 batches of two rollouts at one policy: entry by entry within Z standard errors of the samples."""
    game, length = CASES[name]
    model = fm.games.routing(3) if name == "simulator" else game.to_dense()
    policy = 0.8 * fm.random_policy(game, rng) + 0.2 * fm.uniform_policy(game)
    slow = naive.Game(np.broadcast_to(model.rewards, (game.num_players, *model.rewards.shape[1:])),
                      model.transitions, game.discount, model.initial)
    expected = truncated(slow, naive.split(policy, game.num_actions), length)
    key, state = run_key(np.random.SeedSequence(6)), TableState(policy)
    feedback, _ = Rollouts.create(game, state)
    feedback.key[:] = key
    samples = np.zeros((4000, *policy.shape))
    for k in range(samples.shape[0]):
        feedback.iteration[0] = k
        play(feedback, state, 2, length)
        samples[k] = tables(feedback)[2] / (2 * policy)
    error = samples.std(axis=0) / np.sqrt(samples.shape[0])
    assert (np.abs(samples.mean(axis=0) - expected) <= Z * error + 1e-12 * np.abs(expected).max()).all()
    assert (error <= 0.2 * np.abs(expected).max()).all(), "the test would see nothing"


def test_the_truncated_gradient_tends_to_the_gradient(rng):
    """The twin itself: for long rollouts d(s) Qbar / (1 - gamma)."""
    policy = fm.random_policy(GAME, rng)
    found = fm.evaluate(GAME, policy)
    slow = naive.Game(np.broadcast_to(GAME.rewards, (2, 3, 2, 3)), GAME.transitions, 0.8, GAME.initial)
    expected = found.visit[:, None] * np.asarray(found.q_bar) / 0.2
    assert_allclose(truncated(slow, naive.split(policy, (2, 3)), 150), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["gradient", "q"])
def test_a_step_is_the_estimate_projected(rng, kind):
    """One update of the rule from the tables, in plain NumPy; exploration as a floor; what was not seen stands."""
    game = fm.games.random_markov(6, (2, 4), 0.9, rng=4)
    policy = fm.random_policy(game, rng)
    policy[0] = [1.0, 0.0, 0.0, 0.5, 0.5, 0.0]
    for count, length, xi, eta in ((1, 2, 0.0, 0.05), (3, 5, 0.3, 0.02), (10, 40, 0.0, 1e-3)):
        rule = RULE(eta, count, length, kind, xi)
        result = fm.learn(game, rule, 1, policy=policy, rng=7, record=fm.Record(metrics=()))
        visits, returns, discounted = tables(batch(game, policy, run_key(np.random.SeedSequence(7)), 0, count, length))
        expected = policy.copy()
        for s, i in itertools.product(range(6), range(2)):
            at = (s, slice(int(game.offset[i]), int(game.offset[i + 1])))
            n, row = visits[at], policy[at].copy()
            if n.sum() == 0:
                continue
            if kind == "gradient":
                row[row > 0] += eta * discounted[at][row > 0] / (count * row[row > 0])
            else:
                row[n > 0] += eta * (returns[at][n > 0] / n[n > 0] - returns[at].sum() / n.sum())
            least = xi / row.size
            expected[at] = least + (1 - xi) * naive.project_simplex((row - least) / (1 - xi))
        assert_allclose(result.policy, expected, rtol=0, atol=1e-12)
        if length == 2:
            assert (visits.sum(axis=1) == 0).any(), "a row that was not seen"
        seen = visits.sum(axis=1) > 0
        assert (result.policy[seen] >= np.repeat([xi / 2, xi / 4], (2, 4)) - 1e-15).all()


@pytest.mark.compiled
def test_both_kinds_learn():
    """Identical interests at one state: nearly all mass on the best joint action's row."""
    game = fm.games.zhang_3x2()
    for kind in ("gradient", "q"):
        result = fm.ensemble(game, RULE(0.02, length=1, kind=kind, exploration=0.02), 2000, 8, rng=1)
        gap = result.trace["ne_gap"].max(axis=-1)
        assert (gap[:, -1] < 0.05).all() and (gap[:, 0] > 0.3).all()


# --------------------------------------------------------------------------------------------------------- same bits
@pytest.mark.parametrize("kind", ["gradient", "q"])
@pytest.mark.parametrize("game", [GAME, fm.games.safe_distancing(5)], ids=["dense", "count"])
def test_the_same_bits_alone_together_and_in_chunks(game, kind, monkeypatch):
    rule = RULE(1e-3, 3, 5, kind, 0.1)
    together = [fm.ensemble(game, rule, 60, 5, rng=3, record=TABLES, threads=threads) for threads in (1, 2)]
    assert_array_equal(together[0].trace["policy"], together[1].trace["policy"])
    children = np.random.SeedSequence(3).spawn(5)
    for seconds in (0.1, 1e-9):
        monkeypatch.setattr(job, "CHUNK_SECONDS", seconds)
        for r in range(5):
            alone = fm.learn(game, rule, 60, rng=children[r], record=TABLES)
            assert_array_equal(alone.trace["policy"], together[0].trace["policy"][r])
    assert len({run.tobytes() for run in together[0].policy}) == 5
    seen = []
    watched = fm.learn(game, rule, 60, rng=children[0], record=TABLES, callback=lambda shot: seen.append(shot.step))
    assert seen == list(range(61))
    assert_array_equal(watched.trace["policy"], together[0].trace["policy"][0])


@pytest.mark.parametrize("kind", ["gradient", "q"])
def test_a_run_goes_on_from_a_checkpoint(tmp_path, kind):
    rule, record = RULE(1e-3, 2, 9, kind, 0.05), fm.Record(every=7, metrics=("policy", "ne_gap"))
    whole = fm.learn(GAME, rule, 100, rng=5, record=record)
    fm.learn(GAME, rule, 41, rng=5, record=record, checkpoint=tmp_path / "run.ckpt")
    resumed = fm.resume(tmp_path / "run.ckpt", 100)
    for name, value in whole.trace.items():
        assert_array_equal(resumed.trace[name], value)
    assert_array_equal(resumed.policy, whole.policy)


def test_a_simulator_is_enough():
    rule = RULE(1e-3, 4, 10, "q")
    runs = [fm.learn(fm.games.routing(4, form=form), rule, 30, rng=2, record=TABLES) for form in ("simulator", "count")]
    for run in runs:
        assert np.isfinite(run.policy).all()
        assert_allclose(run.policy.reshape(4, 4, 2).sum(axis=-1), 1.0, rtol=0, atol=1e-12)


def test_a_player_s_estimate_depends_on_its_own_rewards_alone(rng):
    rewards = rng.normal(size=(2, 3, 2, 3))
    changed = rewards.copy()
    changed[1] = rng.normal(size=(3, 2, 3))
    runs = [fm.learn(fm.MarkovGame(each, GAME.transitions, 0.8), RULE(1e-2, 2, 6), 1, rng=1).policy
            for each in (rewards, changed)]
    assert_array_equal(runs[0][:, :2], runs[1][:, :2])
    assert (runs[0][:, 2:] != runs[1][:, 2:]).any()


# ------------------------------------------------------------------------------------------------------------ errors
@pytest.mark.parametrize("wrong, message", [
    ({"eta": 0.0}, "eta"), ({"eta": np.nan}, "eta"), ({"eta": "fast"}, "eta"), ({"rollouts": 0}, "rollouts"),
    ({"rollouts": 2.5}, "rollouts"), ({"length": 0}, "length"), ({"length": LONGEST + 1}, "length"),
    ({"length": True}, "length"), ({"kind": "Q"}, 'kind must be "gradient" or "q"'), ({"kind": None}, "kind"),
    ({"exploration": 1.0}, "exploration"), ({"exploration": -0.1}, "exploration")])
def test_wrong_parameters_are_refused(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fm.learn(GAME, RULE(**wrong), 1)


def test_what_rollouts_cannot_give_is_refused():
    with pytest.raises(ValueError, match="simulator has no exact ne_gap"):
        fm.learn(fm.games.routing(4, form="simulator"), RULE(), 1)
    with pytest.raises(ValueError):
        fm.learn(GAME, RULE(), 1, record=fm.Record(metrics=(), trajectory=True))
