"""Every case of the calculators' contract, by the functions and once through the command itself."""

import json
import subprocess
import sys

import pytest

from marketplace.policy import calculators
from tests.policy.policy_builders import CASES

FILES = sorted(CASES.glob("*.json"))


def test_the_cases_are_there() -> None:
    assert len(FILES) >= 21


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_contract_case(file) -> None:
    content = json.loads(file.read_text())
    calculator = getattr(calculators, file.stem.split("-")[0])
    assert calculator(json.dumps(content["case"]).encode()) == content["expected"]


@pytest.mark.parametrize("name", ["invoice-01-clean", "eligibility-01-lot-c", "deadlines-01-ordinary"])
def test_the_command_reads_a_file_and_prints_one_object(name: str, tmp_path) -> None:
    content = json.loads((CASES / f"{name}.json").read_text())
    file = tmp_path / "case.json"
    file.write_text(json.dumps(content["case"]))
    command = [sys.executable, "-m", "marketplace.policy_commands", "policy", name.split("-")[0], str(file)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == content["expected"]


def test_the_command_reads_standard_input_and_prints_a_table() -> None:
    content = json.loads((CASES / "invoice-05-small-invoice-carries-the-rest-forward.json").read_text())
    command = [sys.executable, "-m", "marketplace.policy_commands", "policy", "invoice", "-", "--table"]
    done = subprocess.run(command, input=json.dumps(content["case"]), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "£64.50" in done.stdout and "£78.50" in done.stdout and "incomplete" in done.stdout
    assert not done.stdout.lstrip().startswith("{")
