"""Writes schemes in every form in which they can be applied."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from autotune.damon.damos import Scheme
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.formats import damo_args, damo_json, damos_text, module_parameters
from autotune.formats.forms import Form

SUFFIXES: Mapping[Form, str] = MappingProxyType(
    {
        Form.DAMOS: ".damos",
        Form.SCHEMES: ".schemes.json",
        Form.KDAMONDS: ".kdamonds.json",
        Form.ARGS: ".sh",
        Form.MODULE: ".params",
    }
)
"""The suffix of files of each form."""

KEPT_FORMS = (Form.DAMOS, Form.SCHEMES, Form.KDAMONDS)
"""The forms in which a run folder has each recommended scheme."""


def write_schemes(
    schemes: Sequence[Scheme], form: Form, monitoring: Monitoring, target: Target
) -> str:
    """Write schemes, as the kernel runs them, in one form.

    Raises:
        ValueError: If the form can't hold the schemes; the message says why.
    """
    if form is Form.DAMOS:
        return damos_text.dumps(schemes)
    if form is Form.SCHEMES:
        return damo_json.dumps_schemes(schemes)
    if form is Form.KDAMONDS:
        return damo_json.dumps_kdamonds(schemes, monitoring, target)
    if form is Form.ARGS:
        return damo_args.command_line(schemes, monitoring, target) + "\n"
    return module_parameters.dumps(schemes, monitoring)


def scheme_files(
    schemes: Sequence[Scheme], monitoring: Monitoring, operations: OperationsSet
) -> tuple[dict[str, str], dict[str, str]]:
    """Write schemes in every form that a run folder has.

    Args:
        schemes: The schemes, as the kernel runs them.
        monitoring: DAMON's attributes.
        operations: The address space. The process is filled in later.

    Returns:
        The text of each form that can hold the schemes, by suffix; and for each other form the reason
        why it can't, by suffix.
    """
    target = Target(operations=operations, pid=None if operations is OperationsSet.PADDR else 0)
    texts: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for form in KEPT_FORMS:
        try:
            texts[SUFFIXES[form]] = write_schemes(schemes, form, monitoring, target)
        except ValueError as error:
            reasons[SUFFIXES[form]] = str(error)
    return texts, reasons


def scheme_text(schemes: Iterable[Scheme]) -> str:
    """Write schemes in one line, separated by "; ".

    If the one-line format has no field for something, they are written as damo's JSON, also in one line.
    """
    schemes = tuple(schemes)
    try:
        return "; ".join(damos_text.line(scheme) for scheme in schemes)
    except ValueError:
        return json.dumps(json.loads(damo_json.dumps_schemes(schemes)), ensure_ascii=False)
