"""Channels: which joint each responds to, which part of the body it marks, and what its absence does.

responses = measure_responses(function, LabelledPeople.of_crops(crops), 'backbone.layer3')
selectivity = summarise_responses(responses)
test = mean_ablation(function, people, 'backbone.layer3', selectivity.serving('left_wrist'))
"""

from posescope.explain.units.ablation import MeanAblation, mean_ablation
from posescope.explain.units.gallery import Gallery
from posescope.explain.units.overlap import PartOverlap, part_overlap
from posescope.explain.units.paired_effects import PairedEffects
from posescope.explain.units.part_maps import person_parts
from posescope.explain.units.responses import Responses, measure_responses
from posescope.explain.units.selectivity import Selectivity, summarise_responses
from posescope.explain.units.unit_table import Unit, draw_units, unit_table

__all__ = [
    'Gallery',
    'MeanAblation',
    'PairedEffects',
    'PartOverlap',
    'Responses',
    'Selectivity',
    'Unit',
    'draw_units',
    'mean_ablation',
    'measure_responses',
    'part_overlap',
    'person_parts',
    'summarise_responses',
    'unit_table',
]
