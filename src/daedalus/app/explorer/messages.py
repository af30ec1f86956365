"""Messages: what a page says to somebody, and how whatever goes wrong becomes one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from dash import html, no_update

from daedalus.app.screen import remark
from daedalus.errors import DaedalusError


def said(text: str) -> html.Div:
    """A message that something was done."""
    return html.Div(text, className="said")


def warned(text: str) -> html.Div:
    """A message that something was wrong."""
    return html.Div(text, className="warned")


def told(others: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a callback whose last output is the message say there what went wrong, and leave its other outputs alone.

    Args:
        others: the number of outputs before the message.
    """

    def safe(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def answer(*given: Any) -> Any:
            try:
                return function(*given)
            except Exception as cause:
                return (*[no_update] * others, warned(words(cause)))

        return answer

    return safe


def words(cause: Exception) -> str:
    """What went wrong; where nobody has foreseen it, the terminal is told too."""
    if isinstance(cause, DaedalusError):
        return str(cause)
    remark(f"the page asked for something that failed: {cause!r}")
    return f"This went wrong: {type(cause).__name__}: {cause}. Load the page again, or take another design."
