"""The games of Etesami and Straehle (2020): their rules by hand, and the published numbers by a plain twin of MGE-F.

Where a number is printed in the paper the test says so; the others were computed independently for the issue of this
part and are met here by :mod:`naive_horizon`, which shares no code with fastmpg.
"""

import naive_horizon as naive
import numpy as np
import pytest

import fastmpg as fm

RIGHT, STAY, DOWN, LEFT, UP = range(5)
NAMES = ["pursuit_3", "pursuit_2", "grid_1", "grid_2", "rabbit_hole", "imitation_line"]
HORIZON = {"pursuit_3": 3, "pursuit_2": 22, "grid_1": 5, "grid_2": 5, "rabbit_hole": 12, "imitation_line": 4}
ON_MOVES = {"grid_1", "grid_2"}  # rewards on transitions: nothing for the state after the last


def solved(name, kind, horizon=None):
    """The game, its twin, and the twin's policies and values by MGE-F at beta 1."""
    game = getattr(fm.games, name)()
    tables = naive.tables(game)
    terminal = np.zeros((game.num_players, game.num_states)) if name in ON_MOVES else naive.of_states(tables)
    policies, value, _ = naive.mge_f(tables, horizon or HORIZON[name], 1.0, kind, terminal)
    return game, tables, policies, value, terminal


def joined(policies):
    return np.array([np.concatenate(policy, axis=1) for policy in policies])


def after(game, state, *actions):
    """The next states and their probabilities."""
    j = np.ravel_multi_index(actions, game.num_actions)
    row = game.transitions[[state * np.prod(game.num_actions) + j]].toarray()[0]
    return {int(s): float(row[s]) for s in np.flatnonzero(row)}


@pytest.mark.compiled
@pytest.mark.parametrize("name", NAMES)
def test_they_are_games_for_a_finite_horizon(name):
    game = getattr(fm.games, name)()
    assert game.name == name and game.discount == 1 and game.is_sparse and game.nbytes < 20e6
    assert game.available is not None and game == getattr(fm.games, name)()
    with pytest.raises(ValueError, match=r"needs discount below 1"):
        fm.evaluate(game, fm.uniform_policy(game))


@pytest.mark.compiled
def test_pursuit_3_by_hand():
    game = fm.games.pursuit_3()
    assert (game.num_players, game.num_states, game.num_actions) == (3, 729, (5, 5, 5))
    def at(*nodes):
        return int(np.ravel_multi_index(nodes, (9, 9, 9)))
    def reward(*nodes):
        return game.rewards[:, at(*nodes), STAY, STAY, STAY].tolist()
    assert reward(0, 1, 2) == [0, 0, 0]
    assert reward(4, 1, 4) == [5 / 4, 0, -1 / 8] and reward(1, 4, 4) == [0, 5 / 4, -1 / 8]
    assert reward(4, 4, 1) == [-15 / 4, -15 / 4, 0]
    assert reward(4, 4, 4) == [-10 / 4, -10 / 4, -1 / 8]
    assert after(game, at(0, 8, 4), RIGHT, UP, LEFT) == {at(1, 5, 3): 1.0}
    assert after(game, at(0, 1, 4), RIGHT, LEFT, STAY) == {at(1, 0, 4): 1.0}, "swapping is allowed"
    degree = [3, 4, 3, 4, 5, 4, 3, 4, 3]  # moves of every node of the grid, with staying
    assert game.action_counts().tolist() == [[degree[x] for x in nodes] for nodes in np.ndindex(9, 9, 9)]
    assert game.available.reshape(729, 3, 5)[:, :, STAY].all()


@pytest.mark.compiled
def test_pursuit_3_is_the_same_for_both_hunters():
    game = fm.games.pursuit_3()
    one, two, prey = np.indices((9, 9, 9)).reshape(3, -1)
    swapped = 81 * two + 9 * one + prey
    table = np.broadcast_to(game.rewards, (3, 729, 5, 5, 5))
    np.testing.assert_array_equal(table[[1, 0, 2]][:, swapped].transpose(0, 1, 3, 2, 4), table)
    np.testing.assert_array_equal(game.available.reshape(729, 3, 5)[swapped][:, [1, 0, 2]],
                                  game.available.reshape(729, 3, 5))


# [value kind, I1 h1 (right, stay, down), I1 prey each move, I2 h1, I2 prey (left, stay, down)]
FIGURE_4 = {
    "max": [(0.365237, 0.269525, 0.365237), 0.197255, (0.465846, 0.287038, 0.247116), (0.327188, 0.345625, 0.327188)],
    "mean": [(0.351295, 0.297410, 0.351295), 0.197964, (0.450262, 0.300547, 0.249190), (0.327040, 0.345919, 0.327040)],
}
# printed: "max" misses the first row by .0008, .0015 and .0008, nobody knows why; it meets all others to the last digit
PRINTED = [(0.366, 0.268, 0.366), 0.197, (0.466, 0.287, 0.247), (0.327, 0.346, 0.327)]


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pursuit_3_has_the_policies_of_figure_4(kind):
    _, _, policies, _, _ = solved("pursuit_3", kind)
    first, second = (np.ravel_multi_index(x, (9, 9, 9)) for x in ((0, 8, 4), (0, 8, 2)))
    hunter, prey = policies[0][0], policies[0][2]
    found = [hunter[first, :3], prey[first, [RIGHT, DOWN, LEFT, UP]],
             hunter[second, :3], prey[second, [LEFT, STAY, DOWN]]]
    for ours, known, printed, slack in zip(found, FIGURE_4[kind], PRINTED, (1.6e-3, 5e-4, 5e-4, 5e-4), strict=True):
        assert np.abs(ours - np.array(known)).max() < 5e-6
        assert kind == "mean" or np.abs(ours - np.array(printed)).max() < slack


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["mean", "softmax", "max"])
def test_pursuit_3_in_one_move_is_best_stood_out(kind):
    """Statement: from (1, 5, 2) and T = 1 the best action of every player is not to move."""
    _, _, policies, _, _ = solved("pursuit_3", kind, horizon=1)
    state = np.ravel_multi_index((1, 5, 2), (9, 9, 9))
    rows = [policy[state] for policy in policies[0]]
    assert [int(row.argmax()) for row in rows] == [STAY] * 3
    assert np.abs([row[STAY] for row in rows] - np.array([0.3963, 0.3963, 0.3347])).max() < 5e-5


def test_pursuit_2_by_hand():
    game = fm.games.pursuit_2()
    assert (game.num_states, game.num_actions) == (81, (5, 5))
    assert game.rewards[:, 9 * 3 + 3, STAY, STAY].tolist() == [0.4, -0.4] and not game.rewards[:, 9 * 3 + 4].any()
    prey = game.available[:9, 5:]
    assert prey.sum(axis=1).tolist() == [3, 3, 3, 3, 1, 3, 3, 3, 3], "two neighbours on the ring, none in the middle"
    assert after(game, 9 * 0 + 1, DOWN, RIGHT) == {9 * 3 + 2: 1.0}


@pytest.mark.parametrize(("kind", "hunts", "on_ring"), [("mean", 2.77, 2.47), ("max", 2.83, 2.47)])
def test_pursuit_2_is_hunted_about_as_often_as_printed(kind, hunts, on_ring):
    """The paper prints 2.9 hunts (and a score of 1.16 = .4 times 2.9) over ten games; ours: exact, reconstructed."""
    game, _, policies, _, terminal = solved("pursuit_2", kind)
    found = fm.evaluate_horizon(game, joined(policies))
    assert np.abs(found.value[-1] - terminal).max() == 0
    together = terminal[0] > 0
    assert found.occupancy[1:, together].sum() == pytest.approx(hunts, abs=0.01)
    ring = np.tile(np.arange(9) != 4, 9) / 72
    elsewhere = fm.evaluate_horizon(game, joined(policies), initial=ring)
    assert elsewhere.occupancy[1:, together].sum() == pytest.approx(on_ring, abs=0.01)


def test_grid_1_by_hand():
    game = fm.games.grid_1()
    def at(a, b):
        return 9 * a + b
    assert (game.num_states, game.num_actions, game.initial[at(6, 0)]) == (81, (5, 5), 1)
    def reward(a, b, *actions):
        return game.rewards[(slice(None), at(a, b), *actions)].tolist()
    assert reward(1, 0, RIGHT, STAY) == [30, 0] and reward(6, 5, STAY, DOWN) == [0, 30]
    assert reward(1, 5, RIGHT, UP) == [29, -1], "A's goal, where B runs into it"
    assert reward(2, 5, STAY, UP) == [0, 0], "A has arrived: no collision, and nothing more for A"
    assert reward(3, 4, RIGHT, LEFT) == [0, 0], "swapping is free"
    assert reward(3, 4, STAY, LEFT) == [-1, -1] and after(game, at(3, 4), STAY, LEFT) == {at(3, 3): 1.0}
    assert (game.available[at(2, 0)].reshape(2, 5).tolist()
            == [[False, True, False, False, False], [True, True, True, False, False]])
    assert game.available[at(3, 8), 5:].tolist() == [False, True, False, False, False]


def test_grid_2_by_hand():
    game = fm.games.grid_2()
    def at(a, b):
        return 6 * a + b
    assert (game.num_states, game.num_actions, game.initial[at(3, 5)]) == (36, (5, 5), 1)
    def reward(a, b, *actions):
        return game.rewards[(slice(None), at(a, b), *actions)].tolist()
    assert reward(0, 2, RIGHT, LEFT) == [2, 2], "the goal is no place to collide"
    assert reward(3, 3, UP, UP) == [-0.5, -0.5], "both pass or both fail half of the time"
    assert after(game, at(3, 5), UP, UP) == {at(0, 2): 0.25, at(0, 5): 0.25, at(3, 2): 0.25, at(3, 5): 0.25}
    assert after(game, at(4, 5), UP, LEFT) == {at(1, 4): 1.0} and reward(4, 5, UP, LEFT) == [2, 0]
    assert reward(1, 4, STAY, UP) == [0, 2], "the second to arrive is paid as well"


@pytest.mark.parametrize(("name", "score", "printed", "collisions"),
                         [("grid_1", 29.6234, 29.6, 0.3766), ("grid_2", 1.3728, 1.37, 0.249)])
def test_grid_games_have_the_printed_scores(name, score, printed, collisions):
    game, _, policies, value, _ = solved(name, "mean")
    found = fm.evaluate_horizon(game, joined(policies))
    assert np.abs(found.value - value).max() < 1e-9, "the solver's own values are those of its policy"
    assert np.abs(found.score - score).max() < 5e-5 and np.abs(found.score - printed).max() < 0.05
    goal = {"grid_1": 2, "grid_2": 1}[name]
    cells = round(game.num_states**0.5)
    arrived = found.occupancy[-1][np.arange(game.num_states) // cells == goal].sum()
    prize = {"grid_1": 30, "grid_2": 2}[name]
    assert prize * arrived - found.score[0] == pytest.approx(collisions, abs=5e-4), "what is missing are collisions"


def distance_to_entrance():
    """Moves from every cell to 17, by breadth first search."""
    game = fm.games.rabbit_hole()
    near = {17: 0}
    queue = [17]
    for cell in queue:
        for action in range(5):
            if game.available[42 * cell, action]:
                (state,) = after(game, 42 * cell, action, STAY)
                if state // 42 not in near:
                    near[state // 42] = near[cell] + 1
                    queue.append(state // 42)
    return near


@pytest.mark.compiled
def test_rabbit_hole_by_hand():
    game = fm.games.rabbit_hole()
    assert (game.num_states, game.num_actions) == (882, (5, 5))
    assert np.count_nonzero(game.initial) == 380 and game.initial.max() == pytest.approx(1 / 380)
    def reward(fox, rabbit):
        return game.rewards[:, 42 * fox + rabbit, STAY, STAY].round(12).tolist()
    assert (reward(0, 20) == [0, 0.3] and reward(20, 20) == [2, -1.7]
            and reward(20, 41) == [2, -2] and reward(3, 41) == [0, 0])
    assert after(game, 42 * 0 + 17, RIGHT, DOWN) == {42 * 1 + 20: 1.0}
    assert after(game, 42 * 0 + 20, RIGHT, UP) == {42 * 1 + 21 + 17: 1.0}, "with the prize"
    assert after(game, 42 * 0 + 20, RIGHT, STAY) == {42 * 1 + 21 + 20: 1.0}
    assert after(game, 42 * 17 + 3, DOWN, STAY) == {42 * 20 + 3: 1.0}, "the fox may enter, too"
    near = distance_to_entrance()
    assert len(near) == 21 and near[20] == 1 and max(near.values()) == 5


@pytest.mark.compiled
def test_rabbit_enters_where_the_fox_is_far():
    game, tables, policies, _, terminal = solved("rabbit_hole", "mean")
    found = fm.evaluate_horizon(game, joined(policies), play="greedy")
    assert np.abs(found.score - [0.058, -0.008]).max() < 1e-3
    plain, _ = naive.evaluate(tables, [[naive.greedy(p) for p in policy] for policy in policies], terminal)
    assert np.abs(found.value - plain).max() < 1e-12
    near = distance_to_entrance()
    enters = {cell: found.policy[0, 42 * cell + 17, 5 + DOWN] for cell in near if cell != 17}
    assert all(enters[cell] == 1 for cell in enters if near[cell] >= 4)
    assert all(enters[cell] == 0 for cell in enters if near[cell] <= 2)
    three = [enters[cell] for cell in enters if near[cell] == 3]
    assert sum(three) / len(three) == pytest.approx(1 / 5)


def test_imitation_line_by_hand():
    game = fm.games.imitation_line()
    def at(one, two):
        return 4 * one + two
    assert (game.num_states, game.num_actions) == (16, (3, 3))
    assert ({int(s): float(game.initial[s]) for s in np.flatnonzero(game.initial)}
            == {at(0, 3): 1 / 3, at(1, 2): 1 / 3, at(2, 0): 1 / 3})
    assert (game.rewards[:, at(3, 3), 0, 0].tolist() == [-0.5, 0]
            and game.rewards[:, at(3, 0), 0, 0].tolist() == [1, 0.7])
    assert after(game, at(1, 2), 1, 2) == {at(2, 1): 1.0}
    assert game.available[at(0, 3)].tolist() == [True, True, False, True, False, True]


@pytest.mark.parametrize(("kind", "log_likelihood"), [("softmax", -6.11865), ("mean", -5.97004)])
def test_imitation_line_has_the_known_likelihood(kind, log_likelihood):
    """The expected log-likelihood of the experts' play under the true weights: minus their trajectories' entropy."""
    game, _, policies, _, _ = solved("imitation_line", kind)
    found = fm.evaluate_horizon(game, joined(policies))
    logs = np.log(np.where(found.policy > 0, found.policy, 1.0))
    assert (found.occupancy[:-1, :, None] * found.policy * logs).sum() == pytest.approx(log_likelihood, abs=1e-5)
