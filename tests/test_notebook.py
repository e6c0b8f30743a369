"""A notebook, executed by a real kernel: what it shows, Ctrl-C in it, and processes that it starts."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiled

FIRST = """
import fastmpg as fm
game = fm.games.zhang_3x2()
result = fm.learn(game, fm.rules.NaturalGradientPlay(eta=0.1), 2000, progress=True)
result
"""
LONG = """
game, rule = fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=0.01)
print("begun", flush=True)
try:
    fm.learn(game, rule, 10**12, rng=0, record=fm.Record(steps=fm.Record.log_spaced(10**12, 60), metrics=("q",)))
except fm.Interrupted as error:
    partial = error.result
"""
AFTER = """
print(partial.status, partial.steps > 0, partial.trace["q"].shape[0] > 1, fm.ne_gap(game, partial.policy).size)
"""


@pytest.mark.peers
def test_a_notebook(tmp_path):
    """Results show themselves as tables; an interrupted cell leaves what it has computed, and the kernel goes on."""
    import nbformat
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(source) for source in (FIRST, LONG, AFTER)]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=300, kernel_name="python3",
                            resources={"metadata": {"path": str(tmp_path)}})
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        shown = [each["data"] for each in cells[0]["outputs"] if each["output_type"] == "execute_result"]
        assert "<table" in shown[0]["text/html"] and "<svg" in shown[0]["text/html"]

        def interrupt():
            while not any("begun" in each.get("text", "") for each in cells[1].get("outputs", [])):
                time.sleep(0.1)
            time.sleep(3.0)
            os.kill(client.km.provisioner.pid, signal.SIGINT)  # what the stop button does

        helper = threading.Thread(target=interrupt)
        helper.start()
        client.execute_cell(cells[1], 1)
        helper.join()
        client.execute_cell(cells[2], 2)
    assert cells[2]["outputs"][0]["text"] == "interrupted True True 4\n"


CHILDREN = """
import sys
sys.path.insert(0, {tests!r})
import offspring
offspring.main({kind!r}, 6)
"""


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["fork", "spawn", "joblib-loky"])
def test_children_of_a_notebook(kind, tmp_path):
    """After parallel kernels have run in it: none dies, and all bits are the notebook's own."""
    import nbformat
    from nbclient import NotebookClient

    cell = nbformat.v4.new_code_cell(CHILDREN.format(tests=str(Path(__file__).parent), kind=kind))
    NotebookClient(nbformat.v4.new_notebook(cells=[cell]), timeout=300, kernel_name="python3",
                   resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = "".join(each.get("text", "") for each in cell["outputs"] if each.get("name") == "stdout")
    told = json.loads(text)
    assert told["right"] == (6 if kind == "joblib-loky" else 12) and not told["own"]
