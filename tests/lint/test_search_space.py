from __future__ import annotations

from pathlib import Path

import pytest

from autotune.lint import Code, Known, lint
from autotune.lint.notable import notable_proposals
from autotune.lint.search_space import lint_search_space
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file

SPACES = {
    "every": """
    - action: cold
      pattern.min_age: 1050ms
      parameters: {pattern.min_size: {low: 4K, high: 64M, scale: log}}
""",
    "some": """
    - action: pageout
      parameters:
        pattern.max_access_rate: {choices: [1%, 50%, 100%]}
        apply_interval: {choices: [1ms, 100ms]}
""",
    "two schemes": """
    - action: pageout
      pattern.max_access_rate: 0%
      pattern.min_age: 1s
    - action: cold
      pattern.max_access_rate: 0%
      parameters: {pattern.min_age: {low: 2050ms, high: 2060ms}}
""",
}


def workload(folder: Path, schemes: str) -> WorkloadFile:
    """One of which nothing is known: its program can be anything."""
    file = folder / "w.yaml"
    file.write_text(
        "workload: {command: [sleep, '1']}\nbackend: host\n"
        f"search_space:\n  schemes:\n{schemes.lstrip(chr(10))}"
    )
    return load_workload_file(file)


def found(program: WorkloadFile) -> set[tuple[int | None, Code]]:
    return {(warning.scheme, warning.code) for warning in lint_search_space(program)}


@pytest.mark.parametrize("schemes", SPACES.values(), ids=SPACES)
def test_warned_of_is_what_each_proposal_by_itself_is_warned_of(
    tmp_path: Path, schemes: str
) -> None:
    program = workload(tmp_path, schemes)
    space, monitoring = program.search_space, program.monitoring
    singly = [
        {
            (warning.scheme, warning.code)
            for warning in lint(space.schemes(v), monitoring, program.operations, Known())
        }
        for v in notable_proposals(space, monitoring.intervals)
    ]

    assert any(singly)
    assert found(program) == set.intersection(*singly)


def test_what_is_about_a_quota_is_asked_only_of_the_proposals_with_one(tmp_path: Path) -> None:
    switched = """
    - action: pageout
      pattern.max_access_rate: 0%
      quota.reset_interval: 0s
      quota.weights.age: 1
      parameters:
        limit: {choices: [none, size]}
        quota.size: {low: 1M, high: 1G, scale: log, when: {limit: size}}
"""
    sometimes = switched.replace("      quota.reset_interval: 0s\n", "") + (
        "        quota.reset_interval: {choices: [0s, 1s], when: {limit: size}}\n"
    )

    assert (1, Code.QUOTA_EVERY_PASS) in found(workload(tmp_path, switched))
    assert (1, Code.QUOTA_EVERY_PASS) not in found(workload(tmp_path, sometimes))


def test_a_proposal_that_is_no_possible_scheme_says_nothing(tmp_path: Path) -> None:
    crossing = """
    - action: cold
      pattern.min_age: 1050ms
      parameters: {pattern.max_age: {choices: [500ms, 5s]}}
"""
    assert found(workload(tmp_path, crossing)) == {(1, Code.AGE_UNALIGNED)}


def test_a_text_that_differs_by_proposal_is_an_example(tmp_path: Path) -> None:
    ages = """
    - action: cold
      parameters: {pattern.min_age: {choices: [1050ms, 2050ms]}}
"""
    (same,) = lint_search_space(workload(tmp_path, SPACES["every"]))
    (differing,) = lint_search_space(workload(tmp_path, ages))

    assert same.text.startswith("min age 1050ms is no whole number of aggregation intervals")
    assert differing.text.startswith("with every proposal, such as: min age 1050ms is no whole")
