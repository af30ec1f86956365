"""The page on binned likelihoods: its example prints what the page says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "binned-likelihoods.md"


@pytest.mark.slow  # compiles fits, tests and limits
def test_the_example_of_the_page_prints_what_the_page_says():
    text = PAGE.read_text(encoding="utf-8")
    (code,), (said,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "text"))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), {})
    assert printed.getvalue() == said
