"""State-dependent action sets: by hand, against the same game without the columns, and against tests/naive.py.

Where every state lacks the same actions, the game without these columns is another form of the same game: what is found
is equal to the last bit where the sums have the same terms in the same order, else to 1e-12 (rewards lie in [-1, 1] and
values below 10). Ragged masks are compared with the twin, at the tolerance of the exact core.
"""

import functools
import pickle

import naive
import naive_rules
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from simulating import compiled_only

import fastmpg as fm
from fastmpg.feedback.transition import act_by_policy
from fastmpg.machine import kernel
from fastmpg.models.available import possible
from fastmpg.rules.rule import contract
from fastmpg.rules.two_timescale_q import QState, _act

TAU = 0.3
MORE = {"GradientPlay": [{"lam": 0.05}],
        "NaturalGradientPlay": [{"lam": 0.05}, {"lam": 0.01, "clip": "raw"}],
        "EntropyNaturalGradientPlay": [{"tau": TAU}, {"tau": 0.0}, {"tau": TAU, "advantage": "printed"}],
        "ProjectedGradientAscent": [{"eta": 0.3}], "SequentialMaximumImprovement": [{"tau": TAU}]}
EXACT = {name: [kind._field_defaults | given for given in (*contract(kind).examples, *MORE.get(name, []))]
         for name, kind in ((name, getattr(fm.rules, name)) for name in fm.rules.__all__)
         if not contract(kind).feedback.sampled}
SAMPLED = [fm.rules.TwoTimescaleQ(0.1), fm.rules.MonteCarloGradientAscent(0.05, length=5, exploration=0.1),
           fm.rules.MonteCarloGradientAscent(0.05, length=5, kind="q", exploration=0.1)]


def ragged(rng, states, actions, keep=0.6):
    """A list of (S, A_i) with at least one action a player and state, and something missing."""
    while True:
        parts = []
        for n in actions:
            part = rng.random((states, n)) < keep
            part[np.arange(states), rng.integers(0, n, states)] = True
            parts.append(part)
        if not all(part.all() for part in parts):
            return parts


def policy_on(rng, parts):
    weights = [np.where(part, rng.exponential(size=part.shape), 0.0) for part in parts]
    return [each / each.sum(axis=1, keepdims=True) for each in weights]


def rows(moves):
    return sp.csr_array(moves.reshape(-1, moves.shape[-1]))


@functools.cache
def ragged_case(seed):
    """A twin, policies, and the game in every form; what nobody can do is NaN in what the forms are made of."""
    rng = np.random.default_rng([77, seed])
    actions = [(3, 2, 4), (4,), (2, 5), (3, 3)][seed % 4]
    states, discount = [(3, 0.9), (5, 0.8), (1, 0.0), (4, 0.5)][(seed // 4 + seed) % 4]
    shared = seed % 3 == 0
    twin = naive.random_game(rng, actions, states, discount, shared=shared)
    parts = ragged(rng, states, actions)
    twin = twin._replace(available=parts)
    can = possible(np.concatenate(parts, axis=1), actions)
    rewards, moves = np.where(can, twin.rewards, np.nan), np.where(can[..., None], twin.transitions, np.nan)
    forms = {"dense": fm.MarkovGame(rewards, moves, discount, twin.initial, available=parts),
             "sparse": fm.MarkovGame(rewards, rows(moves), discount, twin.initial,
                                     available=np.concatenate(parts, axis=1))}
    if shared:
        forms["shared"] = fm.MarkovGame.identical_interest(rewards[0], moves, discount, twin.initial, available=parts)
    if discount == 0.0:
        forms["normal form"] = fm.NormalFormGame(rewards[:, 0], available=parts)
    return twin, policy_on(rng, parts), forms


SEEDS = range(12)


def close(found, expected, size=1.0):
    """1e-10 of the largest value, as in the exact core; -inf to -inf."""
    assert_allclose(found, expected, rtol=0, atol=1e-10 * size)


# ------------------------------------------------------------------------------------------------------------- by hand
def test_a_missing_action_has_no_entropy():
    """One player, two states: a copy of the only action of state 0 is worth tau log 2 at every visit of it."""
    moves = np.array([[[0.3, 0.7], [0.3, 0.7]], [[0.5, 0.5], [0.9, 0.1]]])
    rewards = np.array([[[1.0, 1.0], [0.0, 2.0]]])
    copied = fm.MarkovGame(rewards, moves, 0.9)
    without = fm.MarkovGame(np.where([[True, False], [True, True]], rewards, np.nan), moves, 0.9,
                            available=[[1, 0], [1, 1]])
    policy = np.array([[0.5, 0.5], [0.25, 0.75]])
    chain = np.array([[0.3, 0.7], [0.8, 0.2]])
    visits = np.linalg.solve(np.eye(2) - 0.9 * chain, [1.0, 0.0])  # discounted visits of state 0 from either state
    entropy = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    assert_allclose(fm.evaluate(copied, policy, tau=TAU).value[0]
                    - fm.evaluate(without, [[1, 0], policy[1]], tau=TAU).value[0],
                    TAU * np.log(2) * visits, rtol=1e-13)
    by_hand = np.linalg.solve(np.eye(2) - 0.9 * np.array([[0.3, 0.7], [0.8, 0.2]]), [1.0, 1.5 + TAU * entropy])
    chain_of = fm.evaluate(without, [[1, 0], policy[1]], tau=TAU)
    assert_allclose(chain_of.value[0], by_hand, rtol=1e-13)
    assert chain_of.q_bar[0, 1] == chain_of.adv_bar[0, 1] == -np.inf and np.isfinite(chain_of.q_bar[1]).all()


def test_uniform_and_random_policies():
    game = fm.MarkovGame(np.zeros((2, 2, 2, 3)), np.full((2, 2, 3, 2), 0.5), 0.9,
                         available=[[1, 1, 0, 1, 1], [1, 0, 1, 1, 1]])
    assert_array_equal(fm.uniform_policy(game), [[0.5, 0.5, 0, 0.5, 0.5], [1, 0, 1 / 3, 1 / 3, 1 / 3]])
    assert_array_equal(game.action_counts(), [[2, 2], [1, 3]])
    draws = np.array([fm.random_policy(game, k) for k in range(2000)])
    assert (draws[:, ~game.available] == 0).all() and np.abs(draws[..., :2].sum(axis=2) - 1).max() < 1e-15
    for column, mean in ((3, 0.5), (0, 0.5)):  # the mean of a uniform number, to six of its deviations
        assert abs(draws[:, 0, column].mean() - mean) < 6 * (1 / 12 / 2000) ** 0.5
    assert abs(draws[:, 1, 2].mean() - 1 / 3) < 6 * (1 / 18 / 2000) ** 0.5


def test_nothing_missing_is_no_mask():
    plain = fm.games.random_markov(3, (2, 3), rng=1)
    full = fm.MarkovGame(plain.rewards, plain.transitions, plain.discount, available=np.ones((3, 5)))
    assert full.available is None and full == plain and "available" not in full.tables()
    assert_array_equal(plain.action_counts(), [[2, 3]] * 3)


# ---------------------------------------------------------------------------------------- the game without the columns
KEEP = [np.array([True, False, True]), np.array([True, True]), np.array([False, True, True, False])]
FULL, LESS = tuple(map(len, KEEP)), tuple(int(k.sum()) for k in KEEP)
COLUMNS = np.concatenate(KEEP)


@functools.cache
def twice(form):
    """A game with columns that are missing everywhere, NaN there, and the same game without them."""
    rng = np.random.default_rng(5)
    states, discount = (1, 0.0) if form == "normal form" else (3, 0.9)
    can = np.ix_(*KEEP)
    rewards, moves = rng.uniform(-1, 1, (3, states, *FULL)), rng.dirichlet(np.ones(states), (states, *FULL))
    mask = np.tile(COLUMNS, (states, 1))
    some = possible(mask, FULL)
    big = np.where(some, rewards, np.nan), np.where(some[..., None], moves, np.nan)
    small = rewards[(slice(None), slice(None), *can)], moves[(slice(None), *can)]
    if form == "normal form":
        return fm.NormalFormGame(big[0][:, 0], available=mask[0]), fm.NormalFormGame(small[0][:, 0])
    if form == "shared":
        build = fm.MarkovGame.identical_interest
        return build(big[0][0], big[1], discount, available=mask), build(small[0][0], small[1], discount)
    if form == "sparse":
        big, small = (big[0], rows(big[1])), (small[0], rows(small[1]))
    return fm.MarkovGame(*big, discount, available=mask), fm.MarkovGame(*small, discount)


FORMS = ["dense", "sparse", "shared", "normal form"]


def wide(policy):
    """A policy of the smaller game with the columns put back in."""
    out = np.zeros((*policy.shape[:-1], COLUMNS.size))
    out[..., COLUMNS] = policy
    return out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_everything_that_is_found_equals_the_game_without_the_columns(form, seed):
    game, less = twice(form)
    policy = fm.random_policy(less, seed)
    given = wide(policy)
    for tau in (0.0, TAU):
        found, expected = fm.evaluate(game, given, tau=tau), fm.evaluate(less, policy, tau=tau)
        assert_allclose(found.value, expected.value, rtol=0, atol=1e-12)
        assert_allclose(found.visit, expected.visit, rtol=0, atol=1e-12)
        for name in ("q_bar", "adv_bar"):
            assert_allclose(getattr(found, name)[:, COLUMNS], getattr(expected, name), rtol=0, atol=1e-12)
            assert (getattr(found, name)[:, ~COLUMNS] == -np.inf).all()
        assert_allclose(found.error_bound, expected.error_bound, rtol=0.25)  # counts of roundings depend on the cut
        assert_allclose(fm.metrics.ne_gap_bound(game, given, tau),
                        fm.metrics.ne_gap_bound(less, policy, tau), rtol=0.25)
        assert_allclose(fm.qre_gap(game, given, tau), fm.qre_gap(less, policy, tau), rtol=0, atol=1e-12)
        for i, keep in enumerate(KEEP):
            (response, value), (mine, best) = (fm.best_response(game, given, i, tau=tau),
                                               fm.best_response(less, policy, i, tau=tau))
            assert_allclose(value, best, rtol=0, atol=1e-12)
            assert_allclose(response[:, keep], mine, rtol=0, atol=1e-12)
            assert (response[:, ~keep] == 0).all()
    assert_allclose(fm.ne_gap(game, given), fm.ne_gap(less, policy), rtol=0, atol=1e-12)
    assert_allclose(fm.ne_gap(game, given, relative=True), fm.ne_gap(less, policy, relative=True), rtol=0, atol=1e-12)
    assert_allclose(fm.metrics.gradient(game, given), wide(fm.metrics.gradient(less, policy)), rtol=0, atol=1e-12)
    assert_allclose(fm.metrics.c(game, given), fm.metrics.c(less, policy), rtol=0, atol=1e-12)
    assert_allclose(fm.metrics.mismatch(game, given), fm.metrics.mismatch(less, policy), rtol=1e-12)
    snapshots = np.stack([policy, fm.uniform_policy(less)])
    assert_allclose(fm.metrics.distance_to_nash(game, wide(snapshots)),
                    fm.metrics.distance_to_nash(less, snapshots), rtol=0, atol=1e-12)
    assert_allclose(fm.metrics.smoothed_q(game, given, TAU)[:, COLUMNS],
                    fm.metrics.smoothed_q(less, policy, TAU), rtol=0, atol=1e-12)
    ends = fm.solvers.round_robin(game, given), fm.solvers.round_robin(less, policy)
    assert ends[0].status == ends[1].status and ends[0].moves == ends[1].moves
    assert_array_equal(ends[0].policy, wide(ends[1].policy))
    assert_array_equal(game.payoff_range(), less.payoff_range())


def test_bits_where_the_shapes_allow_it():
    """One player whose last two actions are missing: the same sums, term by term."""
    rng = np.random.default_rng(3)
    rewards, moves = rng.uniform(-1, 1, (1, 3, 4)), rng.dirichlet(np.ones(3), (3, 4))
    game = fm.MarkovGame(rewards, moves, 0.9, available=[[1, 1, 0, 0]] * 3)
    less = fm.MarkovGame(rewards[..., :2].copy(), moves[:, :2].copy(), 0.9)
    policy = fm.random_policy(less, 1)
    given = np.pad(policy, ((0, 0), (0, 2)))
    found, expected = fm.evaluate(game, given), fm.evaluate(less, policy)
    assert_array_equal(found.value, expected.value)
    assert_array_equal(found.q_bar[:, :2], expected.q_bar)
    assert found.error_bound == expected.error_bound
    assert_array_equal(fm.ne_gap(game, given), fm.ne_gap(less, policy))
    # exponents are fused differently in loops of another length, by some processors: rounding of q over tau
    assert_allclose(fm.best_response(game, given, 0, tau=TAU)[0][:, :2], fm.best_response(less, policy, 0, tau=TAU)[0],
                    rtol=0, atol=8 * np.finfo(float).eps * np.abs(expected.q_bar).max() / TAU)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", EXACT)
def test_exact_rules_equal_those_of_the_game_without_the_columns(form, name):
    game, less = twice(form)
    policy, record = (fm.random_policy(less, 4),
                      fm.Record(metrics=("ne_gap", "qre_gap", "value", "c", "grad_norm", "policy"), tau=TAU))
    for given in EXACT[name]:
        rule = getattr(fm.rules, name)(**given)
        found = fm.learn(game, rule, 10, policy=wide(policy), rng=3, record=record)
        expected = fm.learn(less, rule, 10, policy=policy, rng=3, record=record)
        assert_allclose(found.trace["policy"], wide(expected.trace["policy"]), rtol=0, atol=1e-12, err_msg=str(rule))
        for each in ("ne_gap", "qre_gap", "value", "c", "grad_norm"):
            assert_allclose(found.trace[each], expected.trace[each], rtol=0, atol=1e-11, err_msg=f"{each} of {rule}")


@compiled_only
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", SAMPLED, ids=lambda rule: f"{type(rule).__name__}-{getattr(rule, 'kind', '')}")
def test_sampled_rules_draw_the_same_as_without_the_columns(form, rule):
    """A player draws by its cumulated probabilities from the same numbers: trajectories are the same, bit for bit."""
    game, less = twice(form)
    policy = fm.random_policy(less, 4)
    moves = contract(type(rule)).feedback.continues
    record = fm.Record(metrics=("policy", "q", "counts") if moves else ("policy",), every=50, trajectory=moves)
    found = fm.learn(game, rule, 200, policy=wide(policy), rng=3, record=record)
    expected = fm.learn(less, rule, 200, policy=policy, rng=3, record=record)
    assert_allclose(found.trace["policy"], wide(expected.trace["policy"]), rtol=0, atol=1e-12)
    assert (found.trace["policy"][..., ~COLUMNS] == 0).all()
    if moves:
        assert_array_equal(found.trajectory.states, expected.trajectory.states)
        index = np.array([np.flatnonzero(keep)[a]
                          for keep, a in zip(KEEP, expected.trajectory.actions.T, strict=True)]).T
        assert_array_equal(found.trajectory.actions, index)
        assert_allclose(found.trace["q"][..., COLUMNS], expected.trace["q"], rtol=0, atol=1e-12)
        assert (found.trace["q"][..., ~COLUMNS] == -np.inf).all() and (found.trace["counts"][..., ~COLUMNS] == 0).all()


# --------------------------------------------------------------------------------------------- ragged: against the twin
@pytest.mark.parametrize("seed", SEEDS)
def test_evaluation_and_gaps_of_ragged_masks(seed):
    twin, policies, forms = ragged_case(seed)
    policy, size = naive.join(policies), 1 / (1 - twin.discount)
    for game in forms.values():
        for tau in (0.0, TAU):
            found = fm.evaluate(game, policy, tau=tau)
            close(found.value, naive.value(twin, policies, tau), size)
            close(found.q_bar, naive.join(naive.q_bar(twin, policies, tau)), size)
            assert np.abs(found.value - naive.value(twin, policies, tau)).max() <= found.error_bound + 1e-13 * size
            gap, bound = fm.qre_gap(game, policy, tau), fm.metrics.ne_gap_bound(game, policy, tau)
            close(gap, naive.qre_gap(twin, policies, tau), size)
            assert np.abs(gap - naive.qre_gap(twin, policies, tau)).max() <= bound + 2e-13 * size  # the twin's 1e-13
        close(fm.evaluate(game, policy).visit, naive.visitation(twin, policies))
        close(fm.metrics.gradient(game, policy), naive.join(naive.gradient(twin, policies)), size**2)
        close(fm.metrics.c(game, policy), naive.c_of(twin, policies))
        for i in range(len(policies)):
            response, value = fm.best_response(game, policy, i)
            close(value, naive.best_response(twin, policies, i)[1], size)
            assert_array_equal(response, naive.best_response(twin, policies, i)[0])
            response, value = fm.best_response(game, policy, i, tau=TAU)
            close(value, naive.soft_best_response(twin, policies, i, TAU)[1], size)
            close(response, naive.soft_best_response(twin, policies, i, TAU)[0], size)
        end = fm.solvers.round_robin(game, policy).policy
        assert (end[~forms["dense"].available] == 0).all()


@pytest.mark.parametrize("seed", [0, 4])
def test_pure_policies_and_distant_payoffs_on_ragged_masks(seed):
    """What nobody can do has payoff 0 in the tables, which must not decide where the middle of the payoffs is."""
    twin, policies, forms = ragged_case(seed)
    pure = [np.eye(p.shape[1])[p.argmax(axis=1)] for p in policies]
    for game in forms.values():
        close(fm.ne_gap(game, naive.join(pure)), naive.ne_gap(twin, pure), 1 / (1 - twin.discount))
    game = forms["dense"]
    far = np.round(game.rewards * 2**20) + 2.0**40  # whole numbers: exact at either origin
    build = functools.partial(fm.MarkovGame, discount=game.discount, initial=game.initial, available=game.available)
    moved, near = build(far, game.transitions), build(far - 2.0**40, game.transitions)
    for policy in (naive.join(pure), naive.join(policies)):
        assert_allclose(fm.ne_gap(moved, policy), fm.ne_gap(near, policy), rtol=1e-9)
    assert (moved.payoff_range() > 2.0**39).all()


@pytest.mark.compiled
def test_sparse_games_solved_iteratively():
    """150 states: chains that are not factored densely, marginals read again or kept, and rows in single precision."""
    rng = np.random.default_rng(9)
    plain = fm.games.random_markov(150, (3, 2), rng=rng, sparse=3)
    parts = ragged(rng, 150, (3, 2))
    policy = naive.join(policy_on(rng, parts))
    game = fm.MarkovGame(plain.rewards, plain.transitions, 0.9, available=parts)
    dense, single = (game.to_dense(),
                     fm.MarkovGame(plain.rewards, plain.transitions, 0.9, available=parts, dtype="float32"))
    for tau in (0.0, TAU):
        assert_allclose(fm.evaluate(game, policy, tau=tau).q_bar,
                        fm.evaluate(dense, policy, tau=tau).q_bar, rtol=0, atol=1e-10)
        assert_allclose(fm.qre_gap(game, policy, tau), fm.qre_gap(dense, policy, tau), rtol=0, atol=1e-10)
    assert_allclose(fm.evaluate(single, policy).q_bar, fm.evaluate(dense, policy).q_bar, rtol=0, atol=1e-5)
    assert single.transitions.dtype == np.float32 and pickle.loads(pickle.dumps(single)) == single


@pytest.mark.parametrize("seed", SEEDS)
def test_exact_rules_on_ragged_masks(seed):
    twin, policies, forms = ragged_case(seed)
    for name, some in EXACT.items():
        for given in some:
            stepper = naive.start(naive.twin_of(name), twin, policies, **given)
            for _ in range(4):
                stepper.step()
            for form, game in forms.items():
                found = fm.learn(game, getattr(fm.rules, name)(**given), 4, policy=naive.join(policies), rng=0)
                close(found.policy, naive.join(stepper.policies), 10.0), form
                assert (found.policy[~game.available] == 0).all() and np.isfinite(found.trace["ne_gap"]).all()


@pytest.mark.parametrize("name", EXACT)
def test_states_that_nobody_visits(name):
    """A visitation of 0 meets Q of -inf: state 1 cannot be reached."""
    moves = np.broadcast_to(np.eye(2)[:, None, None], (2, 3, 2, 2))
    rewards = np.random.default_rng(1).uniform(-1, 1, (2, 2, 3, 2))
    game = fm.MarkovGame(rewards, moves, 0.9, [1.0, 0.0], available=[[1, 0, 1, 1, 1], [0, 1, 1, 1, 0]])
    for given in EXACT[name]:
        found = fm.learn(game, getattr(fm.rules, name)(**given), 5, rng=0,
                         record=fm.Record(metrics=("ne_gap", "grad_norm", "c")))
        assert found.status == "done" and (found.policy[~game.available] == 0).all()
        assert all(np.isfinite(found.trace[each]).all() for each in ("ne_gap", "grad_norm", "c"))


@compiled_only
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("runs", [1, 2])
def test_two_timescale_learning_on_ragged_masks(seed, runs):
    """The twin along the same trajectory; two runs of few players share vectors."""
    twin, policies, forms = ragged_case(seed)
    rule, record = fm.rules.TwoTimescaleQ(0.2), fm.Record(every=100, metrics=("policy", "q"), trajectory=True)
    for game in forms.values():
        if runs == 1:
            run = fm.learn(game, rule, 300, policy=naive.join(policies), rng=8, record=record)
            traces, paths = [run.trace], [run.trajectory]
        else:
            run = fm.ensemble(game, rule, 300, runs, policy=naive.join(policies), rng=8, record=record)
            traces = [{name: run.trace[name][r] for name in ("policy", "q")} for r in range(runs)]
            paths = [(run.trajectory.states[r], run.trajectory.actions[r]) for r in range(runs)]
        for trace, path in zip(traces, paths, strict=True):
            states, actions = path if isinstance(path, tuple) else (path.states, path.actions)
            assert game.available[states[:-1, None], game.offset[:-1] + actions].all()
            slow = naive_rules.TwoTimescaleQ(twin, policies, 0.2)
            for k in range(300):
                reward = twin.rewards[(slice(None), states[k], *actions[k])]
                slow.step((states[k], actions[k], reward, states[k + 1]))
            assert_allclose(trace["policy"][-1], naive.join(slow.policies), rtol=0, atol=1e-11)
            assert_allclose(trace["q"][-1], naive.join(slow.q), rtol=0, atol=1e-11)


@compiled_only
@pytest.mark.parametrize("kind", ["gradient", "q"])
def test_rollouts_respect_the_mask_and_the_floor(kind):
    _, policies, forms = ragged_case(0)
    game = forms["dense"]
    rule = fm.rules.MonteCarloGradientAscent(0.2, length=10, kind=kind, exploration=0.3)
    policy = fm.learn(game, rule, 200, policy=naive.join(policies), rng=1).policy
    least = 0.3 / np.repeat(game.action_counts(), game.num_actions, axis=1)
    assert (policy[~game.available] == 0).all() and (policy >= least - 1e-15)[game.available].all()
    assert_allclose(np.add.reduceat(policy, game.offset[:-1], axis=1), 1.0, rtol=0, atol=1e-15)


# ------------------------------------------------------------------------------------------------------------- drawing
@kernel
def draw(state, s, offset, uniforms, actions):
    act_by_policy(state, s, offset, uniforms, 0, actions)


@kernel
def draw_q(state, s, offset, uniforms, actions):
    _act(state, s, offset, uniforms, 0, actions)


def test_rounding_draws_nothing_that_is_missing():
    """Ten probabilities of 0.1 sum to 1 - 1.1e-16: a number above that takes the last action that there is."""
    mask = np.concatenate([np.tile([True] * 10 + [False] * 2, (2, 1)), np.ones((2, 3), bool)], axis=1)
    mask[1, :12] = [False] * 2 + [True] * 10
    game = fm.MarkovGame(np.zeros((2, 2, 12, 3)), np.full((2, 12, 3, 2), 0.5), 0.9, available=mask)
    policy = np.where(mask, 0.1, 0.0)
    policy[:, 12:] = [0.2, 0.8 - 4e-16, 0.0]
    top = np.nextafter(1.0, 0.0)
    total = 0.0
    for _ in range(10):
        total += 0.1
    assert total < 1.0
    state, table = QState.start(game, policy), fm.TableState(policy)
    for u in (0.0, 0.05, 0.95, top):
        for s in (0, 1):
            found = []
            for play, kept in ((draw, table), (draw_q, state)):
                actions = np.full(8, -1)
                play(kept, s, game.offset, np.full(8, u), actions)
                found.append(actions[:2])
                assert mask[s, game.offset[:-1] + actions[:2]].all()
            if u < top:
                assert_array_equal(*found)
            assert found[0][0] == {0.0: 0, 0.05: 0, 0.95: 9, top: 9}[u] + 2 * s
