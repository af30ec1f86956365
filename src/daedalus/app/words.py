"""Words of the command line that several commands share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import UseAppendAction, arg

Settings = Annotated[UseAppendAction[list[tuple[str, ...]]], arg(metavar="NAME=VALUE ...")]
Problem = Annotated[str, arg(metavar="NAME")]
Folder = Annotated[Path, arg(metavar="DIR")]
Precision = Literal["float32", "float64"]
Unsound = Literal["stop", "skip", "shrink"]
Sampler = Literal["auto", "interpolation", "response", "mala", "nuts", "tempered", "none"]
Part = Literal[
    "free_play",
    "directions",
    "confirmed",
    "references",
    "limits",
    "basins",
    "near_optimal",
    "smoothing",
    "front",
    "sensitivities",
    "contributions",
]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much a search computes."""

    rounds: int | None = None
    """Rounds of the search."""
    calls: int | None = None
    """Evaluations of the search, instead of rounds."""
    events: int | None = None
    """Particles per scenario."""
    most_events: int | None = None
    """Let the number of particles grow up to so many, where the noise of the gradient asks for it."""
    scenarios: int | None = None
    """Scenarios per evaluation in the search."""
    scoring_scenarios: int | None = None
    """Scenarios of the final measurement on fresh events."""
    seed: int | None = None
    """Decides every random number of the run."""
    precision: Precision | None = None
    """Of all numbers; float32 by default."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """When a search ends before its last round, and what it does about trouble."""

    hours: float | None = None
    """After which the run ends in order; `daedalus resume` goes on."""
    euros: float | None = None
    """That the whole run may cost; after them it ends likewise."""
    price: float | None = None
    """Of an hour of what one evaluation at a time runs on, in EUR."""
    unsound: Unsound | None = None
    """What to do about a loss or gradient that is not finite: stop, skip the point, or shrink the step."""
    divergence: float | None = None
    """How far losses may stay above the first before the run is ended; 100 by default."""


@dataclasses.dataclass(frozen=True)
class Look:
    """How closely a landscape is looked at."""

    allowance: float = 0.05
    """How much the loss may rise, as a share of the best one."""
    events: int | None = None
    """Particles per scenario; those of the search by default."""
    scenarios: int | None = None
    """Scenarios of an evaluation; those of the search by default."""
    keys: int = 4
    """Sets of fresh events that errors come from."""
    best: int = 5
    """Rows of the search that are measured again."""
    halvings: int = 5
    """Of the last step to each end of a parameter's free play."""
    alone: bool = False
    """Do not ask how far a parameter may move if the others follow."""
    directions: int = 32
    """Most parameters for which second derivatives are taken; 0 for never: long chains take minutes to compile."""
    limits: bool = True
    """Switch effects off one by one, where the study says how."""
    sampler: Sampler = "auto"
    """How the near-optimal set is filled: by interpolation up to 6 parameters, else by chains on a quadratic fitted to
    noisy gradients (response) or, where nothing is random or a constraint is measured, on the loss itself (mala)."""
    samples: int = 300
    """Draws of each chain in the near-optimal set, or members of each tempered population."""
    places: int = 1024
    """With gradients and events of their own, that a response is fitted to."""
    chains: int = 8
    """Chains side by side; each needs memory of its own."""
    descents: int = 0
    """Descents from many places, to see how many optima there are; 0 for none."""
    steps: int = 60
    """Most evaluations of a descent."""
    tolerance: Annotated[tuple[str, ...], arg(metavar="SHARE|NAME=VALUE ...")] = ()
    """Standard deviation with which it is built: a share of each range, or NAME=VALUE in the parameter's unit."""
    front: Annotated[str | None, arg(metavar="FIGURE|cost")] = None
    """Search the best design within budgets of this figure: an objective, a metric, a measured constraint."""
    points: int = 12
    """Budgets of the front."""
    budgets: tuple[float, float] | None = None
    """The least and the largest of them, in the figure's unit; 0.6 and 1.2 of what the design costs by default."""
    rounds: int | None = None
    """Of the search within each budget; those of the run by default."""
    passes: Literal[1, 2] = 1
    """2: also from the least budget up again."""
    only: tuple[Part, ...] = ()
    """Look at these parts, and keep what an earlier call has left of the others."""


def spoken(look: Look) -> list[str]:
    """The words of a command line that say what differs from the defaults, the parts left out."""
    words: list[str] = []
    for field in dataclasses.fields(look):
        value, flag = getattr(look, field.name), field.name.replace("_", "-")
        if value == field.default or field.name == "only":
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]
    return words


@dataclasses.dataclass(frozen=True)
class Workplace:
    """Whose workers compute; results do not depend on it."""

    workers: int | None = None
    """Evaluations at a time of a foreign simulator or on a cluster; as many as there are processors by default."""
    cluster: str | None = None
    """Whose workers evaluate: local, tcp://HOST:PORT of a Dask scheduler, slurm, htcondor."""
    cluster_file: Path | None = None
    """YAML: what a job of slurm or htcondor asks for (cores, memory, walltime, queue, jobs ...)."""


@dataclasses.dataclass(frozen=True)
class Place(Workplace):
    """Where a search computes; the result does not depend on it."""

    processes: int = 1
    """That share the events, on this machine."""
    distributed: bool = False
    """This is one of several processes that a batch system has started to share the events (srun, mpirun)."""
    tensorboard: bool = False
    """Also write scalars for TensorBoard into the run folder."""


def flat(settings: Sequence[Sequence[str]]) -> list[str]:
    """The texts of all --set options, in order."""
    return [text for group in settings for text in group]
