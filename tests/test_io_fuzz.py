"""Files that are damaged at random: a game, or an error of ours that names the file. FASTMPG_FUZZ=N tries N a file."""

import os
import warnings

import numpy as np
import pytest
from test_io_roads import BRAESS, TRIPS
from test_io_tables import PREAMBLE, TABLE, TIGER

import fastmpg as fm
from fastmpg import _check

TRIES = int(os.environ.get("FASTMPG_FUZZ", "100"))
MOVES = PREAMBLE + """start exclude: a
T: 0 : a : b 1.0
T: 0 : b
0.25 0.25 0.5
T: 0 : c reset
T: 1 uniform
R: 0 : * : * -1.5
R: 1 : a 1 2 3
"""
SEEN = TIGER.replace("0.85 0.15", "1.0 0.0").replace("0.15 0.85", "0.0 1.0")
WORDS = ["0", "1", "-1", "1e400", "nan", "inf", "1e-320", "99999999999999999999", "4000000", "*", ":", ";", "#", "~",
         "<", ">", ",", '"', "{", "T:", "O:", "R:", "start:", "start include:", "states:", "uniform", "identity",
         "reset", "a", "é", "\x00", "٣", "1_0", "0x1", "delta", "Origin", "\n", "\r", "", " "]
READERS = {
    "x.mdp": (MOVES, fm.io.read_cassandra), "y.pomdp": (SEEN, fm.io.read_cassandra),
    "tiger.pomdp": (TIGER, fm.io.read_cassandra), "x.csv": (TABLE, fm.io.read_sgamesolver),
    "x_net.tntp": (BRAESS, lambda path: fm.io.read_tntp(path, pairs=[(1, 2)] * 2)),
    "x_trips.tntp": (TRIPS, fm.io.read_tntp_trips)}


def damaged(content, rng):
    """A file with up to four changes: bytes, words and lines that come, go, or change places."""
    for _ in range(rng.integers(1, 5)):
        kind, at = rng.integers(0, 7), int(rng.integers(0, max(1, len(content))))
        if kind == 0:
            content = content[:at] + bytes([rng.integers(0, 256)]) + content[at + 1:]
        elif kind == 1:
            content = content[:at]
        elif kind == 2:
            content = content[:at] + content[at + int(rng.integers(1, 30)):]
        elif kind == 3:
            content = content[:at] + WORDS[rng.integers(len(WORDS))].encode() + content[at:]
        else:
            cut = b"\n" if kind == 4 else b" "
            parts = content.split(cut)
            one, other = rng.integers(0, len(parts), 2)
            if kind == 6:
                parts[one] = WORDS[rng.integers(len(WORDS))].encode()
            else:
                parts[one], parts[other] = parts[other], parts[one]
            content = cut.join(parts)
    return content


@pytest.mark.parametrize("name", READERS)
def test_damaged_files(name, tmp_path, rng, monkeypatch):
    monkeypatch.setattr(_check, "free_bytes", lambda: 2**26)  # whatever a file asks for beyond is refused
    text, reader = READERS[name]
    path, kinds = tmp_path / name, {"read": 0}
    for k in range(TRIES):
        content = damaged(text.encode(), rng)
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                reader(path)
            kinds["read"] += 1
        except (ValueError, MemoryError) as error:
            said = str(error)
            assert name in said or "pairs[" in said or "routing game" in said or "'x'" in said, (k, said, content)
            assert len(said) < 700
            kinds[type(error).__name__] = kinds.get(type(error).__name__, 0) + 1
        except Exception as error:
            pytest.fail(f"try {k}: {error!r} of {content!r}")
    assert kinds.get("ValueError", 0) > TRIES // 10, kinds


def test_files_that_are_no_text(tmp_path):
    for content in (b"", b"\xff\xfe\x00", bytes(range(256)), b"\n" * 100, np.arange(99.0).tobytes()):
        for name, (_, reader) in READERS.items():
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ValueError, match=name):
                reader(tmp_path / name)
            with pytest.raises(OSError, match="missing"):
                reader(tmp_path / f"missing_{name}")
