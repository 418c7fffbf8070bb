"""A plot of the volume that is reached over the trials that it took, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Curve = Sequence[tuple[float, float]]
"""Trials, and the share of the reachable volume."""

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 150, 40, 50
_COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#edae49", "#6a4c93", "#8d6346", "#222222", "#999999")
_TICKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


def curves_svg(title: str, curves: Mapping[str, Curve]) -> str:
    """Draw a curve a method: trials on a logarithmic axis, shares from 0 to 1.

    Args:
        title: Stands above.
        curves: By the names of methods; trials are at least 1.
    """
    trials = [x for curve in curves.values() for x, _ in curve]
    low, high = min(trials, default=1.0), max(trials, default=2.0)
    high = max(high, 2.0 * low)

    def across(x: float) -> float:
        share = math.log(x / low) / math.log(high / low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        return _HEIGHT - _BOTTOM - min(max(y, 0.0), 1.1) / 1.1 * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 12}">trials</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 0.95):
        y = up(share)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>'
        )
    parts += [
        f'<text x="{across(tick):.1f}" y="{_HEIGHT - _BOTTOM + 16}" '
        f'text-anchor="middle">{tick}</text>'
        for tick in _TICKS
        if low <= tick <= high
    ]
    for number, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(curve))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
            for x, y in sorted(curve)
        ]
        y = _TOP + 18 * number
        parts.append(
            f'<rect x="{_WIDTH - _RIGHT + 12}" y="{y}" width="12" height="4" fill="{colour}"/>'
            f'<text x="{_WIDTH - _RIGHT + 30}" y="{y + 7}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
