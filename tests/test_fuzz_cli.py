"""Seeded mutations of valid commands, and of the files that they read: a sentence, whatever is asked.

``FASTMPG_FUZZ=20000 python -m pytest tests/test_fuzz_cli.py -m slow`` tries as many.
"""

import contextlib
import io
import os
import shutil

import numpy as np
import pytest
from test_io_fuzz import damaged
from test_public_entries import SECONDS, in_time

import fastmpg as fm
from fastmpg import cli
from fastmpg.cli import output

TRIES = int(os.environ.get("FASTMPG_FUZZ", 700))
COMMANDS = [line.split() for line in """
run zhang_3x2 NaturalGradientPlay --eta 5 --steps 10 --metrics ne_gap,value --every 2 --json
run zhang-3x2 gradient-play --eta 0.1 --lam 0.01 --steps 3 --policy random --seed 3 --runs 2 --out out.npz
run routing TwoTimescaleQ --tau 0.01 --num-players 2 --steps 20 --checkpoint new.ckpt --trajectory moves
run game.nfg QAscent --eta 0.1 --steps 2 --tolerance 0.5 --until ne_gap=1e-6
run game.npz FrankWolfe --steps 2
sweep zhang_3x2 NaturalGradientPlay --grid eta=0.1,0.2 --steps 2 --folder new --runs 2 --engine serial
sweep routing TwoTimescaleQ --grid tau=0.1 --steps 4 --folder swept --num-players 2
status swept --json
status swept
resume run.ckpt --steps 30 --json --out again.npz
resume run.ckpt
solve zhang_3x2 --json
solve zhang_3x2 --method round_robin --starts 2
solve game.nfg --method quantal_response_tracing
info zhang_3x2 --potential
info routing --num-players 3 --json
info
list games --json
list rules
list
plot result.npz --metric ne_gap --out picture.svg --log
plot game.npz --kind graph --out picture.svg
--version
""".strip().splitlines()]
ODD = ["", "-1", "0", "nan", "inf", "-inf", "1e400", "1e-320", "0.5", "1_0", "٣", "é", "--", "-", "-h", "../..", "/",
       "=", ",", "a=b", "[]", "{}", "None", "True", "x" * 5000, "--steps", "--json", "--eta=", "--eta", "zhang_3x2",
       "GradientPlay", "run", "game.nfg", "result.npz", "run.ckpt", "swept", ".", "nothing", "eta=1,,2", "unchanged=",
       "0x10", "1e3", "--seed=-1", "--runs=1000000000000", "--every=0", "'", '"', "\\", "%s", "{0}", "\n", "\ud800"]


def mutated(rng, words):
    """The same command with one to three words that come, go, change or change places."""
    words = list(words)
    for _ in range(rng.integers(1, 4)):
        at, how = rng.integers(len(words)), rng.integers(7)
        word = words[at]
        if how == 0 and len(words) > 1:
            words.pop(at)
        elif how == 1:
            words.insert(at, word)
        elif how == 2:
            other = rng.integers(len(words))
            words[at], words[other] = words[other], word
        elif how == 3 and word:
            cut = rng.integers(len(word))
            words[at] = word[:cut] + "xX=-,.07é"[rng.integers(9)] + word[cut + rng.integers(2):]
        elif how == 4:
            words.insert(at, ODD[rng.integers(len(ODD))])
        else:
            words[at] = ODD[rng.integers(len(ODD))]
    return words


def answered(words):
    """What is wrong with the answer to a command, or None."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with in_time(SECONDS), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(words)
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    said = err.getvalue()
    if status not in (output.OK, output.BAD_INPUT, output.MISSED) or "Traceback" in said + out.getvalue():
        return f"exit {status}: {said[-300:]}"
    if status == output.BAD_INPUT and not 20 < len(said) < 12_000:
        return f"says {len(said)} characters: {said[:200]}"
    return None


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Files that the commands read, and a folder in which they may write."""
    whole, here = tmp_path / "whole", tmp_path / "here"
    whole.mkdir()
    game = fm.NormalFormGame([[[1.0, 2.0], [0.5, 0.25]], [[0.0, 1.0], [2.0, 7.0]]])
    game.save(whole / "game.npz")
    fm.io.write(game, whole / "game.nfg")
    fm.learn(game, fm.rules.QAscent(0.1), 5).save(whole / "result.npz")
    routing, rule = fm.games.routing(2), fm.rules.TwoTimescaleQ(tau=0.1)
    fm.learn(routing, rule, 10, rng=0, checkpoint=whole / "run.ckpt")
    monkeypatch.chdir(whole)
    assert cli.main(COMMANDS[6]) == output.OK
    shutil.copytree(whole, here)
    monkeypatch.chdir(here)
    return whole, here


def tried(tries, seed, whole, here):
    rng, wrong = np.random.default_rng(seed), []
    files = sorted(each for each in whole.rglob("*") if each.is_file())
    for number in range(tries):
        words = COMMANDS[rng.integers(len(COMMANDS))]
        if rng.random() < 0.25:
            file = files[rng.integers(len(files))]
            (here / file.relative_to(whole)).write_bytes(damaged(file.read_bytes(), rng))
            if rng.random() < 0.5:
                words = mutated(rng, words)
        else:
            words = mutated(rng, words)
        problem = answered(words)
        if problem:
            wrong.append(f"{number}: {words}: {problem}")
        for each in here.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.copytree(whole, here, dirs_exist_ok=True)
    return wrong


def test_the_commands_are_valid(place):
    for words in COMMANDS:
        assert cli.main(words) in (output.OK, output.MISSED), words


def test_mutated_commands(place):
    assert not tried(100, 0, *place)


@pytest.mark.slow
def test_more_mutated_commands(place):
    wrong = tried(TRIES, 1, *place)
    assert not wrong, f"{len(wrong)} of {TRIES}\n" + "\n".join(wrong[:40])
