from __future__ import annotations

from pathlib import Path

from autotune.backends.vm.kept_speeds import KeptSpeeds
from autotune.experiment.other_speed import OtherSpeed

FOUND = OtherSpeed(speed=0.5, runtime_s=11.890547911999999, workload_cpu_s=7.960892336000001)


def test_what_is_kept_is_found_by_its_baseline(tmp_path: Path) -> None:
    kept = KeptSpeeds(tmp_path / "speeds")

    before = kept.get("a")
    kept.keep("a", FOUND)

    assert before is None
    assert KeptSpeeds(tmp_path / "speeds").get("a") == FOUND
    assert kept.get("b") is None


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    kept = KeptSpeeds(tmp_path)
    (tmp_path / "a.json").write_text('{"speed": 0.5')
    (tmp_path / "b.json").write_text('{"velocity": 0.5}')

    assert kept.get("a") is None
    assert kept.get("b") is None


def test_a_folder_that_can_not_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = KeptSpeeds(tmp_path / "file" / "speeds")

    kept.keep("a", FOUND)

    assert kept.get("a") is None
