from __future__ import annotations

from pathlib import Path

import pytest

from autotune.errors import InputError
from autotune.run_folder.folder import RunFolder
from autotune.run_folder.measurements import LoggedMeasurement, read_measurements
from autotune.testing import measurement


def logged(seed: int) -> LoggedMeasurement:
    return LoggedMeasurement(
        role="trial",
        trial=3,
        seed=seed,
        scheme="min max 0 0 5s max pageout",
        measurement=measurement(runtime_s=10.0 + seed / 3),
    )


def keep(folder: Path, made: LoggedMeasurement) -> None:
    RunFolder(folder).append_json("measurements.jsonl", made.to_dict())


def test_measurements_read_back_as_they_were(tmp_path: Path) -> None:
    made = [logged(seed) for seed in range(3)]

    for item in made:
        keep(tmp_path, item)

    assert read_measurements(tmp_path / "measurements.jsonl") == made


@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_torn_last_line_is_left_out(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "measurements.jsonl"
    keep(tmp_path, logged(0))
    whole = len(path.read_bytes())
    keep(tmp_path, logged(1))

    content = path.read_bytes()
    path.write_bytes(content[: whole + kept] if kept > 0 else content[:kept])

    assert read_measurements(path) == [logged(0)]


def test_damage_elsewhere_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "measurements.jsonl"
    keep(tmp_path, logged(0))
    path.write_bytes(path.read_bytes() + b'{"role": 1}\n')
    keep(tmp_path, logged(1))

    with pytest.raises(InputError) as error:
        read_measurements(path)

    assert str(error.value) == (
        f"{path}:2: is damaged, not a measurement: restore the file from a copy "
        "(not a measurement: 'measurement')"
    )


def test_a_missing_file_of_measurements_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_measurements(tmp_path / "measurements.jsonl")

    assert str(error.value) == (
        f"{tmp_path}/measurements.jsonl: can't be read: No such file or directory"
    )
