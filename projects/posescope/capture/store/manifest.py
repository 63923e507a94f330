"""What a store says about itself: whose it is, and which layers it holds."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.errors import InputError, nearest

__all__ = ['Manifest', 'done_file', 'grid_entry', 'remove_leftovers', 'shard_name', 'shards']

FILE = 'manifest.json'
FORMAT = 2
"""Rises when readers of the format before could not read it any more; older ones are read."""
ORDERED = 2
"""The first format whose shards may hold maps in another order of axes than that in which they are read."""


@dataclass(frozen=True)
class Manifest:
    """Written once, before the first shard, the same by each rank.

    Attributes:
        identity: What must agree for a run to go on in the folder, e.g. hashes of config and checkpoint.
        dtype: Of floating point layers.
        world: How many ranks write.
        expected: How many samples the ranks will write together; None if not known.
        samples_per_shard: In all shards of a rank but its last.
        layers: Name → shape per person, dtype, grid (None where the layer has none) and reduction (likewise).
        details: Whatever the writer wants to tell.
        format: Of the folder.
    """

    identity: dict[str, str]
    dtype: str
    world: int
    expected: int | None
    samples_per_shard: int
    layers: dict[str, dict[str, Any]]
    details: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def save(self, folder: Path, rank: int) -> None:
        """Write it; a reader sees all of it or nothing, and ranks that do so at the same time agree."""
        fields = dataclasses.asdict(self)
        content = {'format': fields.pop('format'), **fields}
        # By way of a name of this rank, so that what a kill leaves behind is this rank's to remove.
        own = folder / f'rank{rank}.{FILE}'
        atomic_write(own, (json.dumps(content, indent=2) + '\n').encode())
        own.replace(folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> 'Manifest | None':
        """Read that of a folder; None if there is none.

        Raises:
            InputError: It cannot be read, or is of a format that this version does not know.
        """
        path = folder / FILE
        try:
            content = json.loads(path.read_bytes())
            version = content['format']
            if version not in range(1, FORMAT + 1):
                raise InputError(
                    f'{path}: format {version} is not known; this version of posescope reads formats 1 to {FORMAT}'
                )
            return cls(**content)._checked()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f'{path} cannot be read: {error.strerror}') from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f'{path} is broken: not a manifest of a capture store ({error})') from error

    def _checked(self) -> 'Manifest':
        if not all(isinstance(value, dict) for value in (self.identity, self.layers, self.details)):
            raise TypeError('identity, layers and details must be objects')
        for name, layer in self.layers.items():
            if not {'shape', 'dtype', 'grid', 'reduction'} <= set(layer):
                raise KeyError(f'layer {name} lacks shape, dtype, grid or reduction')
        return self

    def continue_as(self, folder: Path, **planned: Any) -> None:
        """Refuse a run that would mix its samples with those of another one.

        Args:
            folder: Of the store.
            planned: Fields of the run that would go on: identity, dtype, world, expected.
        """
        advice = 'choose another folder, or delete this one'
        for name in sorted({*self.identity, *planned['identity']}):
            old, new = (identity.get(name, 'nothing') for identity in (self.identity, planned['identity']))
            if old != new:
                raise InputError(f'{folder} was written with another {name} ({old:.12} instead of {new:.12}); {advice}')
        for name, title in (('dtype', 'type'), ('world', 'number of processes'), ('expected', 'number of people')):
            if getattr(self, name) != planned[name]:
                change = f'({getattr(self, name)} instead of {planned[name]})'
                raise InputError(f'{folder} was written with another {title} {change}; {advice}')

    def continue_with(self, folder: Path, layers: Mapping[str, Mapping[str, Any]]) -> None:
        """Refuse layers that differ from those in the folder."""
        for name in layers:
            if name not in self.layers:
                raise InputError(
                    f'{folder} holds no layer {name} (nearest: {nearest(name, self.layers)}); choose another folder'
                )
        for name, there in self.layers.items():
            if name not in layers:
                raise InputError(
                    f'{folder} also holds layer {name}, which this run does not write; choose another folder'
                )
            for part in ('shape', 'dtype'):
                if there[part] != layers[name][part]:
                    raise InputError(
                        f'{folder}: layer {name} has {part} {there[part]}, this run writes {layers[name][part]}; '
                        'choose another folder'
                    )


def grid_entry(grid: Any) -> dict[str, Any] | None:
    """Turn a grid, an object or a mapping, into plain JSON."""
    if grid is None:
        return None
    if dataclasses.is_dataclass(grid) and not isinstance(grid, type):
        grid = dataclasses.asdict(grid)
    elif not isinstance(grid, Mapping):
        grid = dict(scale=grid.scale, offset=grid.offset)
    pairs = {name: [float(value) for value in grid[name]] for name in ('scale', 'offset')}
    return {**grid, **pairs}


def shard_name(rank: int, number: int) -> str:
    """Name of the n-th shard of a rank."""
    return f'rank{rank}-{number:05d}.safetensors'


def remove_leftovers(folder: Path, rank: int) -> None:
    """Remove what a killed writer of this rank left half-written."""
    for path in (
        *folder.glob(f'.rank{rank}[.-]*.part'),
        *folder.glob(f'rank{rank}.*.json'),
        *folder.glob(f'rank{rank}.fitted-*'),
    ):
        path.unlink(missing_ok=True)


def done_file(folder: Path, rank: int) -> Path:
    """Written when a rank has written all that it had; tells how many shards there were."""
    return folder / f'rank{rank}.json'


def shards(folder: Path, rank: int | None = None) -> list[Path]:
    """List complete shards, of one rank or of all, in the order in which they were written."""
    # Beside them, ranks write what reductions were fitted to under names of their own for a moment.
    found = [path for path in folder.glob(f'rank{"*" if rank is None else rank}-*.safetensors') if '.' not in path.stem]
    return sorted(found, key=lambda path: tuple(int(part) for part in path.stem.removeprefix('rank').split('-')))
