"""Execution: where searches run and what they leave behind.

Holds run folders, the files in them, and measurements with fresh events. What a problem is about is none of
its business, and neither is how results look: that is `daedalus.app`.
"""

from daedalus.execution.design_file import design_from_table, design_table, write_design
from daedalus.execution.history_file import write_history
from daedalus.execution.manifest import environment, manifest
from daedalus.execution.measurement import Measurement, candidates, measurement, optimised, result
from daedalus.execution.recorded import recorded_search, rounds_done
from daedalus.execution.run_folder import RunFolder, read_design, read_history, read_manifest

__all__ = [
    "Measurement",
    "RunFolder",
    "candidates",
    "design_from_table",
    "design_table",
    "environment",
    "manifest",
    "measurement",
    "optimised",
    "read_design",
    "read_history",
    "read_manifest",
    "recorded_search",
    "result",
    "rounds_done",
    "write_design",
    "write_history",
]
