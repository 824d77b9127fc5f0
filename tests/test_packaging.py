"""What is shipped, as far as it is quick to see; ``python -m tests.packaging`` builds and installs it."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib

import pytest

import dualdiff
from tests import packaging

PROJECT = tomllib.loads((packaging.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_licence_is_shipped_and_stated_as_an_expression():
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["dualdiff/LICENSE"]
    assert (packaging.ROOT / "dualdiff/LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")
    assert not [line for line in PROJECT["classifiers"] if line.startswith("License ::")]  # PEP 639: not both


def test_each_python_that_is_supported_has_its_classifier():
    said = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]

    assert said == [version for version in packaging.PYTHONS if not version.endswith("t")]
    assert PROJECT["requires-python"] == f">={said[0]}"


def test_the_version_is_stated_in_one_place():
    assert PROJECT["dynamic"] == ["version"]
    assert dualdiff.__version__ == packaging.VERSION
    changes = (packaging.ROOT / "dualdiff/guide/changes.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)", changes, re.M)[0] == dualdiff.__version__


def test_numpy_is_the_only_requirement():
    assert PROJECT["dependencies"] == ["numpy>=2.0"]
    try:
        required = importlib.metadata.requires("dualdiff")
    except importlib.metadata.PackageNotFoundError:
        return
    assert [name for name in required if "extra ==" not in name] == ["numpy>=2.0"]


@pytest.mark.parametrize("options", [[], ["-OO"]], ids=["as it is", "without docstrings and assertions"])
def test_a_users_program_runs_with_warnings_as_errors(options, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(packaging.PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(packaging.ROOT)}
    command = [sys.executable, "-W", "error", *options, str(program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"dualdiff {dualdiff.__version__} works\n")
