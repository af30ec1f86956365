"""Pages with marked parts, which scripts beside this one fill in from the numbers in validation/."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "validation"


def cell(value: float, error: float) -> str:
    """A value with its standard error, two digits of the error."""
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 3
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]


def fill(page: str, script: str, parts: Mapping[str, tuple[str, Callable[[Any], str]]]) -> None:
    """Replaces what stands between the marks of a page; a part whose numbers are not there stays as it is.

    Args:
        page: name of the page in this folder.
        script: file of the script that makes the parts.
        parts: by mark, the name of the numbers' file without its ending, and the text that is made of them.
    """
    place = HERE / page
    text = place.read_text(encoding="utf-8")
    for mark, (name, made) in parts.items():
        data = DATA / f"{name}.json"
        if not data.exists():
            print(f"validation/{name}.json does not exist; run validation/{name}.py first.")
            continue
        begin = f"<!-- {mark}: begin (made by docs/studies/{Path(script).name} from validation/{name}.json) -->"
        end = f"<!-- {mark}: end -->"
        before, after = text.partition(begin)[0], text.partition(end)[2]
        text = f"{before}{begin}\n{made(json.loads(data.read_text(encoding='utf-8'))).rstrip()}\n{end}{after}"
    place.write_text(text, encoding="utf-8")
