"""``benchmarks/tour.ipynb`` runs from its first cell to its last, and prints what is stored in it."""

import json
import re
from pathlib import Path

import pytest

FILE = Path(__file__).parent.parent / "benchmarks" / "tour.ipynb"
CELLS = json.loads(FILE.read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


def printed(cell):
    """The text of a cell's streams."""
    texts = [output["text"] for output in cell["outputs"] if output["output_type"] == "stream"]
    return "".join("".join(text) for text in texts)


def pictures(cell):
    return sum("image/png" in output.get("data", {}) for output in cell["outputs"])


def test_it_is_stored_as_it_was_executed_from_top_to_bottom():
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    assert not [output for cell in CODE for output in cell["outputs"] if output["output_type"] == "error"]
    assert sum(map(pictures, CODE)) >= 4
    stored = "\n".join("".join(cell["source"]) for cell in CELLS)
    assert not re.search(r"/(home|root|work|tmp|Users)/", stored + "".join(map(printed, CODE)))


def test_the_fit_has_the_certified_values():
    (text,) = [printed(cell) for cell in CODE if "certified" in printed(cell)]

    assert "b1 = 238.94213 ± 2.70701    certified 238.94213 ± 2.70701" in text
    assert "b2 = 0.00055015643 ± 7.26687e-06    certified 0.000550156 ± 7.26687e-06" in text


@pytest.mark.long
@pytest.mark.filterwarnings("default")  # those of Jupyter's own packages
def test_it_runs_and_prints_what_is_stored():
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for needed in ("ipykernel", "matplotlib", "scipy"):
        pytest.importorskip(needed)
    notebook = nbformat.read(FILE, as_version=4)
    root = {"metadata": {"path": str(FILE.parent.parent)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=root, record_timing=False).execute()

    ran = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    for now, stored in zip(ran, CODE, strict=True):
        assert pictures(now) == pictures(stored)
        tags, lines = stored["metadata"].get("tags", []), printed(now).splitlines()
        if "measured" in tags:  # times, and below them the mode that `jacobian` takes
            assert [line for line in lines if line.startswith("jacobian(")] == printed(stored).splitlines()[-1:]
        elif "machine" in tags:  # a program is written for the NumPy and the machine that it is to run on
            assert lines[0] == printed(stored).splitlines()[0] and len(lines) > 10
        else:
            assert printed(now) == printed(stored)
