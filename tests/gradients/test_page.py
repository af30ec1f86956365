"""What the page on gradients shows is what its code prints."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "gradients.md"
CELL = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def test_the_page_prints_what_it_shows():
    known, cells = {}, CELL.findall(PAGE.read_text(encoding="utf-8"))
    assert len(cells) > 4
    for code, shown in cells:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(PAGE), "exec"), known)
        assert printed.getvalue() == shown
