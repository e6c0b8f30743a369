"""What malformed runs, records and ensembles are told: a table as in test_bad_input.py."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from test_bad_input import NAN, UNIFORM, G, R, check, edited

import fastmpg as fm

GP, NPG = fm.rules.GradientPlay, fm.rules.NaturalGradientPlay


class NoUpdate(NamedTuple):
    eta: float = 0.1


TABLE: list[tuple[str, Any, tuple, type, str]] = []


def refuse(what, call, *args, error=ValueError, says):
    TABLE.append((what, call, args, error, says))


# Runs
refuse("game an array", fm.learn, R, NPG(0.1), 3, error=TypeError, says=r"game must be a fastmpg game, found ndarray")
refuse("evaluate an array", fm.evaluate, R, UNIFORM, error=TypeError,
       says=r"game must be a fastmpg game, found ndarray")
refuse(
    "rule a class",
    fm.learn,
    G,
    NPG,
    3,
    error=TypeError,
    says=r"rule must be an instance, found the class NaturalGradientPlay; write NaturalGradientPlay\(",
)
refuse("rule a name", fm.learn, G, "natural", 3, error=TypeError,
       says=r"rule must be a NamedTuple.*update.*found 'natural'")
refuse(
    "rule without update",
    fm.learn,
    G,
    NoUpdate(),
    3,
    error=TypeError,
    says=r"rule must be a NamedTuple.*update.*found NoUpdate\(eta=0\.1\)",
)
refuse("rule None", fm.ensemble, G, None, 3, error=TypeError, says=r"rule must be a NamedTuple.*found None")
for label, eta, error, says in [
    ("0", 0.0, ValueError, r"\(0, inf\), found 0\.0"),
    ("-1", -1, ValueError, r"\(0, inf\), found -1\.0"),
    ("NaN", NAN, ValueError, r"found nan"),
    ("text", "0.1", TypeError, r"real number, found '0\.1'"),
    ("an array", np.array([0.1, 0.2]), TypeError, r"real number, found array\(\[0\.1, 0\.2\]\)"),
]:
    refuse(f"eta {label}", lambda g, e: fm.learn(g, GP(e), 3), G, eta, error=error, says=f"eta must be a.*{says}")
for rule in (fm.rules.QAscent, fm.rules.ProjectedGradientAscent, fm.rules.EntropyNaturalGradientPlay, NPG):
    refuse(
        f"eta 0 of {rule.__name__}",
        lambda g, kind: fm.learn(g, kind(0.0), 3),
        G,
        rule,
        says=r"eta must be a finite number in \(0, inf\), found 0\.0",
    )
refuse(
    "tau of a rule negative",
    lambda g: fm.learn(g, fm.rules.EntropyNaturalGradientPlay(0.1, -0.5), 3),
    G,
    says=r"tau must be .*\[0, inf\), found -0\.5",
)
refuse("lam negative", lambda g: fm.learn(g, GP(0.1, -0.5), 3), G, says=r"lam must be .*\[0, inf\), found -0\.5")
refuse("clip unknown", lambda g: fm.learn(g, NPG(0.1, 0.1, "hard"), 3), G,
       says=r'clip must be None, "raw" or "centred", found \'hard\'')
refuse(
    "clip a number",
    lambda g: fm.learn(g, NPG(0.1, 0.1, 1.0), 3),
    G,
    error=TypeError,
    says=r'clip must be None, "raw" or "centred", found 1\.0',
)
refuse(
    "a barrier from the boundary",
    lambda g, p: fm.learn(g, NPG(0.1, 0.1), 3, policy=p),
    G,
    edited(edited(UNIFORM, (1, 2), 0.0), (1, 3), 1.0),
    says=r"log-barrier needs every initial probability above 0 in policy, found 0\.0 for player 1, action 0 in state 1",
)
refuse("steps negative", fm.learn, G, NPG(0.1), -1, says=r"steps must be at least 0, found -1")
refuse("steps fractional", fm.learn, G, NPG(0.1), 1.5, error=TypeError,
       says=r"steps must be a whole number, found 1\.5")
refuse("steps text", fm.learn, G, NPG(0.1), "3", error=TypeError, says=r"steps must be a whole number, found '3'")
refuse("steps a bool", fm.learn, G, NPG(0.1), True, error=TypeError, says=r"steps must be a whole number, found True")
refuse(
    "policy of learn by another name",
    lambda g: fm.learn(g, NPG(0.1), 3, policy="Uniform"),
    G,
    says=r'"uniform" or "random", found \'Uniform\'',
)
refuse(
    "policy of learn not summing",
    lambda g, p: fm.learn(g, NPG(0.1), 3, policy=p),
    G,
    edited(UNIFORM, (0, 1), 0.75),
    says=r"policy of player 0 must sum to 1, found .*1\.25.* in state 0",
)
refuse(
    "seed of learn", lambda g: fm.learn(g, NPG(0.1), 3, policy="random", rng="x"), G, error=TypeError,
    says=r"rng must be None.*found 'x'"
)
refuse(
    "record a dict",
    lambda g: fm.learn(g, NPG(0.1), 3, record={"every": 2}),
    G,
    error=TypeError,
    says=r"record must be a fastmpg\.Record, found \{'every': 2\}",
)
refuse(
    "a trace that does not fit",
    lambda g: fm.ensemble(g, NPG(0.1), 10**6, 10**4, record=fm.Record(metrics=("policy",))),
    G,
    error=MemoryError,
    says=r"a trace of 1000001 steps of policy in 10000 runs needs \S+ GiB.*Record\(every",
)

# Records
refuse(
    "metric unknown", lambda m: fm.Record(metrics=m), ("ne_gap", "regret"),
    says=r"no metric 'regret'; choose from .*ne_gap, qre_gap, value"
)
refuse(
    "metrics a name",
    lambda m: fm.Record(metrics=m),
    "ne_gap",
    error=TypeError,
    says=r"sequence of names, found the single name 'ne_gap'; write \('ne_gap',\)",
)
refuse("metrics not names", lambda m: fm.Record(metrics=m), (1,), says=r"no metric 1; choose from")
refuse("metrics None", lambda m: fm.Record(metrics=m), None, error=TypeError,
       says=r"metrics must be a sequence of names, found None")
refuse("every 0", fm.Record, 0, says=r"every must be at least 1, found 0")
refuse("every fractional", fm.Record, 2.5, error=TypeError, says=r"every must be a whole number, found 2\.5")
refuse("tau of a record negative", lambda t: fm.Record(tau=t), -0.1, says=r"tau must be .*found -0\.1")
refuse("recorded step negative", lambda k: fm.Record(steps=k), [3, -2],
       says=r"every entry of steps must be at least 0, found -2")
refuse("no recorded steps", lambda k: fm.Record(steps=k), [],
       says=r"steps must be a sequence of at least one step, found \[\]")
refuse("recorded step fractional", lambda k: fm.Record(steps=k), [0, 1.5], error=TypeError,
       says=r"steps.* whole number.*1\.5")
refuse("recorded step a number", lambda k: fm.Record(steps=k), 5, error=TypeError, says=r"steps must be a sequence.*5")
refuse(
    "recorded step beyond the run",
    lambda g: fm.learn(g, NPG(0.1), 5, record=fm.Record(steps=[0, 9])),
    G,
    says=r"cannot record step 9 of a run of 5 steps",
)
refuse("log-spaced up to 0", fm.Record.log_spaced, 0, 5, says=r"last must be at least 1, found 0")

# Ensembles
refuse(
    "parameters that do not broadcast",
    lambda g: fm.ensemble(g, fm.rules.EntropyNaturalGradientPlay(np.ones(2), np.ones(3)), 3),
    G,
    says=r"parameters .*\(2,\).*\(3,\).* do not broadcast",
)
refuse(
    "parameters against runs",
    lambda g: fm.ensemble(g, NPG(np.ones(3)), 3, 4),
    G,
    says=r"parameters .*\(3,\).* do not broadcast against the run axis \(4,\)",
)
refuse("no runs", lambda g: fm.ensemble(g, NPG(0.1), 3, 0), G, says=r"runs must be at least 1, found 0")
refuse("an empty grid", lambda g, e: fm.ensemble(g, NPG(e), 3), G, np.zeros(0), says=r"eta|empty|at least one")
refuse(
    "one bad step of a grid",
    lambda g, e: fm.ensemble(g, NPG(e), 3),
    G,
    np.array([0.1, -0.2]),
    says=r"eta must be a finite number in \(0, inf\), found -0\.2",
)
refuse(
    "policies of other runs",
    lambda g, p: fm.ensemble(g, NPG(0.1), 3, 3, policy=p),
    G,
    np.stack([UNIFORM] * 2),
    says=r"policy must have one entry per run, \(3, S, A_total\), found shape \(2, 2, 4\)",
)
refuse("threads 0", lambda g: fm.ensemble(g, NPG(0.1), 3, 2, threads=0), G, says=r"threads must be at least 1, found 0")
refuse("seed of an ensemble", lambda g: fm.ensemble(g, NPG(0.1), 3, 2, rng=1.5), G, error=TypeError,
       says=r"rng must be None.*found 1\.5")


@pytest.mark.parametrize("call, args, error, says", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_malformed_run(call, args, error, says):
    check(call, args, error, says)


def test_the_table_has_no_doubles():
    names = [row[0] for row in TABLE]
    assert len(names) >= 40 and len(set(names)) == len(names)
