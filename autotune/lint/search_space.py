"""Warnings about a search space: what every proposal of it has."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from autotune.experiment.pattern import TABLE_BYTES
from autotune.lint import Code, Known, LintWarning, lint
from autotune.lint.notable import notable_proposals
from autotune.workload_file.workload_file import Workload


def lint_search_space(workload: Workload) -> tuple[LintWarning, ...]:
    """Warn of what every proposal of a workload's search space has.

    What is about quotas counts if every proposal in which the scheme has a quota has it.
    """
    texts: dict[tuple[int | None, Code], list[str]] = {}
    limited: dict[int | None, int] = {}
    proposals = 0
    known = _known(workload)
    for values in notable_proposals(workload.search_space, workload.monitoring.intervals):
        with contextlib.suppress(ValueError):  # a proposal that will fail; others won't
            schemes = workload.search_space.schemes(values)
            found = lint(schemes, workload.monitoring, workload.operations, known)
            proposals += 1
            for number, scheme in enumerate(schemes, start=1):
                limited[number] = limited.get(number, 0) + (scheme.quota is not None)
            for key, text in {(w.scheme, w.code): w.text for w in found}.items():
                texts.setdefault(key, []).append(text)
    return tuple(
        LintWarning(
            code=code,
            scheme=number,
            text=shown[0] if len(set(shown)) == 1 else f"with every proposal, such as: {shown[0]}",
        )
        for (number, code), shown in texts.items()
        if len(shown) == (limited[number] if code.value.startswith("quota-") else proposals)
    )


def _known(workload: Workload) -> Known:
    known = Known(huge_pages=workload.vm.huge_pages if workload.backend == "vm" else None)
    if (recording := workload.subject.recording) is not None:
        return replace(known, runtime_us=max(0, recording.duration_us - workload.start_after_us))
    if (pattern := workload.subject.pattern) is None:
        return known
    return replace(
        known,
        size_bytes=sum(region.size_bytes for region in pattern.regions) + TABLE_BYTES,
        runtime_us=max(
            0, sum(phase.duration_us for phase in pattern.phases) - workload.start_after_us
        ),
        maps_later=False,
    )
