"""damo's own classes as judges of our files, in a process of their own.

Started as a script, it answers requests, one line of JSON each way, until its input ends. A request has
`call` and that function's arguments. What damo would write to the kernel goes to a tree of ordinary
files below a temporary folder.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

INTERFACE = "kernel/mm/damon/admin/kdamonds"


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _make(folder: Path, counted: str, number: int) -> list[Path]:
    folder.mkdir(parents=True)
    (folder / counted).write_text(str(number))
    return [folder / str(index) for index in range(number)]


def _make_scheme(folder: Path, scheme: Any) -> None:
    for name in ("sz", "nr_accesses", "age"):
        (folder / "access_pattern" / name).mkdir(parents=True)
    (folder / "quotas/weights").mkdir(parents=True)
    (folder / "watermarks").mkdir()
    (folder / "apply_interval_us").write_text("0")
    for goal in _make(folder / "quotas/goals", "nr_goals", len(scheme.quotas.goals)):
        goal.mkdir()
        (goal / "target_metric").write_text("")
    for item in _make(folder / "filters", "nr_filters", len(scheme.filters)):
        item.mkdir()
        (item / "allow").write_text("N")


def _make_tree(root: Path, kdamonds: list[Any]) -> None:
    """Make the folders that the kernel would have made; damo makes none."""
    for folder, kdamond in zip(_make(root, "nr_kdamonds", len(kdamonds)), kdamonds, strict=True):
        contexts = _make(folder / "contexts", "nr_contexts", len(kdamond.contexts))
        for place, context in zip(contexts, kdamond.contexts, strict=True):
            (place / "monitoring_attrs/intervals").mkdir(parents=True)
            (place / "monitoring_attrs/nr_regions").mkdir()
            targets = _make(place / "targets", "nr_targets", len(context.targets))
            for spot, target in zip(targets, context.targets, strict=True):
                for region in _make(spot / "regions", "nr_regions", len(target.regions)):
                    region.mkdir()
            schemes = _make(place / "schemes", "nr_schemes", len(context.schemes))
            for spot, scheme in zip(schemes, context.schemes, strict=True):
                _make_scheme(spot, scheme)


def _staged(kdamonds: list[Any]) -> dict[str, str]:
    """What damo writes for one kdamond with one context, by path below the context."""
    sysfs = _module("_damon_sysfs")
    with tempfile.TemporaryDirectory() as folder:
        sysfs.sysfs_root = folder
        root = Path(folder) / INTERFACE
        _make_tree(root, kdamonds)
        if (error := sysfs.stage_kdamonds(kdamonds)) is not None:
            raise RuntimeError(error)
        top = root / "0/contexts/0"
        return {
            str(path.relative_to(top)): path.read_text()
            for path in top.rglob("*")
            if path.is_file()
        }


def stage_kdamonds(text: str) -> dict[str, str]:
    """What damo stages for the full form."""
    kdamonds, error = _module("_damon_args").kdamonds_from_json_arg(text)
    if error is not None:
        raise error
    return _staged(kdamonds)


def stage_schemes(text: str) -> dict[str, str]:
    """What damo stages for the list form, with its own intervals."""
    damon = _module("_damon")
    schemes, error = _module("_damon_args").schemes_option_to_damos(text)
    if error is not None:
        raise RuntimeError(error)
    return _staged([damon.Kdamond(None, None, [damon.DamonCtx(schemes=schemes)])])


def stage_words(words: list[str]) -> dict[str, str]:
    """What damo stages for the words after ``damo start``. Only for an isolated process."""
    damon, args_module = _module("_damon"), _module("_damon_args")
    parser = argparse.ArgumentParser()
    args_module.set_argparser(parser, add_record_options=False, min_help=False)
    args = parser.parse_args(words)
    args_module.update_args_defaults(args)
    if (error := args_module.deduce_target_update_args(args)) is not None:
        raise RuntimeError(error)
    (ops,) = args.ops
    schemes, error = args_module.damos_options_to_schemes(args)
    if error is not None:
        raise RuntimeError(error)
    regions = []
    if args.regions:
        regions, error = args_module.init_regions_for(args.regions[0], ops, None)
        if error is not None:
            raise RuntimeError(error)
    context = damon.DamonCtx(
        ops,
        [damon.DamonTarget(args.target_pid[0] if args.target_pid else None, regions)],
        damon.DamonIntervals(*args.monitoring_intervals[0]),
        damon.DamonNrRegionsRange(*args.monitoring_nr_regions_range[0]),
        schemes,
    )
    return _staged([damon.Kdamond(None, None, [context])])


def read_lines(text: str) -> list[dict[str, Any]]:
    """What damo's kept reader makes of one-line text, in its own units."""
    kept = _module("_damo_deprecated")
    kept.avoid_crashing_single_line_scheme_for_testing = True
    kept.avoid_crashing_v1_v3_schemes_for_testing = True
    schemes, error = kept.damo_single_line_schemes_to_damos(text)
    if error is not None:
        raise RuntimeError(error)
    return [
        {
            "action": scheme.action,
            "size": scheme.access_pattern.sz_bytes,
            "percent": [end.percent for end in scheme.access_pattern.nr_acc_min_max],
            "age_us": [end.usec for end in scheme.access_pattern.age_min_max],
            "quota": [
                scheme.quotas.time_ms,
                scheme.quotas.sz_bytes,
                scheme.quotas.reset_interval_ms,
            ],
            "weights": [
                scheme.quotas.weight_sz_permil,
                scheme.quotas.weight_nr_accesses_permil,
                scheme.quotas.weight_age_permil,
            ],
            "watermarks": [
                scheme.watermarks.metric,
                scheme.watermarks.interval_us,
                scheme.watermarks.high_permil,
                scheme.watermarks.mid_permil,
                scheme.watermarks.low_permil,
            ],
        }
        for scheme in schemes
    ]


def read_record(file: str) -> list[dict[str, Any]]:
    """What damo's reader finds in a record file."""
    records, error = _module("_damo_records").parse_records_file(file)
    if error is not None:
        raise RuntimeError(error)
    return [
        {
            "intervals_us": [record.intervals.sample, record.intervals.aggr],
            "snapshots": [
                [
                    one.start_time,
                    one.end_time,
                    [
                        [region.start, region.end, region.nr_accesses.samples, _age(region)]
                        for region in one.regions
                    ],
                ]
                for one in record.snapshots
            ],
        }
        for record in records
    ]


def _age(region: Any) -> int | None:
    age: int | None = region.age.aggr_intervals
    return age


def write_record(trace: str, file: str, *, interval_us: int) -> None:
    """Let damo make a record file of the text that perf prints of a trace."""
    damon, records_module = _module("_damon"), _module("_damo_records")
    intervals = damon.DamonIntervals(interval_us // 20, interval_us, 10 * interval_us)
    records, error = records_module.parse_damon_trace(trace, "perf-script", intervals)
    if error is not None:
        raise RuntimeError(error)
    records_module.write_json_compressed(records, file)


def releases(names: list[str]) -> list[str]:
    """The release of Linux that brought each feature, as damo's list has it."""
    features = _module("_damon_features")
    return [features.feature_of_name(name).upstreamed_version for name in names]


CALLS: dict[str, Callable[..., object]] = {
    call.__name__: call
    for call in (
        stage_kdamonds,
        stage_schemes,
        stage_words,
        read_lines,
        read_record,
        write_record,
        releases,
    )
}


def main() -> None:
    """Answer requests; whatever damo itself prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spec = importlib.util.find_spec("damo")
    if spec is None or spec.origin is None:
        sys.exit("damo is not installed")
    # damo's modules import each other by bare names.
    sys.path.insert(0, str(Path(spec.origin).parent))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, object] = {"result": CALLS[request.pop("call")](**request)}
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the test says what it is
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
