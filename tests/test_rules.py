"""Rules: the contract that each keeps and the twin that each has, and what becomes of a user's that keeps none."""

import ast
import functools
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import naive
import naive_rules
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sampling import samples
from test_rollouts import batch, tables

import fastmpg as fm
from fastmpg import _discover
from fastmpg.feedback.feedback import FeedbackContract
from fastmpg.kernels.simplex import check_policy_rows
from fastmpg.models.sampler import SamplerContract
from fastmpg.rules.rule import CompiledContract, Contract, contract, examples
from fastmpg.rules.state import StateContract
from fastmpg.run.run import run_key

PACKAGE = Path(fm.__file__).parent
compiled_only = pytest.mark.compiled


def labelled(value):
    """The same in every process: no addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))



def stay(rule, state, feedback, k):
    pass


# --------------------------------------------------------------------------------------------------------- contract
@pytest.mark.parametrize("name", fm.rules.__all__)
def test_every_rule_keeps_the_contract_and_has_a_twin(name):
    kind = getattr(fm.rules, name)
    made = contract(kind)
    assert made is contract(kind) and isinstance(made, Contract)
    twin = naive.twin_of(name)
    assert twin is not None, (f"rule {name} has no twin: write the plain step of all its players in a file "
                              "tests/naive_*.py, see naive.twin_of")
    assert len(examples(kind)) >= 1
    for rule in examples(kind):
        assert contract(kind).checked(rule) == rule


def test_a_rule_without_a_twin_fails():
    """The test above sees it: no name of the twins fits by chance."""
    assert naive.twin_of("FictitiousStep") is None and naive.twin_of("QAscent") is naive_rules.q_ascent
    assert ({naive.twin_of(name) for name in fm.rules.__all__}
            >= {naive_rules.q_ascent, naive_rules.TwoTimescaleQ, naive_rules.natural_gradient_play})
    with pytest.raises(AssertionError, match="no twin"):
        fm.rules.FictitiousStep = define()
        try:
            test_every_rule_keeps_the_contract_and_has_a_twin("FictitiousStep")
        finally:
            del fm.rules.FictitiousStep


def define(**members):
    """A rule class with these members."""

    class FictitiousStep(NamedTuple):
        rate: float = 0.1

    for name, value in ({"update": staticmethod(stay)} | members).items():
        setattr(FictitiousStep, name, value)
    return FictitiousStep


def test_defaults():
    made = contract(define())
    rule = define()(0.5)
    assert made.feedback.kind is fm.Oracle and made.state.fields == ("policy",)
    assert (made.temperature(rule), made.uses_value(rule), made.uses_visitation(rule)) == (0.0, True, True)
    assert made.checked(rule) is rule and made.compiled(rule) is rule and made.check_start(rule, None, None) is None
    assert made.opening(rule, None, None) is None
    assert (made.tables == () and made.update_pair is None
            and not made.pairs(None, rule, rule) and examples(define()) == [(0.1,)])


def test_what_differs_with_the_parameters_may_be_field_property_or_value():
    class Asking(NamedTuple):
        temperature: float = 0.25
        uses_value = False
        update = staticmethod(stay)

        @property
        def uses_visitation(self):
            return self.temperature > 1.0

    made = contract(Asking)
    for heat in (0.25, 2.0):
        rule = Asking(heat)
        assert (made.temperature(rule), made.uses_value(rule), made.uses_visitation(rule)) == (heat, False, heat > 1.0)


@pytest.mark.parametrize("members, says", [
    ({"use_value": False}, r"FictitiousStep.use_value: a rule has no `use_value`; did you mean `uses_value`\?"),
    ({"uses_visit": False}, "did you mean `uses_visitation`"), ({"temprature": 0.5}, "did you mean `temperature`"),
    ({"temprature": property(lambda self: 0.5)}, "did you mean `temperature`"),
    ({"feedbacks": fm.Oracle}, "did you mean `feedback`"),
    ({"check": lambda self: self}, "did you mean `checked`"), ({"pair": None}, "did you mean `pairs`"),
    ({"colour": "red"}, "choose from update, feedback, .*names of your own begin with _"),
    ({"feedback": fm.TableState}, "TableState.start: a feedback has no `start`"),
    ({"feedback": "oracle"}, "must be fastmpg.Oracle"),
    ({"state": fm.Oracle}, "a state has no"), ({"state": np.zeros(3)}, "NamedTuple class such as fastmpg.TableState"),
    ({"update": 3}, "must be a kernel"),
], ids=labelled)
def test_names_that_no_rule_has_are_refused(members, says):
    for call in (lambda rule: fm.learn(fm.games.zhang_3x2(), rule, 1),
                 lambda rule: fm.ensemble(fm.games.zhang_3x2(), rule, 1, 2)):
        with pytest.raises(TypeError, match=says):
            call(define(**members)())


def test_a_misspelt_update_is_named():
    class Slip(NamedTuple):
        eta: float = 0.1
        updates = staticmethod(stay)

    with pytest.raises(TypeError, match=r"static kernel `update`.*did you mean `update`\?"):
        fm.learn(fm.games.zhang_3x2(), Slip(), 1)


def test_states_have_a_contract_too():
    class Half(NamedTuple):
        policy: Any

        @classmethod
        def start(cls, game, policy):
            return cls(policy.copy())

    for members, says in (({"publishes": stay}, "did you mean `publish`"), ({"acts": stay}, "did you mean `act`")):
        for name, value in members.items():
            kind = type("Half", (Half,), {name: value})
            with pytest.raises(TypeError, match=says):
                contract(define(state=kind))

    class Bare(NamedTuple):
        table: Any
        start = Half.start

    with pytest.raises(TypeError, match="no field `policy`"):
        contract(define(state=Bare))


def test_names_of_ones_own():
    """Underscores, and properties that look like nothing of the contract."""
    kind = define(_colour="red", half_life=property(lambda self: 0.69 / self.rate), __doc__="Mine.")
    assert isinstance(contract(kind), Contract)


def test_a_rule_may_refuse_to_start():
    def check_start(self, game, policy):
        if (policy[:, 0] > self.rate).any():
            raise ValueError(f"starts at most at {self.rate}")

    kind, game = define(check_start=check_start), fm.games.zhang_3x2()
    contract(kind).check_start(kind(0.5), game, fm.uniform_policy(game))
    with pytest.raises(ValueError, match=r"starts at most at 0\.1"):
        fm.learn(game, kind(0.1), 1)
    with pytest.raises(ValueError,
                       match=r"needs every initial probability above 0 in policy, found 0\.0 for player 1, action 1"):
        fm.learn(game, fm.rules.GradientPlay(0.1, 0.1), 1, policy=[[0.5, 0.25, 0.25, 1.0, 0.0]])


def test_a_users_parameter_may_be_called_lam():
    """What is asked of a start is the rule's hook, not the name of a field."""

    class Sparse(NamedTuple):
        lam: float = 0.5
        update = staticmethod(stay)

    contract(Sparse).check_start(Sparse(), fm.games.zhang_3x2(), np.array([[1.0, 0.0, 0.0, 1.0, 0.0]]))


@compiled_only
def test_players_act_by_their_policy_unless_the_state_says_otherwise():
    """A sampled rule of a user's needs no `act`: it counts what a policy of 0.25 and 0.75 does."""

    class Tally(NamedTuple):
        policy: Any
        counts: Any

        @classmethod
        def start(cls, game, policy):
            return cls(policy.copy(), np.zeros(policy.shape, np.int64))

    def count(rule, state, feedback, k):
        for i in range(feedback.offset.size - 1):
            state.counts[feedback.state[0], feedback.offset[i] + feedback.actions[i]] += 1

    kind = define(feedback=fm.Transition, state=Tally, update=staticmethod(count))
    game = fm.NormalFormGame(np.zeros((2, 2, 2)))
    found = fm.learn(game, kind(), 40_000, policy=[[0.25, 0.75, 0.5, 0.5]], rng=1,
                     record=fm.Record(every=40_000, metrics=("policy",)))
    expected = np.array([[10_000, 30_000, 20_000, 20_000]])
    assert found.state.counts.sum() == 80_000
    assert (np.abs(found.state.counts - expected) <= 5 * np.sqrt(40_000 / 4)).all()


@pytest.mark.compiled
def test_nobody_probes_for_attributes():
    """getattr and hasattr with a name of a contract: only the contracts read these."""
    pages = (Contract, CompiledContract, StateContract, FeedbackContract, SamplerContract)
    names = {name for page in pages for name in page.__dataclass_fields__} | {"lam", "place", "history"}
    probes = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                    and node.func.id in ("getattr", "hasattr") and len(node.args) > 1
                    and isinstance(node.args[1], ast.Constant) and node.args[1].value in names):
                probes.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert [probe for probe in probes if not probe.startswith("rules/rule.py")] == []


# ------------------------------------------------------------------------------------------------- sampled rules
def transitions(game, rule, steps, rng, policy):
    """What the players saw at each step of a run: (row, actions, rewards, next row); and the run."""
    run = fm.learn(game, rule, steps, rng=rng, policy=policy, record=fm.Record(metrics=("policy",), trajectory=True))
    states, actions = run.trajectory.states, run.trajectory.actions
    rewards = [game.rewards[(slice(None), states[k], *actions[k])] for k in range(steps)]
    return run, lambda k, policies: (states[k], actions[k], rewards[k], states[k + 1])


def rollouts(game, rule, steps, rng, policy):
    """The same of batches: their tables at the twin's own policies."""
    run = fm.learn(game, rule, steps, rng=rng, policy=policy, record=fm.Record(metrics=("policy",)))
    key = run_key(np.random.SeedSequence(rng))
    return run, lambda k, policies: tables(batch(game, naive.join(policies), key, k, rule.rollouts, rule.length))


def sampled(game, rule, steps, rng, policy):
    """The same of samples: every player's, of the round."""
    run = fm.learn(game, rule, steps, rng=rng, policy=policy, record=fm.Record(metrics=("policy",)))
    key, n, size = run_key(np.random.SeedSequence(rng)), game.num_players, rule.samples
    return run, lambda k, policies: [list(zip(*samples(game, naive.join(policies), key, (k * n + i) * size, size, i,
                                                       rule.exploration), strict=True)) for i in range(n)]


SEEN = {fm.Transition: transitions, fm.JointTransition: transitions, fm.Rollouts: rollouts, fm.Samples: sampled}
SAMPLED = [name for name in fm.rules.__all__ if contract(getattr(fm.rules, name)).feedback.sampled]


@compiled_only
@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("num_actions", [(2, 3), (2, 2, 2), pytest.param((3, 1, 2, 2, 2), marks=pytest.mark.slow)],
                         ids=labelled)
def test_sampled_rules_are_their_twins(name, num_actions):
    """Thirty steps of every example, seen by the twin as the players saw them."""
    game = fm.games.random_markov(1 if name == "Exp3P" else 3, num_actions, 0.8, rng=2)
    policy = 0.5 * fm.random_policy(game, 3) + 0.5 * fm.uniform_policy(game)
    kind, twin = getattr(fm.rules, name), naive.twin_of(name)
    for rule in examples(kind):
        run, seen = SEEN[contract(kind).feedback.kind](game, rule, 30, 7, policy)
        slow = naive.start(twin, game, naive.split(policy, num_actions), **rule._asdict())
        for k in range(31):
            assert_allclose(run.trace["policy"][k], naive.join(slow.policies), rtol=0, atol=1e-11,
                            err_msg=f"{rule} at step {k}")
            if k < 30:
                slow.step(seen(k, slow.policies))
        assert np.abs(run.policy - policy).max() > 1e-3, "the test would see nothing"


# ---------------------------------------------------------------------------------------- what is no policy any more
def push(rule, state, feedback, k):
    if k == 3:
        state.policy[1, 2] -= rule.rate


def leave(rule, state, feedback, k):
    if k >= 2:
        state.policy[0, 3] = rule.rate


def visit(rule, state, feedback, k):
    state.policy[0, 0] = 0.5 if k != 3 else rule.rate
    state.policy[0, 1] = 0.5


@functools.cache
def kind_of(update):
    """One class an update, so that each compiles once."""
    return define(update=staticmethod(update))


@pytest.fixture(scope="module")
def game():
    return fm.games.random_markov(2, (2, 3), rng=1)


@pytest.mark.parametrize("update, rate, record, says", [
    (push, 9.5, {}, r"left the simplex within 6 steps of FictitiousStep: at step 4 in state 1 player 1's probability "
                    r"of action 0 is -9\.16667; its `update`"),
    (push, 9.5, {"steps": [0]}, "at step 6 in state 1"),
    (leave, np.nan, {}, r"held NaN after 6 steps of FictitiousStep: at step 3 in state 0 player 1's probability "
                        "of action 1 is nan; try a smaller step size"),
    (leave, 0.5, {}, r"at step 3 in state 0 player 1's probabilities sum to 1\.16667"),
    (leave, np.inf, {}, "player 1's probability of action 1 is inf"),
    (visit, -3.0, {"every": 2}, r"at step 4 in state 0 player 0's probability of action 0 is -3;"),
], ids=labelled)
def test_a_policy_that_is_none_is_told(game, update, rate, record, says):
    """At every recorded step, also where the rule comes back, and at the end."""
    rule = kind_of(update)(rate)
    with pytest.raises(fm.Diverged, match=says) as caught:
        fm.learn(game, rule, 6, record=fm.Record(**record))
    assert caught.value.result.status == "diverged" and caught.value.result.steps == 6
    with pytest.raises(fm.Diverged, match=r"in 1 of 2 runs the policy .* of run 1 in state"):
        fm.ensemble(game, rule._replace(rate=np.array([1 / 3 if update is leave else 0.0 if update is push else 0.5,
                                                       rate])), 6, record=fm.Record(**record))


def test_what_was_seen_is_remembered_by_checkpoints(tmp_path, game):
    """A policy that left the simplex and came back before the run was cut."""
    rule, record = kind_of(visit)(-3.0), fm.Record(every=1)
    whole = fm.learn(game, rule, 12, record=record, throw=False)
    fm.learn(game, rule, 8, record=record, throw=False, checkpoint=tmp_path / "run")
    resumed = fm.resume(tmp_path / "run", 12, rule=rule, throw=False)
    assert (resumed.status == whole.status == "diverged"
            and resumed.message == whole.message and "at step 4" in whole.message)


def test_rounding_is_no_fault():
    fault = np.array([-1.0, 0, 0, 0, 0])
    for row in ([1 + 1e-12, -1e-12], [0.5, 0.5 + 5e-9], [1.0, 0.0]):
        check_policy_rows(np.array([row]), np.array([0, 2]), fault, 1)
        assert fault[0] == -1
    check_policy_rows(np.array([[0.5, 0.5], [0.25, 0.25]]), np.array([0, 2]), fault, 4)
    check_policy_rows(np.array([[2.0, 0.5], [0.25, 0.25]]), np.array([0, 2]), fault, 5)
    assert_array_equal(fault, [4, 1, 0, -1, 0.5])


# ----------------------------------------------------------------------------------------------- compilation errors
def helper(x):
    return x.nothing


MISTAKES = {
    "state.polcy[0, 0] = 1.0": "TableState has no attribute 'polcy'",
    "state.policy[0, 0] = rule.rat": "FictitiousStep has no attribute 'rat'",
    "state.policy[0, 0] = feedback.qbar[0, 0]": "Oracle has no attribute 'qbar'",
    "state.policy[0, 0] = undefined": "name 'undefined' is not defined",
    "state.policy[0, 'a'] = 1.0": "there is no `setitem` of (float64 array (2d), Tuple(int, str), float64)",
    "state.policy[0, 0] = 'x' + 1": "there is no `add` of (str, int)",
    "state.policy[0, 0] = 1 if rule.rate > 0 else 'a'": "one variable is",
    "state.policy[0, 0] = fm.nothing": "no attribute 'nothing'",
    "state.policy = 3": "No definition for lowering TableState.policy = ",
    "import os": "Use of unsupported opcode (IMPORT_NAME) found",
}


@compiled_only
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_by_its_line(mistake, tmp_path):
    """The user's file, line and source, one sentence; the compiler's own text behind it."""
    path = tmp_path / "mine.py"
    path.write_text("import fastmpg as fm\n"
                    f"@fm.kernel\ndef step(rule, state, feedback, k):\n    k += 1\n    {mistake}\n")
    space = {"__name__": "mine"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    with pytest.raises(TypeError) as caught:
        fm.learn(fm.games.zhang_3x2(), define(update=staticmethod(space["step"]))(), 1)
    said = str(caught.value)
    line = 3 if mistake == "state.policy = 3" else 5  # there the compiler names no place
    assert said.startswith(f"{path}:{line}: in `update` of FictitiousStep: `")
    assert line == 3 or f"`{mistake}`" in said
    assert MISTAKES[mistake] in said
    assert len(said) < 400 and "\n" not in said and caught.value.__cause__ is not None


@compiled_only
def test_a_mistake_in_what_an_update_calls(tmp_path):
    called = fm.kernel(helper)

    def step(rule, state, feedback, k):
        called(state.policy)

    with pytest.raises(TypeError,
                       match=r"test_rules\.py:\d+: in `update` of FictitiousStep: `return x\.nothing`: float64 array"):
        fm.learn(fm.games.zhang_3x2(), define(update=staticmethod(step))(), 1)


# ------------------------------------------------------------------------------------------------------ typed exports
def test_written_exports_are_those_that_are_found():
    told = _discover.exports()
    assert {path.parent.name for path in told} == {"games", "io", "metrics", "potential", "rules", "solvers"}
    stale = [str(path) for path, (now, due) in told.items() if now != due]
    assert not stale, (f'{stale} are out of date: '
                       'python -c "from fastmpg._discover import write_exports; write_exports()"')


def test_a_new_file_changes_what_is_written():
    class Found:
        __module__ = "fastmpg.rules.new_rule"

    text = (PACKAGE / "rules" / "__init__.py").read_text()
    due = _discover.with_exports(text, "fastmpg.rules", fm.rules._found | {"NewRule": Found})
    added = set(due.splitlines()) - set(text.splitlines())
    assert added == {"    from .new_rule import NewRule as NewRule"}
    assert _discover.with_exports(due, "fastmpg.rules", fm.rules._found) == text


SCRIPT = """
import fastmpg as fm
game = fm.games.zhang_3x2()
rule = fm.rules.NaturalGradientPlay(eta=5.0, lam=0.003, clip="raw")
result = fm.learn(game, rule, 1000, record=fm.Record(metrics=("ne_gap", "value")))
gap = fm.ne_gap(game, result.policy)
reveal_type(rule.eta), reveal_type(fm.solvers.round_robin(game).rounds), reveal_type(gap)
"""


@pytest.mark.slow
def test_mypy_sees_what_a_user_sees(tmp_path):
    pytest.importorskip("mypy")
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    ask = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent",
           "--cache-dir", str(tmp_path / "cache"), str(path)]
    found = subprocess.run(ask, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert found.returncode == 0, found.stdout
    for kind in (r'"(builtins\.)?float"', r'"(builtins\.)?int"', "ndarray"):
        assert re.search(kind, found.stdout)
    path.write_text(SCRIPT + "fm.rules.NaturalGradientPlays(1.0)\nfm.rules.NaturalGradientPlay(ete=1.0)\n")
    found = subprocess.run(ask, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert found.returncode == 1 and "NaturalGradientPlays" in found.stdout and '"ete"' in found.stdout


def test_all_names_are_there():
    listed = {each.asname or each.name for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text()))
              if isinstance(node, ast.ImportFrom) and node.level for each in node.names}
    listed = {name for name in listed if not name.startswith("_")}
    assert sorted(fm.__all__) == sorted(listed), "fastmpg.__all__ names what the package offers"
    for room, name in itertools.chain(*([(room, name) for name in room.__all__]
                                        for room in (fm.rules, fm.games, fm.solvers))):
        assert hasattr(room, name)
