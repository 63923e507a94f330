"""Which joint leans on which: joints are hidden, others are read, and what any hole would do is taken off.

effects = measure_effects(function, LabelledPeople.of_crops(function.batch(samples)))
matrix = summarise(effects)
"""

from posescope.explain.dependency.comparison import compare_matrix
from posescope.explain.dependency.dependency_matrix import DependencyMatrix, summarise
from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.effects import Effects, measure_effects
from posescope.explain.dependency.group_shapley import GroupShapley, measure_group_shapley
from posescope.explain.dependency.groups import group_joints
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.dependency.relation import Relation, measure_relations

__all__ = [
    'DependencyMatrix',
    'DiscSettings',
    'Effects',
    'GroupShapley',
    'LabelledPeople',
    'Relation',
    'compare_matrix',
    'group_joints',
    'measure_effects',
    'measure_group_shapley',
    'measure_relations',
    'summarise',
]
