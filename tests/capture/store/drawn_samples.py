"""Samples and maps that follow from their ids alone, so that every process draws the same."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.capture.store.sample import Sample
from posescope.capture.store.writer import StoreWriter

IDENTITY = {'config': 'c' * 64, 'checkpoint': 'd' * 64}
GRID = dict(scale=(32.0, 32.0), offset=(0.0, 0.0))


def draw_sample(image_id: int | str, ann_id: int | str | None = 7, **fields: Any) -> Sample:
    generator = np.random.default_rng(abs(hash_of(image_id, ann_id)))
    drawn = dict(
        bbox=generator.uniform(0, 100, 4),
        bbox_score=float(generator.uniform()),
        input_center=generator.uniform(50, 300, 2),
        input_scale=np.array([3, 4]) * generator.uniform(20, 80),
        input_size=np.array([192, 256]),
        keypoints=generator.uniform(0, 400, (3, 2)),
        scores=generator.uniform(size=3),
        passes=('plain', 'mirrored'),
        image_path=f'{image_id}.jpg',
    )
    return Sample(image_id, ann_id, **{**drawn, **fields})


def hash_of(image_id: int | str, ann_id: int | str | None) -> int:
    return int.from_bytes(f'{image_id}/{ann_id}'.encode()[:7].ljust(7), 'little')


def draw_maps(samples: Sequence[Sample]) -> dict[str, NDArray]:
    drawn = [np.random.default_rng(hash_of(*sample.key)) for sample in samples]
    maps = np.array([generator.normal(size=(5, 8, 6)) for generator in drawn], np.float32)
    return {'backbone[0]': maps, 'backbone[0]@mirrored': maps[..., ::-1], 'head': maps.mean((2, 3))}


def channels_last(maps: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """The same values, maps lying in memory as (N, H, W, C)."""
    return {
        name: np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if array.ndim == 4 else array
        for name, array in maps.items()
    }


def batches(samples: Sequence[Sample], size: int = 4) -> Iterator[Sequence[Sample]]:
    return (samples[start : start + size] for start in range(0, len(samples), size))


def write_store(folder: Path, samples: Sequence[Sample], size: int = 4, **options: Any) -> None:
    """Shards of ten samples each, unless told otherwise."""
    with StoreWriter(
        folder, **{**dict(identity=IDENTITY, shard_bytes=10 * 970, expected=len(samples)), **options}
    ) as writer:
        for batch in batches(samples, size):
            writer.write(batch, draw_maps(batch), {'backbone[0]': GRID, 'backbone[0]@mirrored': GRID})


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
