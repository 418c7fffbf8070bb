"""Each key with values that make no sense: each is read, or refused in one line with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune.errors import InputError
from autotune.workload_file.workload_file import load_workload_file

KEYS = (
    *("name", "backend", "machine", "search_space", "objectives", "constraints", "budget"),
    *("sampler", "parallel", "confirmations", "seed", "monitoring", "vm", "host", "workload"),
    *("workload.pattern", "workload.timeout", "workload.files", "workload.ready"),
    *("budget.trials", "budget.time", "host.swap", "host.compression", "host.huge_pages"),
    *("monitoring.sampling_interval", "monitoring.aggregation_interval"),
    *("monitoring.update_interval", "monitoring.min_regions", "monitoring.max_regions"),
    *("monitoring.start_after", "vm.memory", "vm.swap", "vm.compression", "vm.huge_pages"),
    *("vm.mips", "vm.mode", "vm.cpus", "vm.kernel", "vm.modules"),
)
VALUES = (
    *("", "null", "true", '" "', "[]", "{}", "[[]]", "{a: 1}", "-1", "1.5", ".nan", "9" * 400),
    *("-1s", "99999999999999999999s", "99999999999999999999G", "-5%", "!!python/object:x y"),
    *('"\\u0000"', "/", "..", "x" * 5000),
)
LONGEST = 600


@pytest.mark.parametrize("key", KEYS)
def test_a_value_that_makes_no_sense_is_refused_in_one_line_with_its_place(
    key: str, tmp_path: Path
) -> None:
    (tmp_path / "t.cfg").write_text("a, 4096\n\np\n1000\na, 0, 4096, 1\n")
    path = tmp_path / "w.yaml"
    section, _, inner = key.partition(".")
    messages: list[str] = []

    for value in VALUES:
        lines = {"workload": "{pattern: t.cfg}", section: f"{{{inner}: {value}}}"}
        if section == "workload" and inner != "pattern":
            lines["workload"] = f"{{pattern: t.cfg, {inner}: {value}}}"
        if not inner:
            lines[section] = value
        path.write_text("".join(f"{name}: {text}\n" for name, text in lines.items()))
        try:
            load_workload_file(path)
        except InputError as error:
            messages.append(str(error))

    assert len(messages) >= len(VALUES) // 2
    assert [one for one in messages if not one.startswith(f"{path}:")] == []
    assert [one for one in messages if "\n" in one or len(one) > LONGEST] == []
