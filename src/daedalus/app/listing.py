"""`daedalus list`: which problems there are."""

from __future__ import annotations

import sys

from daedalus.catalogue import studies


def listing() -> None:
    """Prints a table of problems in a terminal, otherwise one unabridged name per line."""
    offers = {f"{study.name}/{name}": entry for study in studies().values() for name, entry in study.offers.items()}
    if not sys.stdout.isatty():
        print("\n".join(offers))
        return
    from rich.table import Table  # only a terminal needs it

    from daedalus.app.screen import output

    table = Table("problem", "what it is", box=None, pad_edge=False, header_style="bold")
    for name, entry in offers.items():
        table.add_row(name, entry.doc)
    output().print(table)
