"""Plans from fitted laws: optima, frontiers, trade-offs and the next runs.

The main verbs are also found at the top of the package.
"""

from scalinglaws.planning.approaches import approaches as approaches
from scalinglaws.planning.bias import Bias as Bias
from scalinglaws.planning.compute_multiplier import gain as gain
from scalinglaws.planning.compute_optimal import optimal as optimal
from scalinglaws.planning.cost import bill as bill
from scalinglaws.planning.data_constrained import effective as effective
from scalinglaws.planning.data_constrained import limited_data as limited_data
from scalinglaws.planning.envelope import Envelope as Envelope
from scalinglaws.planning.envelope import envelope as envelope
from scalinglaws.planning.gain_results import Gain as Gain
from scalinglaws.planning.gain_results import Gains as Gains
from scalinglaws.planning.isoflop import IsoFLOP as IsoFLOP
from scalinglaws.planning.isoflop import isoflop as isoflop
from scalinglaws.planning.law_with_values import OneGroup as OneGroup
from scalinglaws.planning.law_with_values import one_group as one_group
from scalinglaws.planning.near_optimal import near_optimal as near_optimal
from scalinglaws.planning.near_optimal import overtraining as overtraining
from scalinglaws.planning.near_optimal import regret as regret
from scalinglaws.planning.next_runs import NextRuns as NextRuns
from scalinglaws.planning.next_runs import next_runs as next_runs
from scalinglaws.planning.recipes import compare_recipes as compare_recipes
from scalinglaws.planning.serving import served_for as served_for
from scalinglaws.planning.serving import serving as serving
from scalinglaws.planning.simulation import simulate as simulate
from scalinglaws.transformer import LatentAttention as LatentAttention
from scalinglaws.transformer import Transformer as Transformer
from scalinglaws.transformer import shape_cost as shape_cost

__all__ = [
    "Bias",
    "Envelope",
    "Gain",
    "Gains",
    "IsoFLOP",
    "LatentAttention",
    "NextRuns",
    "OneGroup",
    "Transformer",
    "approaches",
    "bill",
    "compare_recipes",
    "effective",
    "envelope",
    "gain",
    "isoflop",
    "limited_data",
    "near_optimal",
    "next_runs",
    "one_group",
    "optimal",
    "overtraining",
    "regret",
    "served_for",
    "serving",
    "shape_cost",
    "simulate",
]
