"""Archives that anybody may have made, tried on every reader: a program of its own, as its audit hook cannot be taken
back. ``python tests/forging.py TRIES SEED`` prints how they ended, and what went wrong, as JSON.
"""

import contextlib
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tempfile
import tracemalloc
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import writing

import fastmpg as fm
from fastmpg import _check
from fastmpg._check import storage
from fastmpg.run import checkpoint

BUDGET = 2**25  # bytes that are free, as far as readers are told
SPARE = 2**24  # that a reader may take besides: buffers, messages, what was imported late
# what reading data never does: run something, change a file, open a connection
FORBIDDEN = ("os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "subprocess.", "socket.", "ctypes.dlopen",
             "pickle.find_class", "shutil.", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
             "os.truncate", "os.chmod", "webbrowser.", "urllib.", "code.__new__")
ODD = [None, True, -1, 0, 10**400, 2**63, 1.5, 1e308, float("nan"), "", "../../x", "/etc/passwd", "\0", "x" * 10**5,
       "__import__('os').system('touch planted')", [], {}, [[]], [1] * 1000]
NAMES = ["../x.npy", "/etc/passwd", "a/../../b.npy", "meta.json.npy", "x\\y.npy", "policy.npy", "é.npy", "x" * 300, "."]
TYPES = ["|O", "<f8", "<f4", "<c16", "|V999999999", "<U100000000", "<M8[s]", "|S0", "[('a', '<f8')]", ">i8", "|b1",
         "__import__('os').system('touch planted')"]
SHAPES = ["()", "(0,)", "(10**18,)", "(1000000000000000000,)", "(-1,)", "(2, 2)", "(" * 2000, "(1,) * 10", "'x'",
          f"({'1, ' * 70})", "(3037000500, 3037000500)"]


RUN = fm.games.random_markov(2, (2, 3), rng=0)
RULES = {"TwoTimescaleQ": fm.rules.TwoTimescaleQ(0.1), "QAscent": fm.rules.QAscent(0.1),
         "IndependentQLearning": fm.rules.IndependentQLearning(0.1, 0.1),
         "DecentralisedQLearning": fm.rules.DecentralisedQLearning(5), "NSCPLearner": fm.rules.NSCPLearner()}
GAMES = {"dense": lambda: RUN, "sparse": lambda: fm.games.random_markov(5, (2, 3), rng=3, sparse=2),
         "counted": lambda: fm.games.routing(4, form="count"), "polymatrix": lambda: fm.games.ring_polymatrix(3, 2)}


def played(path):
    """A game that could be read can be asked, too."""
    game = fm.Game.load(path)
    with contextlib.suppress(ValueError):  # of values beyond all numbers
        fm.ne_gap(game, fm.uniform_policy(game))
    return fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 20, rng=0, record=fm.Record(metrics=("policy",)))


METHODS = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED]


class Payload:
    """What unpickling would run."""

    def __reduce__(self):
        return os.system, ("touch planted",)


class Audit:
    """What the process did while it read."""

    def __init__(self):
        self.on, self.seen, self.writes = False, set(), None  # a folder in which a run that goes on may write
        sys.addaudithook(self)

    def __call__(self, event, given):
        if not self.on:
            return
        names = [str(each) for each in given if isinstance(each, str | os.PathLike)]
        if self.writes and names and names[0].startswith(self.writes) and event.startswith(("open", "os.")):
            return
        if event.startswith(FORBIDDEN) and not (self.writes and event == "os.truncate"):  # of its lock
            self.seen.add(event)
        elif event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            name = os.fspath(given[0]) if isinstance(given[0], str | bytes | os.PathLike) else ""
            if not str(name).endswith(".lock"):
                self.seen.add(f"open {name}")


def header(rng, value):
    """An array of an archive, as its header tells it; or a pickle."""
    if rng.random() < 0.15:
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + (
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n") + pickle.dumps([Payload()])
    dtype = repr(value.dtype.str) if rng.random() < 0.6 else repr(TYPES[rng.integers(len(TYPES))])
    shape = str(value.shape) if rng.random() < 0.5 else SHAPES[rng.integers(len(SHAPES))]
    text = f"{{'descr': {dtype}, 'fortran_order': {bool(rng.integers(2))}, 'shape': {shape}, }}".encode()
    text = text.ljust(-(-len(text) // 64) * 64 + 53) + b"\n"
    version = [b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"][rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])]
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text) % (2**16 if version[0] == 1 else 2**32))
    content = np.ascontiguousarray(value).tobytes()
    if rng.random() < 0.3:
        content = content[:rng.integers(len(content) + 1)]
    return b"\x93NUMPY" + version + length + text + content


def told(rng, content):
    """A description with a value that nobody expects."""
    found = json.loads(bytes(np.load(io.BytesIO(content))))
    where = found
    while isinstance(where, dict) and where:
        key = list(where)[rng.integers(len(where))]
        if not isinstance(where[key], dict) or rng.random() < 0.5:
            break
        where = where[key]
    if isinstance(where, dict) and where:
        if rng.random() < 0.3:
            del where[key]
        else:
            where[key] = ODD[rng.integers(len(ODD))]
    text = json.dumps(found)
    if rng.random() < 0.1:
        text = ["[" * 10**5, '{"a":' * 10**5, "9" * 10**5, text[:-1], "NaN"][rng.integers(5)]
    return packed(np.frombuffer(text.encode(), np.uint8))


def packed(value):
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return buffer.getvalue()


def forged(rng, content):
    """An archive with one to three members that are others, sealed as the library would, or not."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    for _ in range(rng.integers(1, 4)):
        at, how = rng.integers(len(members)), rng.integers(8)
        name, data = members[at]
        if how == 0 and len(members) > 1:
            members.pop(at)
        elif how == 1:
            members[at] = NAMES[rng.integers(len(NAMES))], data
        elif how == 2:
            members.append((name, data))
        elif how == 3 and name.startswith(storage.META):
            with contextlib.suppress(MemoryError, *storage.FORGED), np.errstate(all="ignore"):
                members[at] = name, told(rng, data)
        elif how in (3, 4):
            with contextlib.suppress(MemoryError, *storage.FORGED), np.errstate(all="ignore"):
                members[at] = name, header(rng, np.load(io.BytesIO(data)))
        elif how == 5:
            with contextlib.suppress(MemoryError, *storage.FORGED), np.errstate(all="ignore"):
                value = np.array(np.load(io.BytesIO(data)))
                if value.size and value.dtype.kind in "fiu":
                    value.flat[rng.integers(value.size)] = [0, 1, 127, 255][rng.integers(4)]
                    value = value.astype([value.dtype, float, np.int64, np.uint8][rng.integers(4)])
                members[at] = name, packed(value[..., 1:] if value.ndim and rng.random() < 0.3 else value)
        elif how == 6:
            members[at] = name, data[:rng.integers(len(data) + 1)]
        elif rng.random() < 0.1:  # 64 MiB in 64 KiB
            members[at] = name, header(rng, np.zeros(1)) + bytes(2**26)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "w", METHODS[rng.choice(4, p=[0.6, 0.05, 0.05, 0.3])]) as target:
            for name, data in members:
                target.writestr(name, data)
    body = bytearray(buffer.getvalue()[:-2])
    if rng.random() < 0.2:  # the directory lies: sizes, offsets, names, methods
        directory = body.rfind(b"PK\x01\x02")
        body[directory + rng.integers(8, 46)] = rng.integers(256)
    body = bytes(body)
    return body + storage.SEAL.to_bytes(2, "little") + hashlib.sha256(body).hexdigest().encode()


def originals(folder):
    """{reader: (file, how it is read)}."""
    places = {name: folder / name for name in ("result", "game.npz", "tables.npz", "moves", "sweep")}
    for name, where in (("result", "result"), ("game", "game.npz"), ("npz", "tables.npz"), ("sweep", "sweep")):
        (writing.FILES | writing.FOLDERS)[name].write(places[where], 0)
    writing.segments(places["moves"], 0)
    for name, rule in RULES.items():
        fm.learn(RUN, rule, 20, rng=0, record=fm.Record(every=10, metrics=("policy",)), checkpoint=folder / name)
        checkpoint.previous(folder / name).unlink(missing_ok=True)
    for name, game in GAMES.items():
        game().save(folder / f"{name}.npz")
    segment = next(iter(sorted(places["moves"].glob("*.npz"))))
    found = {"result": (places["result"], fm.Result.load), "game": (places["game.npz"], fm.Game.load),
             "npz": (places["tables.npz"], fm.io.read),
             "segment": (segment, lambda path: writing.moves(places["moves"])),
             "task": (places["sweep"] / "000000.npz", lambda path: fm.Sweep.load(places["sweep"]))}
    found |= {f"checkpoint of {name}": (folder / name, lambda path: fm.resume(path, 40)) for name in RULES}
    found |= {f"{name} game": (folder / f"{name}.npz", played) for name in GAMES}
    for path, read in found.values():
        content = path.read_bytes()
        read(path)
        path.write_bytes(content)
        checkpoint.previous(path).unlink(missing_ok=True)
    return found


def main(tries, seed):
    rng, audit, ended, wrong, most = np.random.default_rng(seed), Audit(), Counter(), [], 0
    _check.free_bytes = lambda: BUDGET
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        found = originals(Path(name))
        contents = {kind: path.read_bytes() for kind, (path, _) in found.items()}
        kept = writing.listing(Path(name))
        for number in range(tries):
            kind = list(found)[number % len(found)]
            path, read = found[kind]
            path.write_bytes(forged(rng, contents[kind]))
            audit.writes = name if kind.startswith("checkpoint") else None
            tracemalloc.start()
            try:
                audit.on = True
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    read(path)
                ended[f"{kind}: read"] += 1
            except (ValueError, MemoryError, FileNotFoundError, fm.Diverged) as error:
                ended[f"{kind}: {type(error).__name__}"] += 1
                if len(str(error)) < 20 or len(str(error)) > 1000:
                    wrong.append(f"{number} {kind}: says {str(error)[:300]!r}")
            except BaseException as error:
                wrong.append(f"{number} {kind}: {error!r}"[:400])
            finally:
                audit.on = False
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            most = max(most, peak)
            if peak > BUDGET + SPARE:
                wrong.append(f"{number} {kind}: took {peak} bytes")
            if audit.seen:
                wrong.append(f"{number} {kind}: did {sorted(audit.seen)}")
                audit.seen.clear()
            path.write_bytes(contents[kind])
            checkpoint.previous(path).unlink(missing_ok=True)
            if number % 100 == 99 and writing.listing(Path(name)) != kept:
                wrong.append(f"{number} {kind}: files changed")
                kept = writing.listing(Path(name))
    print(json.dumps({"tries": tries, "ended": ended, "most_bytes": most, "wrong": wrong[:50], "count": len(wrong)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
