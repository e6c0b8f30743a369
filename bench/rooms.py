"""What is in the rooms, found there: every rule, metric, game and model has a benchmark as soon as it has a file."""

import inspect

import fastmpg as fm
from fastmpg.metrics.metric import known
from fastmpg.rules.rule import contract
from fastmpg.run.fill import EVERY_MODEL, SMALL, specimens


def rules():
    """The examples of every rule, by name and parameters, at a small step size."""
    found = {}
    for name in fm.rules.__all__:
        kind = getattr(fm.rules, name)
        for given in contract(kind).examples:
            more = {"eta": 0.01} if "eta" in kind._fields else {}
            label = ", ".join([name, *(f"{key}={value}" for key, value in given.items())])
            found[label] = contract(kind).checked(kind(**(given | more)))
    return found


def questions():
    """Public functions of a game and a policy, by name: the function and what else it asks for."""
    found, values = {}, SMALL | {"q": None}
    for name in fm.metrics.__all__:
        function = getattr(fm.metrics, name)
        asked = inspect.signature(function).parameters
        needed = [key for key, each in asked.items() if each.default is inspect.Parameter.empty]
        if needed[:2] == ["game", "policy"] and set(needed[2:]) <= set(values):
            found[name] = function, {key: values[key] for key in asked if key in values}
    return found


def recorded():
    """Names of the metrics that a run of an exact rule can record."""
    return [name for name, each in known().items() if each.exact]


def named_games():
    """Games of the games room in every form that they have, by label: name and arguments."""
    found = {}
    for name in fm.games.__all__:
        try:
            found |= specimens([name])
        except ValueError:  # asks for something of which no value is known
            continue
    return found


def build(label):
    """The game of a label."""
    name, arguments = specimens([label.partition(" ")[0]])[label]
    return getattr(fm.games, name)(**arguments)


MODELS = list(specimens(EVERY_MODEL))  # one game a model


class Questions:
    """Every public question about a policy, asked of one game a model."""

    params = [list(questions()), MODELS]
    param_names = ["metric", "game"]
    rounds, repeat = 2, (5, 20, 2.0)
    timeout = 120

    def setup(self, name, label):
        self.game = build(label)
        self.policy = fm.random_policy(self.game, 0)
        self.function, given = questions()[name]
        self.given = given | ({"q": self.policy} if "q" in given else {})
        try:
            self.time_question()
        except (TypeError, ValueError):  # not asked of such games
            raise NotImplementedError from None

    def time_question(self, *_):
        self.function(self.game, self.policy, **self.given)


class Recorded:
    """Two hundred steps of a run that records one metric at each."""

    params = [recorded(), MODELS]
    param_names = ["metric", "game"]
    rounds, repeat = 2, (5, 20, 2.0)
    timeout = 120

    def setup(self, name, label):
        self.game = build(label)
        more = {"tau": 0.5} if name.startswith("qre") else {}
        self.record = fm.Record(every=1, metrics=(name,), **more)
        try:
            self.time_run()
        except (TypeError, ValueError):
            raise NotImplementedError from None

    def time_run(self, *_):
        fm.learn(self.game, fm.rules.NaturalGradientPlay(0.01), 200, record=self.record)


class Games:
    """Named games: how long one takes to build, to evaluate and to ask for its gaps, and the memory."""

    params = [list(named_games())]
    param_names = ["game"]
    rounds, repeat = 2, (3, 10, 2.0)
    timeout = 300

    def setup(self, label):
        self.game = build(label)
        if not self.game.exact:
            raise NotImplementedError
        self.policy = fm.uniform_policy(self.game)
        try:
            fm.ne_gap(self.game, self.policy)
        except ValueError:  # of discount 1
            raise NotImplementedError from None

    def time_build(self, label):
        build(label)

    def time_evaluate(self, _):
        fm.evaluate(self.game, self.policy)

    def time_ne_gap(self, _):
        fm.ne_gap(self.game, self.policy)

    def peakmem_ne_gap(self, _):
        fm.ne_gap(self.game, self.policy)
