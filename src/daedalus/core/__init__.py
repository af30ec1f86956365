"""The six seams: design and space, stage and pipeline, problem, objective, optimiser, history; and the one loop."""

from daedalus.core.design import Design, Entry, Exchange, Parameter, learned, parameter
from daedalus.core.evaluation import Evaluation, Gradient, Status
from daedalus.core.history import History
from daedalus.core.loop import Progress, optimise, scoring_key, training_key
from daedalus.core.objective import Constraint, Metric, Objective
from daedalus.core.optimiser import Capabilities, Optimiser, Proposal, parameter_steps
from daedalus.core.pipeline import Pipeline
from daedalus.core.problem import Problem, Scenarios
from daedalus.core.space import Point, Space
from daedalus.core.stage import Derivative, Relaxed, Stage, stage_key
from daedalus.core.summaries import Partition, Summaries

__all__ = [
    "Capabilities",
    "Constraint",
    "Derivative",
    "Design",
    "Entry",
    "Evaluation",
    "Exchange",
    "Gradient",
    "History",
    "Metric",
    "Objective",
    "Optimiser",
    "Parameter",
    "Partition",
    "Pipeline",
    "Point",
    "Problem",
    "Progress",
    "Proposal",
    "Relaxed",
    "Scenarios",
    "Space",
    "Stage",
    "Status",
    "Summaries",
    "learned",
    "optimise",
    "parameter",
    "parameter_steps",
    "scoring_key",
    "stage_key",
    "training_key",
]
