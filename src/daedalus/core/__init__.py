"""The six seams: design and space, stage and pipeline, problem, objective, optimiser, history."""

from daedalus.core.design import Design, Entry, Exchange, Parameter, learned, parameter
from daedalus.core.evaluation import Evaluation, Gradient, Pressure, Status
from daedalus.core.history import History
from daedalus.core.keys import scoring_key, training_key
from daedalus.core.objective import Constraint, Goals, Metric, Objective
from daedalus.core.optimiser import ONE_GOAL, Capabilities, Optimiser, Proposal
from daedalus.core.pipeline import Pipeline
from daedalus.core.problem import Problem, Scenarios
from daedalus.core.simulator import (
    Answer,
    Direct,
    Evaluator,
    Outcome,
    Request,
    SimulationError,
    SimulationTimeoutError,
    Simulator,
    attempted,
)
from daedalus.core.space import Point, Space
from daedalus.core.stage import Derivative, Relaxed, Stage, stage_key
from daedalus.core.summaries import Partition, Summaries

__all__ = [
    "ONE_GOAL",
    "Answer",
    "Capabilities",
    "Constraint",
    "Derivative",
    "Design",
    "Direct",
    "Entry",
    "Evaluation",
    "Evaluator",
    "Exchange",
    "Goals",
    "Gradient",
    "History",
    "Metric",
    "Objective",
    "Optimiser",
    "Outcome",
    "Parameter",
    "Partition",
    "Pipeline",
    "Point",
    "Pressure",
    "Problem",
    "Proposal",
    "Relaxed",
    "Request",
    "Scenarios",
    "SimulationError",
    "SimulationTimeoutError",
    "Simulator",
    "Space",
    "Stage",
    "Status",
    "Summaries",
    "attempted",
    "learned",
    "parameter",
    "scoring_key",
    "stage_key",
    "training_key",
]
