"""Users' functions: integers that wrap around, and mistakes that come with the user's line."""

import numpy as np
import pytest

import fastmpg as fm

RECORD = fm.Record(every=50, metrics=("policy", "visits"))


def play(game, steps=50):
    return fm.learn(game, fm.rules.TwoTimescaleQ(0.1), steps, rng=0, record=RECORD)


def reset(uniforms):
    return 1


def lcg(state, actions, uniforms, rewards):
    """Knuth's MMIX generator: relies on products modulo 2^64."""
    rewards[:] = actions[0] == actions[1]
    return state * 6364136223846793005 + 1442695040888963407


def fnv(state, actions, uniforms, rewards):
    """A hash that begins with Python's own integer."""
    rewards[:] = 1.0
    h = 1469598103934665603
    for _ in range(5):
        h = h * 1099511628211 + state
    return h


def shifted(state, actions, uniforms, rewards):
    """Only modulo 2^64 does it stay below 8."""
    rewards[:] = 0.0
    h = 6364136223846793005
    for _ in range(4):
        h = h * 6364136223846793005
    return (h >> 61) & 7 if h > 0 else 0


def by_python(state, count):
    """The same orbit in Python's integers."""
    seen = []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407 + 2**63) % 2**64 - 2**63
        seen.append(state)
    return seen


@pytest.mark.compiled
@pytest.mark.parametrize("step", [lcg, *(pytest.param(each, marks=pytest.mark.slow) for each in (fnv, shifted))])
def test_integers_wrap_around(step):
    game = fm.SimulatorGame(reset, step, (2, 2), 8, 0.5, observe="hash")
    result = play(game)
    assert result.trace["visits"][-1].sum() == 50


def test_the_orbit_is_that_of_64_bits():
    game = fm.SimulatorGame(reset, lcg, (2, 2), 8, 0.5, observe="hash")
    record = fm.Record(every=50, metrics=("policy",), trajectory=True)
    states = fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 20, rng=0, record=record).trajectory.states

    def row(state):
        z = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return (z ^ (z >> 31)) % 8

    orbit = [1, *by_python(1, 20)]
    assert states.tolist() in (orbit, [row(state) for state in orbit])


def test_rows_outside_are_still_refused():
    with pytest.raises(ValueError, match=r"state 1 is seen as row 9, outside of the 8 observations"):
        fm.SimulatorGame(reset, lcg, (2, 2), 8, 0.5, observe=lambda state: 9)
    with pytest.raises(ValueError, match=r"state 7806831264735756412 is seen as row 7806831264735756412, outside"):
        fm.SimulatorGame(reset, lcg, (2, 2), 8, 0.5)


def test_arity_and_kind_of_functions():
    with pytest.raises(TypeError, match=r"step must be a function step\(state, actions, uniforms, rewards\), "
                                        r"found one of \(state\)"):
        fm.SimulatorGame(reset, lambda state: 0, (2, 2), 8, 0.5)
    with pytest.raises(TypeError, match=r"reset must be a function reset\(uniforms\), found 3"):
        fm.SimulatorGame(3, lcg, (2, 2), 8, 0.5)
    with pytest.raises(TypeError, match=r"reset must return an integer, found .*0\.5.* of type float64"):
        fm.SimulatorGame(lambda uniforms: uniforms[0], lcg, (2, 2), 8, 0.5)


def rare(state, actions, uniforms, rewards):
    rewards[:] = 0.0
    if uniforms[0] > 0.75:
        return actions.no_such_method()
    return 0


def misspelt(state, actions, uniforms, rewards):
    rewards[:] = 0.0
    if uniforms[0] > 0.75:
        return acitons[0]  # noqa: F821
    return 0


@pytest.mark.compiled
@pytest.mark.parametrize("step, code, sentence", [
    (rare, "return actions.no_such_method()", "no_such_method"),
    (misspelt, "return acitons[0]", "acitons"),
])
def test_what_cannot_be_compiled_comes_with_the_users_line(step, code, sentence):
    """The branch is not taken when it is tried uncompiled: only the compiler sees it."""
    game = fm.SimulatorGame(reset, step, (2, 2), 2, 0.5)
    with pytest.raises(TypeError) as caught:
        play(game)
    message, line = str(caught.value), step.__code__.co_firstlineno + 3
    assert message.startswith(f"{__file__}:{line}: in step: `{code}"), message
    assert sentence in message.partition(code)[2], message
    assert len(message) < 500 and "\n" not in message
    assert type(caught.value.__cause__).__module__.startswith("numba"), "the compiler's own text is behind it"


def test_what_runs_uncompiled_keeps_its_own_traceback():
    def wrong(state, actions, uniforms, rewards):
        return undefined_name + 1  # noqa: F821

    with pytest.raises(NameError, match="undefined_name"):
        fm.SimulatorGame(reset, wrong, (2, 2), 2, 0.5)


@pytest.mark.compiled
def test_moves_are_explained_too():
    def moves(state, actions):
        return actions.nothing

    with pytest.raises(TypeError,
                       match=r"test_simulator_functions\.py:\d+: in moves: `return actions\.nothing`: .*nothing"):
        fm.MarkovGame.from_moves(2, (2, 2), moves, np.zeros((2, 2, 2, 2)), 0.5)
