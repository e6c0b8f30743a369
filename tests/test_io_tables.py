"""Arrays of MDP toolboxes, Cassandra's files and sgamesolver's tables, against numbers that are published, by hand, and
there and back."""

import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm

# The toolboxes' forest (Chades et al. 2014), three states, fire 0.1: reward 4 for waiting in the last, 1 and 2 for
# cutting. Policy iteration's values as pymdptoolbox's documentation prints them, discount 0.9.
FOREST_P = np.array([[[0.1, 0.9, 0], [0.1, 0, 0.9], [0.1, 0, 0.9]], [[1, 0, 0], [1, 0, 0], [1, 0, 0]]])
FOREST_R = np.array([[0.0, 0], [0, 1], [4, 2]])
FOREST = [26.244, 29.484, 33.484]


def best(game):
    """Optimal values of a game of one player."""
    return fm.best_response(game, fm.uniform_policy(game), 0)[1]


def test_the_forest_has_its_published_values():
    game = fm.io.from_mdptoolbox(FOREST_P, FOREST_R, 0.9)
    np.testing.assert_allclose(best(game), FOREST, rtol=1e-12)
    again = fm.io.from_mdptoolbox(*fm.io.to_mdptoolbox(game), game.discount)
    assert again == game


def spread(paid):
    """Rewards (A, S, S) of transitions with these means, as they do not differ by the next state."""
    return np.repeat(paid.T[:, :, None], len(paid), axis=2)


@pytest.mark.parametrize("form", ["(S, A)", "(A, S, S)", "list", "sparse", "sparse moves", "objects"])
def test_every_shape_of_rewards(form):
    moves, paid = FOREST_P, {
        "(S, A)": FOREST_R, "(A, S, S)": spread(FOREST_R), "list": list(spread(FOREST_R)),
        "sparse": [sp.csr_matrix(each) for each in spread(FOREST_R)], "sparse moves": FOREST_R,
        "objects": spread(FOREST_R)}[form]
    if form == "sparse moves":
        moves = [sp.csr_matrix(each) for each in FOREST_P]
    if form == "objects":
        moves = np.empty(2, object)
        moves[:] = [sp.coo_array(each) for each in FOREST_P]
    game = fm.io.from_mdptoolbox(moves, paid, 0.9)
    assert game.is_sparse == (form in ("sparse moves", "objects"))
    np.testing.assert_allclose(game.to_dense().rewards[0], FOREST_R, rtol=1e-15)
    np.testing.assert_array_equal(game.to_dense().transitions, np.moveaxis(FOREST_P, 1, 0))
    p, r = fm.io.to_mdptoolbox(game)
    assert fm.io.from_mdptoolbox(p, r, 0.9) == game


def test_rewards_of_states_and_of_transitions(rng):
    moves = rng.dirichlet(np.ones(4), (3, 4))
    own, across = rng.normal(size=4), rng.normal(size=(3, 4, 4))
    np.testing.assert_array_equal(fm.io.from_mdptoolbox(moves, own, 0.5).rewards[0], np.tile(own[:, None], (1, 3)))
    np.testing.assert_allclose(fm.io.from_mdptoolbox(moves, across, 0.5).rewards[0], (moves * across).sum(axis=2).T)
    square = fm.io.from_mdptoolbox(moves[:, :3, :3] / moves[:, :3, :3].sum(axis=2, keepdims=True), np.eye(3), 0.5)
    np.testing.assert_array_equal(square.rewards[0], np.eye(3))  # S = A: (S, A), never rows of transitions


@pytest.mark.parametrize(("moves", "paid", "said"), [
    (FOREST_P[0], FOREST_R, r"P must have shape \(A, S, S\)"), (FOREST_P, FOREST_R[:2], "R must have shape"),
    (FOREST_P[:, :2], FOREST_R, r"P\[0\] must be a square"), (sp.csr_array(FOREST_P[0]), FOREST_R, "P must be"),
    (FOREST_P / 2, FOREST_R, "must sum to 1"), ([], FOREST_R, "P must hold"),
    (FOREST_P, spread(FOREST_R)[:1], "R must")])
def test_arrays_that_do_not_fit(moves, paid, said):
    with pytest.raises((ValueError, TypeError), match=said):
        fm.io.from_mdptoolbox(moves, paid, 0.9)


def test_only_games_of_one_player_go_out(tmp_path):
    several, missing = fm.games.random_markov(2, (2, 2)), fm.NormalFormGame([[1, 2]], available=[[1, 0]])
    for game, said in ((several, "one player"), (missing, "all actions")):
        with pytest.raises(ValueError, match=said):
            fm.io.to_mdptoolbox(game)
        with pytest.raises(ValueError, match=said):
            fm.io.write_cassandra(game, tmp_path / "x.mdp")
    assert not list(tmp_path.iterdir())


# Russell and Norvig (2010), figure 17.3: the world of 4 x 3, -0.04 a step, 0.8 ahead and 0.1 to either side, not
# discounted; utilities from the upper left, row by row, to three digits.
WORLD = [0.812, 0.868, 0.918, 1.0, 0.762, 0.660, -1.0, 0.705, 0.655, 0.611, 0.388]


def world():
    """The world as a file, with every kind of line: 0-10 as in WORLD, 11 the end."""
    cells = [(r, c) for r in range(3) for c in range(4) if (r, c) != (1, 1)]
    steps = [(-1, 0), (0, 1), (1, 0), (0, -1)]
    said = ["discount: 0.999999999999 # nearly 1", "values: reward", "actions: north east south west",
            f"states: {' '.join(f's{k}' for k in range(11))} end", "start: uniform", "T: * identity",
            "R: * : * : * -0.04"]
    for a in range(4):
        for k, (r, c) in enumerate(cells):
            row = np.zeros(12)
            for turn, chance in ((0, 0.8), (1, 0.1), (3, 0.1)):
                dr, dc = steps[(a + turn) % 4]
                row[cells.index((r + dr, c + dc)) if (r + dr, c + dc) in cells else k] += chance
            said += [f"T: {a} : s{k}", " ".join(map(str, row))]
    for k, paid in ((3, 1.0), (6, -1.0)):
        said += [f"T: * : s{k}", "0.0 " * 11 + "1.0", f"R: * : {k} : * {paid}"]
    return "\n".join([*said, "R: * : end : * 0.0"])


def test_the_world_of_four_by_three(tmp_path):
    path = tmp_path / "world.MDP"
    path.write_text(world())
    game = fm.io.read(path)
    assert (game.num_states, game.num_actions, game.name) == (12, (4,), "world.MDP")
    value = best(game)
    np.testing.assert_array_equal(np.round(value[:11], 3), WORLD)
    fm.io.write(game, tmp_path / "again.mdp")
    again = fm.io.read(tmp_path / "again.mdp")
    assert again == game
    assert again.names == game.names and game.names.actions == (("north", "east", "south", "west"),)


TIGER = """# Cassandra, Kaelbling and Littman (1994)
discount: 0.95
values: reward
states: tiger-left tiger-right
actions: listen open-left open-right
observations: tiger-left tiger-right

T:listen
identity
T:open-left
uniform
T:open-right
uniform

O:listen
0.85 0.15
0.15 0.85
O:open-left
uniform
O:open-right
uniform

R:listen : * : * : * -1
R:open-left : tiger-left : * : * -100
R:open-left : tiger-right : * : * 10
R:open-right : tiger-left : * : * 10
R:open-right : tiger-right : * : * -100
"""


def read(tmp_path, text, name="x.pomdp"):
    (tmp_path / name).write_text(text)
    return fm.io.read_cassandra(tmp_path / name)


def test_the_tiger_is_hidden(tmp_path):
    with pytest.raises(ValueError, match="after action listen, observation tiger-left may come from state tiger-left "
                                         "and from tiger-right"):
        read(tmp_path, TIGER)


def test_a_tiger_that_is_seen_and_costs(tmp_path):
    seen = TIGER.replace("0.85 0.15", "1.0 0.0").replace("0.15 0.85", "0.0 1.0")
    seen = seen.replace("left\nuniform", "left\n1 0 0 1")
    seen = seen.replace("O:open-right\nuniform", "O: open-right : * : * 0.0\nO: open-right : 0 : 0 1.0\n"
                                                 "O: 2 : tiger-right 0.0 1.0")
    game = read(tmp_path, seen)
    np.testing.assert_array_equal(game.rewards[0], [[-1, -100, 10], [-1, 10, -100]])
    costs = read(tmp_path, seen.replace("values: reward", "values: cost"))
    np.testing.assert_array_equal(costs.rewards[0], -game.rewards[0])
    np.testing.assert_array_equal(costs.transitions, game.transitions)
    fm.io.write_cassandra(game, tmp_path / "again.pomdp")
    assert "observations: 2" in (tmp_path / "again.pomdp").read_text()
    assert fm.io.read_cassandra(tmp_path / "again.pomdp") == game


PREAMBLE = "discount: 0.5\nvalues: reward\nstates: a b c\nactions: 2\n"


@pytest.mark.parametrize(("start", "law"), [
    ("", [1 / 3] * 3), ("start: uniform", [1 / 3] * 3), ("start: b", [0, 1, 0]), ("start: 2", [0, 0, 1]),
    ("start: 0.25 0.25 0.5", [0.25, 0.25, 0.5]), ("start include: a 2", [0.5, 0, 0.5]),
    ("start exclude: a", [0, 0.5, 0.5]), ("start: 0.333333 0.333333 0.333333", [1 / 3] * 3)])
def test_where_to_start(tmp_path, start, law):
    game = read(tmp_path, f"{PREAMBLE}{start}\nT: * uniform\nT: 1 : a reset", "x.mdp")
    np.testing.assert_allclose(game.initial, law, rtol=1e-12)
    np.testing.assert_allclose(game.transitions[0, 1], law, rtol=1e-12)
    np.testing.assert_allclose(game.transitions[0, 0], [1 / 3] * 3, rtol=1e-12)


def test_rows_of_few_digits(tmp_path):
    """As pomdp-solve, which takes sums within 1e-5 of 1."""
    game = read(tmp_path, PREAMBLE + "T: *\n" + "0.333333 0.333333 0.333333\n" * 3, "x.mdp")
    np.testing.assert_allclose(game.transitions, 1 / 3, rtol=1e-15)
    with pytest.raises(ValueError, match="must sum to 1"):
        read(tmp_path, PREAMBLE + "T: *\n" + "0.3333 0.3333 0.3333\n" * 3, "x.mdp")


def test_rewards_as_entries_rows_and_matrices(tmp_path):
    moves = "T: 0\n0 1 0 0 0 1 1 0 0\nT: 1 uniform\n"
    game = read(tmp_path, f"{PREAMBLE}{moves}R: 0 : a : b 2.5\nR: 0 : a : c 9\nR: 1 : b 1 2 6\nR: 0 : * : a -7.0",
                "x.mdp")
    np.testing.assert_allclose(game.rewards[0], [[2.5, 0], [0, 3], [-7, 0]])
    look = "observations: 3\n" + moves + "O: *\n1 0 0 0 1 0 0 0 1\n"
    game = read(tmp_path, PREAMBLE + look + "R: 0 : a : b : 1 4\nR: 0 : b\n0 0 0 0 0 0 1 2 3\nR: 1 : c : * 3 6 9")
    np.testing.assert_allclose(game.rewards[0], [[4, 0], [3, 0], [0, 6]])


@pytest.mark.parametrize(("text", "said"), [
    ("states: 2", "discount"), (PREAMBLE.replace("0.5", "1.5"), r"line 1: .* discount in \[0, 1\]"),
    (PREAMBLE.replace("b c", "a"), "line 3: .* different names"), (PREAMBLE + "T: 2 identity", "line 5: .* 2 actions"),
    (PREAMBLE + "T: 0\n0.5 0.5", "end of the file"), (PREAMBLE + "T: * identity\nO: * uniform", "line 6: .* no obs"),
    (PREAMBLE + "T: * uniform\nT: 1 : b : c 0.9", "T: 1 : b must sum to 1"), (PREAMBLE + "start: 1 1 1", "sum to 1"),
    (PREAMBLE + "T: 0 : d : a 1.0", "line 5: .* 3 states"), (PREAMBLE + "X: 1", "line 5: expected T:"),
    (PREAMBLE + "T: * identity\nR: 0 : a : b : c 1", r"line 6: expected '\*'"),
    (PREAMBLE + "start include:\nT: *", "states"), (PREAMBLE + "start exclude: *\n", "a state to start in")])
def test_files_that_are_wrong(tmp_path, text, said):
    with pytest.raises(ValueError, match=said) as found:
        read(tmp_path, text, "x.mdp")
    assert "x.mdp" in str(found.value)


# The documentation's example of a table, a prisoners' dilemma, and a second state that may end.
TABLE = """state,note,a_one,a_two,u_one,u_two,to_state
delta,,,,0.5,0.5,
play,x,cooperate,cooperate,2,2,play
play,x,cooperate,defect,0,3,"play: 0.5, rest: 0.25"
play,x,defect,cooperate,3,0,
play,x,defect,defect,1,1,rest
rest,x,wait,,4,4,{rest: 1.0}
"""


def test_a_table_that_may_end(tmp_path):
    (tmp_path / "dilemma.csv").write_text(TABLE)
    game = fm.io.read(tmp_path / "dilemma.csv")
    assert (game.num_states, game.num_actions, game.discount) == (3, (2, 2), 0.5)
    np.testing.assert_array_equal(game.terminal, [False, False, True])
    np.testing.assert_array_equal(game.rewards[:, 0], [[[2, 0], [3, 1]], [[2, 3], [0, 1]]])
    np.testing.assert_array_equal(game.transitions[0, 0], [[1, 0, 0], [0.5, 0.25, 0.25]])
    np.testing.assert_array_equal(game.transitions[0, 1], [[0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(game.available[1], [1, 0, 1, 0])
    fm.io.write(game, tmp_path / "again.csv")
    again = fm.io.read(tmp_path / "again.csv")
    np.testing.assert_array_equal(again.transitions[:2], game.transitions[:2])
    policy = fm.uniform_policy(game)
    np.testing.assert_allclose(fm.evaluate(again, fm.uniform_policy(again)).value, fm.evaluate(game, policy).value)
    assert game.names.states == ("play", "rest", "end") and game.names.players == ("one", "two")


def test_labels_that_a_table_cannot_have(tmp_path):
    game = fm.games.random_markov(2, (2, 2))
    for states, actions in ((["delta", "b"], ["x", "y"]), (["a", "b"], ["x", "x "]), (["", "b"], ["x\ny", "z"])):
        fm.io.write_sgamesolver(game.named(states=states, actions=actions), tmp_path / "x.csv")
        assert fm.io.read_sgamesolver(tmp_path / "x.csv") == game


def test_arrays_of_stochastic_games(tmp_path):
    game = fm.games.random_markov(3, (2, 3))
    assert fm.io.from_sgamesolver(*fm.io.to_sgamesolver(game)) == game
    assert fm.io.from_sgamesolver_table(fm.io.to_sgamesolver_table(game)) == game
    fm.io.write_sgamesolver(game, tmp_path / "x.csv")
    assert fm.io.read_sgamesolver(tmp_path / "x.csv") == game
    dilemma = fm.NormalFormGame([[[2, 0], [3, 1]], [[2, 3], [0, 1]]])
    assert fm.io.from_sgamesolver(*fm.io.to_sgamesolver(dilemma)) == dilemma
    assert fm.io.from_sgamesolver([dilemma.payoffs], np.zeros((1, 2, 2, 1)), 0) == dilemma  # as SGame.one_shot_game
    padded, counts = np.zeros((2, 2, 2, 2)), [[2, 2], [1, 2]]
    moves = np.zeros((2, 2, 2, 2))
    moves[0], moves[1, :1] = 0.5, 0.5
    found = fm.io.from_sgamesolver(padded, moves, 0.9, num_actions=counts)
    assert found.num_states == 2 and found.available.tolist() == [[True] * 4, [True, False, True, True]]


def test_an_equilibrium_of_sgamesolver():
    """What sgamesolver 1.0.2 (NumPy 1.26, its own environment) finds by LogTracing for SGame.random_game(2, 2, [[2, 3],
    [1, 2]], 0.9, seed=7), whose numbers are drawn here again. Six digits of the strategies move payoffs, at most 10, by
    5e-6; its values are good for four digits, as its path stops a little before the end."""
    draw, sizes = np.random.default_rng(7), ((2, 3), (1, 2))
    u = [draw.random((2, *n)) for n in sizes]
    phi = [draw.exponential(size=(*n, 2)) for n in sizes]
    game = fm.io.from_sgamesolver(u, [each / each.sum(axis=-1, keepdims=True) for each in phi], [0.9, 0.9])
    policy = fm.join([[[0.866886, 0.133114], [1, 0]], [[0, 0.028458, 0.971542], [1, 0, 0]]])
    value = [[6.234712, 5.852202], [6.590912, 6.430536]]
    np.testing.assert_allclose(fm.evaluate(game, policy).value, value, atol=5e-5)
    assert fm.ne_gap(game, policy).max() < 5e-6


@pytest.mark.parametrize(("text", "said"), [
    (TABLE.replace("delta,,,,0.5,0.5,", "delta,,,,0.5,0.6,"), "delta must be the same"),
    (TABLE.replace("play,x,defect,defect,1,1,rest\n", ""), "none for .'defect', 'defect'"),
    (TABLE.replace("defect,defect,1,1", "cooperate,defect,1,1"), "line 6: .* again, as in .*line 4"),
    (TABLE.replace("1,1,rest", "1,one,rest"), "line 6: expected a number in the column 'u_two'"),
    (TABLE.replace("1,1,rest", "1,1,away"), "line 6: expected a state"), ("", "line 1"),
    (TABLE.replace("delta", "gamma"), '"delta", found 0'), (TABLE.replace("u_two", "w_two"), "expected a column"),
    (TABLE.replace("0.25", "0.75"), "line 4: expected probabilities"), (TABLE.replace("1,1,rest", "1,1"), "7 cells")])
def test_tables_that_are_wrong(tmp_path, text, said):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=said) as found:
        fm.io.read_sgamesolver(tmp_path / "x.csv")
    assert "x.csv" in str(found.value)


@pytest.mark.peers
def test_pymdptoolbox_finds_the_same(rng):
    from mdptoolbox import example, mdp

    for moves, paid in (example.forest(S=6), example.small(), example.rand(8, 3)):
        for form in (paid, [sp.csr_matrix(np.repeat(paid[:, [a]], len(paid), 1)) for a in range(len(moves))]
                     if np.ndim(paid) == 2 else paid):
            game = fm.io.from_mdptoolbox(moves, form, 0.9)
            theirs = mdp.PolicyIteration(moves, paid, 0.9)
            theirs.run()
            np.testing.assert_allclose(best(game), theirs.V, rtol=1e-9, atol=1e-9)
            back = mdp.PolicyIteration(*fm.io.to_mdptoolbox(game), 0.9)
            back.run()
            np.testing.assert_allclose(back.V, theirs.V, rtol=1e-9, atol=1e-9)


@pytest.mark.peers
def test_tables_of_pandas():
    import pandas

    game = fm.games.random_markov(3, (2, 3))
    frame = pandas.DataFrame(fm.io.to_sgamesolver_table(game))
    assert fm.io.from_sgamesolver_table(frame) == game
    shuffled = frame.sample(frac=1.0, random_state=0)[list(reversed(frame.columns))]
    assert fm.io.from_sgamesolver_table(shuffled[list(frame.columns)]).num_states == 3
