"""Warnings about a search space: warnings that every proposal of it causes."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from autotune.damon.recording import Recording
from autotune.experiment.pattern import TABLE_BYTES, Pattern
from autotune.lint import Code, Known, LintWarning, lint
from autotune.lint.notable import notable_proposals
from autotune.workload_file.workload_file import WorkloadFile


def lint_search_space(file: WorkloadFile) -> tuple[LintWarning, ...]:
    """Give the warnings that every proposal of a workload's search space causes.

    A warning about quotas is given if every proposal that has a quota causes it.
    """
    texts: dict[tuple[int | None, Code], list[str]] = {}
    limited: dict[int | None, int] = {}
    proposals = 0
    known = _known(file)
    for values in notable_proposals(file.search_space, file.monitoring.intervals):
        with contextlib.suppress(ValueError):  # a proposal whose schemes are impossible
            schemes = file.search_space.schemes(values)
            found = lint(schemes, file.monitoring, file.operations, known)
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


def _known(file: WorkloadFile) -> Known:
    huge_pages = file.backend.vm.huge_pages if file.backend.name == "vm" else None
    known = Known(huge_pages=huge_pages)
    workload = file.workload
    if isinstance(workload, Recording):
        return replace(known, runtime_us=max(0, workload.duration_us - file.start_after_us))
    if not isinstance(workload, Pattern):
        return known
    return replace(
        known,
        size_bytes=sum(region.size_bytes for region in workload.regions) + TABLE_BYTES,
        runtime_us=max(
            0, sum(phase.duration_us for phase in workload.phases) - file.start_after_us
        ),
        maps_later=False,
    )
