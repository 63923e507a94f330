"""Where in a network a joint becomes known.

report = measure_probes(function, DatasetPeople(function, train, 500), DatasetPeople(function, dev, 300))
draw_probes(report).savefig('probes.png')
"""

from posescope.explain.depth.cue_twins import CueTwins, cue_twins
from posescope.explain.depth.dataset_people import DatasetPeople
from posescope.explain.depth.decoded_stages import DecodedStages, decode_stages, measure_stages
from posescope.explain.depth.layer_maps import LayerMaps
from posescope.explain.depth.layer_similarity import LayerSimilarity, measure_similarity
from posescope.explain.depth.patching import Patching, measure_patching
from posescope.explain.depth.patching_figure import draw_patching
from posescope.explain.depth.probe_figure import draw_probes
from posescope.explain.depth.probe_report import ProbeReport
from posescope.explain.depth.probes import Probe, ProbeSettings, fit_probes, read_probes
from posescope.explain.depth.probing import measure_probes
from posescope.explain.depth.receptive_field import ReceptiveFields, measure_receptive_fields
from posescope.explain.depth.receptive_field_figure import draw_receptive_fields
from posescope.explain.depth.similarity_figure import draw_similarity
from posescope.explain.depth.stage_figure import draw_stages
from posescope.explain.depth.untrained import untrained_function

__all__ = [
    'CueTwins',
    'DatasetPeople',
    'DecodedStages',
    'LayerMaps',
    'LayerSimilarity',
    'Patching',
    'Probe',
    'ProbeReport',
    'ProbeSettings',
    'ReceptiveFields',
    'cue_twins',
    'decode_stages',
    'draw_patching',
    'draw_probes',
    'draw_receptive_fields',
    'draw_similarity',
    'draw_stages',
    'fit_probes',
    'measure_patching',
    'measure_probes',
    'measure_receptive_fields',
    'measure_similarity',
    'measure_stages',
    'read_probes',
    'untrained_function',
]
