"""The gallery: the pictures of a run, embedded, with what they show and how to read them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image, UnidentifiedImageError

from daedalus.app.report.captions import CAPTIONS, Caption
from daedalus.app.report.markup import link, text
from daedalus.app.report.record import Record
from daedalus.execution.run_folder import ANIMATION, FIGURES

INCH = 96.0  # of a page [pixel]
TALL = 0.9  # height over width of a picture that is printed on most of a page [1]
DRAWN = 150.0  # pixels of a picture that are an inch, where it does not say so itself


def figures(record: Record, names: Sequence[str]) -> list[str]:
    """Pictures by name, those that the folder has."""
    return [picture(record, name) for name in names if name in record.pictures()]


def picture(record: Record, name: str) -> str:
    """A picture with its caption, and a link to the same for print, a PDF in the folder."""
    words = name.replace("_", " ")
    caption = CAPTIONS.get(name, Caption(words[:1].upper() + words[1:], ""))
    reading = caption.reading.replace("{allowance}", record.allowance)
    place = f"{FIGURES}/{name}.pdf"
    beside = f" <small>For print: {link(place)}</small>" if (record.folder.path / place).is_file() else ""
    alt = f"{caption.title}. {reading}" if reading else f"{caption.title}: a figure of the study."
    image = _image((record.folder.figures / f"{name}.png").read_bytes(), alt)
    told = f"<strong>{text(caption.title)}.</strong> {text(reading)}{beside}"
    return f"<figure>{image}<figcaption>{told}</figcaption></figure>"


def animation(record: Record) -> list[str]:
    """The search as it moved; its last picture stands still in print, and for those who want nothing to move."""
    place = record.folder.figures / ANIMATION
    if not place.is_file():
        return []
    moving = place.read_bytes()
    told = "The layout during the search, and the loss so far"
    still = _last(moving)
    images = _image(moving, f"{told}, animated.", "moving" if still else "")
    images += _image(still, f"{told}: the last picture.", "still") if still else ""
    reading = "One picture for each of some rounds; in print, the last one."
    return [f"<figure>{images}<figcaption><strong>{text(told)}.</strong> {text(reading)}</figcaption></figure>"]


def _last(moving: bytes) -> bytes:
    """The last picture of an animation as a PNG; nothing where it cannot be read."""
    try:
        with Image.open(io.BytesIO(moving)) as frames:
            frames.seek(getattr(frames, "n_frames", 1) - 1)
            made = io.BytesIO()
            frames.convert("RGB").save(made, "PNG")
    except (OSError, UnidentifiedImageError):
        return b""
    return made.getvalue()


def _image(data: bytes, alt: str, kind: str = "") -> str:
    """An image that is part of the page, as large as it was drawn."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            form, (width, height) = (opened.format or "PNG").lower(), opened.size
            scale = INCH / float(opened.info.get("dpi", (DRAWN, DRAWN))[0])
    except (OSError, UnidentifiedImageError):
        return f'<p class="note">{text(alt)} (The picture cannot be read.)</p>'
    words = " ".join(filter(None, (kind, "tall" if height > TALL * width else "")))
    marked = f' class="{words}"' if words else ""
    source = f"data:image/{form};base64,{base64.b64encode(data).decode()}"
    wide, high = round(scale * width), round(scale * height)
    size = f'width="{wide}" height="{high}" style="max-width: min(100%, {wide}px)"'
    return f'<img{marked} src="{source}" alt="{text(alt)}" {size}>'
