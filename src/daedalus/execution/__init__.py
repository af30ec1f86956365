"""Execution: where searches run and what they leave behind.

Holds run folders, the files in them, measurements with fresh events, and the runners of foreign simulators. What
a problem is about is none of its business, and neither is how results look: that is `daedalus.app`.
"""

from daedalus.execution.adapters import optuna_directions, optuna_objective, xopt_function, xopt_vocs
from daedalus.execution.batch_systems import cluster_of, job_script, read_resources
from daedalus.execution.callbacks import in_jit
from daedalus.execution.cluster import Account, Cluster
from daedalus.execution.design_file import design_from_table, design_table, write_design
from daedalus.execution.event_files import event_batches, write_events
from daedalus.execution.functions import PythonFunction
from daedalus.execution.history_file import write_history
from daedalus.execution.layout_files import write_layout
from daedalus.execution.libraries import SharedLibrary
from daedalus.execution.manifest import environment, manifest
from daedalus.execution.measurement import Measurement, candidates, measurement, optimised, result
from daedalus.execution.offline import StoredTable, offline
from daedalus.execution.programs import Executable
from daedalus.execution.recorded import recorded_search, rounds_done
from daedalus.execution.run_folder import RunFolder, read_design, read_history, read_manifest
from daedalus.execution.workers import Ledger, Workers

__all__ = [
    "Account",
    "Cluster",
    "Executable",
    "Ledger",
    "Measurement",
    "PythonFunction",
    "RunFolder",
    "SharedLibrary",
    "StoredTable",
    "Workers",
    "candidates",
    "cluster_of",
    "design_from_table",
    "design_table",
    "environment",
    "event_batches",
    "in_jit",
    "job_script",
    "manifest",
    "measurement",
    "offline",
    "optimised",
    "optuna_directions",
    "optuna_objective",
    "read_design",
    "read_history",
    "read_manifest",
    "read_resources",
    "recorded_search",
    "result",
    "rounds_done",
    "write_design",
    "write_events",
    "write_history",
    "write_layout",
    "xopt_function",
    "xopt_vocs",
]
