"""`daedalus report`: the figures of a run, remade from its record, and one page that says what came of it."""

from daedalus.app.report.filing import check_version, filed_task
from daedalus.app.report.page import write_report
from daedalus.app.report.remaking import remake

__all__ = ["check_version", "filed_task", "remake", "write_report"]
