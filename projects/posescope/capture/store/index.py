"""The sample index: who stands in which row, as arrays that travel in the shards."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from posescope.capture.store.crops import crop_to_image
from posescope.capture.store.sample import Key, Sample, order
from posescope.capture.store.tensor_file import TensorFile
from posescope.errors import CaptureError, InputError

__all__ = ['PREFIX', 'SampleIndex', 'index_tensors']

PREFIX = 'sample/'
"""Before the names of the index's tensors in a shard."""
_NO_SAMPLES = dict(
    bbox=(0, 4), bbox_score=(0,), input_center=(0, 2), input_scale=(0, 2), input_size=(0, 2), rotation=(0,),
    keypoints=(0, 0, 2), scores=(0, 0), udp=(0,),
)  # fmt: skip
_SAME: dict[str, DTypeLike] = {}
_FIELDS = ('bbox', 'bbox_score', 'input_center', 'input_scale', 'input_size', 'rotation', 'keypoints', 'scores')


def index_tensors(parts: 'Sequence[SampleIndex]') -> dict[str, list[NDArray]]:
    """Turn samples into tensors for a shard.

    Args:
        parts: Samples, at least one.

    Returns:
        ``sample/<field>`` → one array with a row a sample; ``sample/text`` holds ids, passes and paths as JSON.

    Raises:
        CaptureError: Samples differ in the number of their joints.
    """
    _check_joints((part.keypoints.shape[1], part.scores.shape[1]) for part in parts)
    tensors = {}
    for name in _NO_SAMPLES:
        kind = bool if name == 'udp' else np.float64
        tensors[f'{PREFIX}{name}'] = [np.concatenate([part.fields[name] for part in parts], dtype=kind)]
    text = json.dumps([row for part in parts for row in part.rows])
    tensors[f'{PREFIX}text'] = [np.frombuffer(text.encode(), np.uint8)]
    return tensors


class SampleIndex(Sequence[Sample]):
    """Samples of a store in their order, a field an array.

    Attributes:
        rows: N times image id, annotation id, passes and path.
        fields: By name of a field of :class:`Sample`, N values.
        keys: N pairs of image id and annotation id.
        bboxes: (N, 4) x1, y1, x2, y2, image pixels.
        bbox_scores: (N,).
        input_centers: (N, 2) x, y, image pixels.
        input_scales: (N, 2) width, height, image pixels.
        input_sizes: (N, 2) width, height, input pixels.
        rotations: (N,) degrees.
        udp: (N,) bool.
        keypoints: (N, K, 2) predicted, image pixels.
        scores: (N, K).
        passes: N tuples.
        image_paths: N paths.
    """

    def __init__(self, rows: Sequence[Sequence[Any]], fields: dict[str, NDArray]) -> None:
        self.rows, self.fields = rows, fields
        self.keys: list[Key] = [(row[0], row[1]) for row in rows]
        self.passes = [tuple(row[2]) for row in rows]
        self.image_paths = [row[3] for row in rows]
        self.bboxes, self.bbox_scores = fields['bbox'], fields['bbox_score']
        self.input_centers, self.input_scales = fields['input_center'], fields['input_scale']
        self.input_sizes, self.rotations, self.udp = fields['input_size'], fields['rotation'], fields['udp']
        self.keypoints, self.scores = fields['keypoints'], fields['scores']

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> 'SampleIndex':
        """Gather samples; an index is given back as it is.

        Raises:
            CaptureError: Samples differ in the number of their joints.
        """
        if isinstance(samples, SampleIndex):
            return samples
        rows = [[*sample.key, list(sample.passes), str(sample.image_path)] for sample in samples]
        return cls.gathered(rows, {name: [getattr(sample, name) for sample in samples] for name in _NO_SAMPLES})

    @classmethod
    def gathered(
        cls, rows: Sequence[Sequence[Any]], fields: Mapping[str, Sequence[Any]], types: Mapping[str, DTypeLike] = _SAME
    ) -> 'SampleIndex':
        """Make an index of N samples.

        Args:
            rows: N times image id, annotation id, passes and path.
            fields: Of :class:`Sample`, N values each.
            types: Of fields that shall not keep that of their values.

        Raises:
            CaptureError: Samples differ in the number of their joints.
        """
        if not rows:
            return cls.read([])[0]
        _check_joints(zip(map(len, fields['keypoints']), map(len, fields['scores']), strict=True))
        return cls(rows, {name: np.array(values, types.get(name)) for name, values in fields.items()})

    @classmethod
    def read(cls, paths: Sequence[Path]) -> tuple['SampleIndex', list[int]]:
        """Read the index of shards, in their order, and how many samples each holds.

        Raises:
            InputError: A shard is broken.
        """
        rows: list[Any] = []
        lengths: list[int] = []
        fields: dict[str, list[NDArray]] = {name: [np.zeros(shape)] for name, shape in _NO_SAMPLES.items()}
        for path in paths:
            file = TensorFile(path)
            try:
                rows += json.loads(file[f'{PREFIX}text'].tobytes())
                for name, parts in fields.items():
                    parts.append(np.array(file[f'{PREFIX}{name}']))  # a copy, or the file would stay open
            except (ValueError, KeyError) as error:
                raise InputError(f'{path} is broken: it holds no readable sample index') from error
            lengths.append(len(rows) - sum(lengths))
        joined = {name: np.concatenate(parts[1:] or parts) for name, parts in fields.items()}
        if {len(field) for field in joined.values()} != {len(rows)}:
            raise InputError(f'{paths[0].parent} is broken: its sample indices have different lengths')
        return cls(rows, {**joined, 'udp': joined['udp'].astype(bool)}), lengths

    @cached_property
    def transforms(self) -> NDArray[np.float64]:
        """(N, 2, 3) from input pixels to image pixels."""
        return crop_to_image(self.input_centers, self.input_scales, self.input_sizes, self.rotations, self.udp)

    @property
    def image_ids(self) -> NDArray:
        """(N,) int64, or object where some are strings."""
        return _ids([key[0] for key in self.keys])

    @property
    def ann_ids(self) -> NDArray:
        """(N,) int64, or object where some are strings or None."""
        return _ids([key[1] for key in self.keys])

    def merged(self) -> NDArray[np.int64]:
        """Rows sorted by image and annotation id; of rows with one key the first alone stays.

        Raises:
            InputError: Two of them are of different pictures, which no rank could know while it wrote its own.
        """
        first: dict[Key, int] = {}
        for row, key in enumerate(self.keys):
            before = self.image_paths[first.setdefault(key, row)]
            if before != self.image_paths[row]:
                raise InputError(
                    f'image id {key[0]}, annotation id {key[1]} is in {before} and in {self.image_paths[row]}: data '
                    'sets that share ids cannot share a store; test each by itself'
                )
        return np.array([first[key] for key in sorted(first, key=order)], np.int64)

    def take(self, rows: slice | Sequence[int] | NDArray[np.int64]) -> 'SampleIndex':
        """Give the index of some rows."""
        chosen = self.rows[rows] if isinstance(rows, slice) else [self.rows[row] for row in rows]
        return SampleIndex(chosen, {name: field[rows] for name, field in self.fields.items()})

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        fields = {name: self.fields[name][row] for name in _FIELDS}
        fields |= {name: float(fields[name]) for name in ('bbox_score', 'rotation')}
        image_id, ann_id = self.keys[row]
        return Sample(
            image_id,
            ann_id,
            **fields,
            udp=bool(self.udp[row]),
            passes=self.passes[row],
            image_path=self.image_paths[row],
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[row] for row in range(len(self)))


def _check_joints(counts: Iterable[tuple[int, int]]) -> None:
    """Refuse samples that have not equally many keypoints and scores, each."""
    found = set(counts)
    if len(found) != 1:
        raise CaptureError(f'samples of one store must have equally many keypoints and scores; found {sorted(found)}')


def _ids(values: list[Any]) -> NDArray:
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    array = np.empty(len(values), object)
    array[:] = values
    return array
