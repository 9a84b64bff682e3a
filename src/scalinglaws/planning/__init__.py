"""What to train next: optima, frontiers, prices and the next runs, from a fitted law.

The main verbs are also found at the top of the package.
"""

from scalinglaws.planning.approaches import approaches as approaches
from scalinglaws.planning.bands import near_optimal as near_optimal
from scalinglaws.planning.bands import overtraining as overtraining
from scalinglaws.planning.bias import Bias as Bias
from scalinglaws.planning.campaign import next_runs as next_runs
from scalinglaws.planning.chosen_runs import NextRuns as NextRuns
from scalinglaws.planning.compute_optimal import optimal as optimal
from scalinglaws.planning.envelopes import Envelope as Envelope
from scalinglaws.planning.envelopes import envelope as envelope
from scalinglaws.planning.gains import Gain as Gain
from scalinglaws.planning.gains import Gains as Gains
from scalinglaws.planning.grouped import OneGroup as OneGroup
from scalinglaws.planning.grouped import one_group as one_group
from scalinglaws.planning.isoflop import IsoFLOP as IsoFLOP
from scalinglaws.planning.isoflop import isoflop as isoflop
from scalinglaws.planning.judgement import regret as regret
from scalinglaws.planning.lifetime import served_for as served_for
from scalinglaws.planning.lifetime import serving as serving
from scalinglaws.planning.money import bill as bill
from scalinglaws.planning.recipes import compare_recipes as compare_recipes
from scalinglaws.planning.recipes import gain as gain
from scalinglaws.planning.repeats import effective as effective
from scalinglaws.planning.repeats import limited_data as limited_data
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
