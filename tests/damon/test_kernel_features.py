from __future__ import annotations

from pathlib import Path, PurePosixPath

from autotune.damon.damos import FilterType, GoalMetric
from autotune.damon.kernel_features import FEATURES, OTHER_WORDS, feature_of
from tests.driver.fake_kernel import WORDS
from tests.formats.test_damo_oracle import ORACLE, Oracle


def test_every_feature_came_with_the_release_that_damos_list_says(tmp_path: Path) -> None:
    oracle = Oracle(ORACLE, tmp_path)

    listed = oracle("releases", names=[feature.reason for feature in FEATURES])
    oracle.close()

    assert [(feature.name, str(feature.since)) for feature in FEATURES] == [
        (feature.name, release) for feature, release in zip(FEATURES, listed, strict=True)
    ]


def test_a_feature_is_found_by_each_of_its_files() -> None:
    for feature in FEATURES:
        for file in feature.files:
            assert feature_of(f"0/contexts/0/schemes/0/{file}", feature.word) is feature


def test_what_every_kernel_has_is_no_feature() -> None:
    assert feature_of("0/contexts/0/schemes/0/action") is None
    assert feature_of("0/contexts/0/schemes/0/filters/0/type", "anon") is None


def test_every_word_for_a_filter_or_a_goal_is_known_to_linux_6_12_or_a_feature() -> None:
    newer = {
        (PurePosixPath(file).name, feature.word)
        for feature in FEATURES
        if feature.word is not None
        for file in feature.files
    }

    assert newer == {
        *(("type", kind.value) for kind in FilterType if kind.value not in WORDS["type"]),
        *(
            ("target_metric", metric.value)
            for metric in GoalMetric
            if metric.value not in WORDS["target_metric"]
        ),
    }
    assert {file for file, _ in newer} <= OTHER_WORDS.keys()


def test_names_are_told_apart() -> None:
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
