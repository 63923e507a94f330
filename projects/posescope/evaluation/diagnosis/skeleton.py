"""Names, spreads and counterparts of joints: what a diagnosis has to know of a skeleton."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.data.annotations import match_joints, plain_name
from posescope.errors import InputError

__all__ = [
    'Skeleton',
    'find_skeleton',
    'metainfo_of_dataset',
    'named_skeleton',
    'skeleton_of_config',
    'skeleton_of_dataset',
    'skeleton_of_file',
    'skeleton_of_metainfo',
]

_COCO = 'coco'
_SIDES = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}
_WORD = re.compile(r'(?i:left|right)|[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z\d]+|\d+')
"""A word of a name: between separators or from a capital letter on; ``left`` and ``right`` also without these."""


@dataclass(frozen=True)
class Skeleton:
    """K joints.

    Attributes:
        joints: Their names.
        sigmas: (K,) spread of each joint relative to the root of a person's area.
        flip_indices: (K,) index of each joint's counterpart on the other side, its own where it has none.
        metainfo: Parsed metainfo of MMPose, if it came from there.
    """

    joints: tuple[str, ...]
    sigmas: NDArray[np.float64]
    flip_indices: NDArray[np.int64]
    metainfo: Mapping[str, Any]

    @property
    def has_sides(self) -> bool:
        """Whether any joint has a counterpart on the other side."""
        return bool((self.flip_indices != np.arange(len(self.joints))).any())

    def with_sigmas(self, sigmas: Sequence[float]) -> 'Skeleton':
        """Return the skeleton with other spreads.

        Raises:
            InputError: They are not positive, or not one for each joint.
        """
        if len(sigmas) != len(self.joints):
            raise InputError(f'--sigmas has {len(sigmas)} numbers, and there are {len(self.joints)} joints')
        values = np.array(sigmas, np.float64)
        if not (np.isfinite(values) & (values > 0)).all():
            raise InputError('--sigmas: every spread has to be a positive number')
        return replace(self, sigmas=values)


def skeleton_of_metainfo(metainfo: Mapping[str, Any]) -> Skeleton:
    """Take the skeleton from parsed metainfo of MMPose."""
    names = metainfo['keypoint_id2name']
    joints = tuple(names[joint] for joint in range(len(names)))
    return Skeleton(joints, np.array(metainfo['sigmas'], np.float64), np.array(metainfo['flip_indices']), metainfo)


def skeleton_of_dataset(dataset: Mapping[str, Any]) -> Skeleton:
    """Take the skeleton of a data set from its config: its ``metainfo``, or that of its type; wrappers are entered.

    One that is made of several tells the skeleton that their joints are converted to.

    Raises:
        InputError: It is no data set with joints.
    """
    found = metainfo_of_dataset(dataset)
    if found is None:
        raise InputError(
            f"test_dataloader.dataset of type '{dataset.get('type')}' is no COCO-style data set, nor made of such with "
            'metainfo of its own, so it does not tell one skeleton'
        )
    return skeleton_of_metainfo(found)


def metainfo_of_dataset(dataset: Any) -> Mapping[str, Any] | None:
    """Read the metainfo of the outermost data set in a config that tells it; None if none does.

    Raises:
        InputError: It is in a file that does not exist.
    """
    from mmpose.datasets.datasets.base import BaseCocoStyleDataset
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import DATASETS

    if not isinstance(dataset, Mapping):
        return None
    kind, given = dataset.get('type'), dataset.get('metainfo')
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'The metainfo config file', UserWarning)  # it is found in the package
        if isinstance(found, type) and issubclass(found, BaseCocoStyleDataset):
            try:
                told: dict[str, Any] = found._load_metainfo(dict(given) if given else None)  # type: ignore[attr-defined]
            except OSError as error:
                raise InputError(f'metainfo of {kind}: {error}') from error
            return told
        if given and 'datasets' in dataset:
            return dict(parse_pose_metainfo(dict(given)))
    return metainfo_of_dataset(dataset.get('dataset'))


def skeleton_of_config(path: str) -> Skeleton:
    """Take the skeleton of a config's test data set.

    Raises:
        InputError: There is no such config, or its test data set does not tell one skeleton.
    """
    from posescope.engine.config import load_config

    dataset = (load_config(path).get('test_dataloader') or {}).get('dataset')
    if dataset is None:
        raise InputError(f'config {path} has no test_dataloader.dataset, which would tell the skeleton')
    try:
        return skeleton_of_dataset(dataset)
    except InputError as error:
        raise InputError(f'config {path}: {error}') from None


def skeleton_of_file(name: str) -> Skeleton:
    """Read a metainfo file.

    Args:
        name: A Python file with ``dataset_info``, or MMPose's name of one, e.g. ``crowdpose``.

    Raises:
        InputError: There is none of this name, or it holds no metainfo.
    """
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    path = name if Path(name).is_file() else f'configs/_base_/datasets/{name}.py'
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'The metainfo config file', UserWarning)  # it is found in the package
            return skeleton_of_metainfo(parse_pose_metainfo({'from_file': path}))
    except FileNotFoundError:
        raise InputError(
            f'--metainfo {name}: neither a file, nor has MMPose a configs/_base_/datasets/{name}.py'
        ) from None
    except Exception as error:  # the file is code of the user
        raise InputError(f'--metainfo {name}: no metainfo of joints ({type(error).__name__}: {error})') from error


def find_skeleton(
    annotations: Path,
    names: list[str] | None,
    *,
    config: str | None = None,
    metainfo: str | None = None,
    sigmas: Sequence[float] | None = None,
) -> Skeleton:
    """Find the skeleton that options of a tool or else the annotations tell.

    Args:
        annotations: File of the annotations, for messages.
        names: Names of joints in them, None if they name none.
        config: A config, whose test data set tells the skeleton.
        metainfo: As of :func:`skeleton_of_file`.
        sigmas: Spread of each joint in place of the skeleton's.

    Raises:
        InputError: There is none, or it is not that of the annotations.
    """
    if config is not None and metainfo is not None:
        raise InputError('--config and --metainfo both tell the skeleton: give one of them')
    if metainfo is not None:
        skeleton = skeleton_of_file(metainfo)
    elif config is not None:
        skeleton = skeleton_of_config(config)
    else:
        return named_skeleton(names, sigmas)
    if names is not None:
        order = match_joints(names, skeleton.joints, annotations)
        if order != list(range(len(names))):
            raise InputError(f'{annotations} has the joints of the skeleton, but others too or in another order')
    return skeleton if sigmas is None else skeleton.with_sigmas(sigmas)


def named_skeleton(names: Sequence[str] | None, sigmas: Sequence[float] | None) -> Skeleton:
    """Find the skeleton that the names of an annotation file tell: COCO's, or any whose spreads are given.

    Args:
        names: Names of joints; ``left`` and ``right`` or ``l`` and ``r`` in them tell sides: ``left_eye``, ``wristR``.
        sigmas: Spreads; None for COCO's 17 joints.

    Raises:
        InputError: Names or spreads are missing; the message says what to give.
    """
    others = '--config CONFIG, --metainfo FILE or --metainfo NAME (one of MMPose, such as crowdpose) tell the skeleton'
    if names is None:
        raise InputError(f'the annotations do not name their joints (categories[…].keypoints); {others}')
    coco = skeleton_of_file(_COCO)
    if [plain_name(name) for name in names] == [plain_name(joint) for joint in coco.joints]:
        return coco if sigmas is None else coco.with_sigmas(sigmas)
    if sigmas is None:
        raise InputError(f'the {len(names)} joints of the annotations are not COCO’s 17; {others}, or give --sigmas')
    return Skeleton(tuple(names), np.ones(len(names)), _flip_indices(names), {}).with_sigmas(sigmas)


def _flip_indices(names: Sequence[str]) -> NDArray[np.int64]:
    """(K,) index of the joint whose name differs in its side alone, a joint's own where there is none."""
    place = {plain_name(name): joint for joint, name in enumerate(names)}
    found = [
        next((place[other] for other in _other_sides(name) if other in place), joint)
        for joint, name in enumerate(names)
    ]
    return np.array([other if found[other] == joint else joint for joint, other in enumerate(found)], np.int64)


def _other_sides(name: str) -> Iterator[str]:
    """Names that the counterpart may have, plain: with all words for a side exchanged, or one (R may stand for rear).

    Without such a word, a first letter may tell the side: ``lwrist``.
    """
    words = [plain_name(word) for word in _WORD.findall(name)]
    sides = [index for index, word in enumerate(words) if word in _SIDES]
    if not sides:
        plain = plain_name(name)
        yield _SIDES.get(plain[:1], plain[:1]) + plain[1:]
    for exchanged in (sides, *([index] for index in sides)):
        yield ''.join(_SIDES[word] if index in exchanged else word for index, word in enumerate(words))
