"""Designs that come and go as files: what a page downloads and what somebody uploads."""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from daedalus.app.explorer.designs import START_NAME
from daedalus.app.explorer.live import Live
from daedalus.app.explorer.place import Place, place_of
from daedalus.errors import RunError
from daedalus.execution import design_from_table, write_design


def download(live: Live, place: Place) -> dict[str, Any]:
    """A design as the browser gets it: design.json, or design.zip with what it has learned beside it.

    Raises:
        RunError: its learned leaves are not kept.
    """
    name = live.problem.name.replace("/", "_")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "design.json"
        write_design(path, live.problem, live.design(place))
        written = sorted(Path(folder).iterdir())
        if len(written) == 1:
            return {"filename": f"{name}.json", "content": path.read_text(encoding="utf-8"), "type": "application/json"}
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for each in written:
                archive.write(each, each.name)
    content = base64.b64encode(packed.getvalue()).decode()
    return {"filename": f"{name}.zip", "content": content, "base64": True, "type": "application/zip"}


def uploaded(live: Live, contents: Any) -> Place:
    """The design in an uploaded design file; what it had learned is not in there, it has what the start has.

    Raises:
        RunError: it is no JSON, or holds no parameters.
        DesignError: it does not fit the problem.
    """
    text = str(contents).partition(",")[2]
    try:
        content = json.loads(base64.b64decode(text, validate=True).decode("utf-8"))
    except (binascii.Error, UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise RunError(
            f"the file cannot be read as JSON: {cause}. Expected a design file, as `daedalus run` and this page's "
            "download leave one."
        ) from cause
    table = content.get("parameters", content) if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise RunError("the file holds no parameters; expected a design file, {name: {value, unit}}.")
    return place_of(live.problem.space, design_from_table(live.problem.space, table), START_NAME)
