"""How figures are written, in XML and in JSON alike."""

from __future__ import annotations

from collections.abc import Iterable


def text(value: float) -> str:
    """A figure as the reference server writes it."""
    if not value:
        return "0.0"
    if value != value:
        return "NaN"
    written = f"{value:.15g}"
    return written if value - value == 0 else ("Infinity" if value > 0 else "-Infinity")


def texts(values: Iterable[float]) -> list[str]:
    """Many at once."""
    return [text(value) for value in values]
