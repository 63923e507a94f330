#!/usr/bin/env python
"""Show what a capture store holds, and draw a person from it, without the model."""

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import posescope
from posescope.capture.drawings import draw_attention, draw_features
from posescope.capture.pictures import CellGrid, Crop, SkeletonStyle, draw_stack_strip, mirrored_grid
from posescope.capture.store import Person, Store
from posescope.capture.store.reader import MIRRORED
from posescope.engine.command import command
from posescope.errors import InputError

DESCRIPTION = """\
Show what is in a store that FeatureMapHook or AttentionHook wrote, and draw one person of it:

  tools/show_store.py work_dirs/default/features
  tools/show_store.py work_dirs/default/features --person 200003 --out work_dirs/maps
  tools/show_store.py work_dirs/vit/attention --person 200003 --joint left_wrist --joint right_wrist

Maps of one joint, or one channel, make a strip: of several stores, such as those of a training, or of several layers,
such as the stacks of an hourglass:

  tools/show_store.py work_dirs/default/features/epoch_* --person 200003 --strip head --joint nose
  tools/show_store.py work_dirs/hourglass/features --person 200003 --strip 'head[0]' --strip 'head[1]' --joint nose
"""


def main_parser() -> argparse.ArgumentParser:
    """Options of this tool."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('stores', nargs='+', type=Path, metavar='STORE', help='folder of a store')
    parser.add_argument(
        '--person', metavar='IMAGE[,ANN]', help='whom to draw: id of the image, and of the annotation if it has several'
    )
    parser.add_argument('--joint', action='append', default=[], metavar='NAME', help='joint to mark; repeat for more')
    parser.add_argument(
        '--strip', action='append', metavar='LAYER', help='draw one map of this layer from each store; repeat for more'
    )
    parser.add_argument('--channel', type=int, help='of the strip; default: the number of the joint')
    parser.add_argument('--no-photograph', action='store_true', help='draw maps without the picture below them')
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/maps'), help='folder of pictures, default %(default)s'
    )
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Show as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = main_parser().parse_args(argv)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        stores = [posescope.open_store(path) for path in args.stores]
    for warning in caught:
        print(f'warning: {warning.message}', file=sys.stderr)
    if args.person is None:
        for store in stores:
            describe(store)
        return 0
    people = [find(store, args.person) for store in stores]
    figures = strip(args, stores, people) if args.strip else draw(args, stores[0], people[0])
    if not figures:
        raise InputError(
            f'{stores[0].folder} holds no maps that can be drawn: its layers are {", ".join(stores[0].layers)}'
        )
    args.out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(args.out / f'{name}.png', dpi=110)
    print(f'{", ".join(f"{name}.png" for name in figures)} drawn in {args.out}')
    return 0


def describe(store: Store) -> None:
    """Print the layers of a store."""
    table = Table('layer', 'a person', 'type', 'cell', 'reduction', 'MB', title=str(store.folder), title_justify='left')
    for layer in store.layers:
        array, grid, reduction = store[layer], store.grid(layer), store.reduction(layer)
        size = array.dtype.itemsize * float(np.prod(array.shape)) / 1e6
        cell = '–' if grid is None else ' × '.join(f'{scale:g}' for scale in grid['scale'][::-1])
        how = '–' if reduction is None else ' '.join(_words(reduction))
        table.add_row(layer, ' × '.join(map(str, array.shape[1:])), array.dtype.name, cell, how, f'{size:.1f}')
    Console(width=120).print(table)
    state = 'complete' if store.complete else 'not complete'
    some = ', '.join(str(identity) for identity in store.samples.image_ids[:5])
    print(f'{len(store.samples)} rows, {state}; a cell is given in pixels of the input; first images: {some}')


def _words(reduction: Mapping[str, Any]) -> Iterator[str]:
    for name, value in reduction.items():
        if isinstance(value, str | int | float):
            yield str(value) if name == 'type' else f'{name}={value}'


def find(store: Store, person: str) -> Person:
    """Find a person by what was typed: ids as the store has them, or numbers written otherwise."""
    for image_id, ann_id in store.samples.keys:
        if person == f'{image_id},{ann_id}':
            return store.person(image_id, ann_id)
    for image_id, _ in store.samples.keys:
        if person == str(image_id):
            return store.person(image_id)
    image, _, annotation = person.partition(',')
    return store.person(_number(image), _number(annotation) if annotation else None)


def _number(identity: str) -> int | str:
    try:
        return int(identity)
    except ValueError:
        return identity


def crop_of(store: Store, person: Person, photograph: bool) -> Crop:
    """The person's region, with the photograph where its file can still be read."""
    style = store.details.get('skeleton')
    if style is None:
        raise InputError(f'{store.folder}: its manifest names no skeleton, so nobody can be drawn')
    skeleton = SkeletonStyle(
        tuple(style['joints']),
        np.array(style['links'], np.int64).reshape(-1, 2),
        np.array(style['joint_colours'], np.float64).reshape(-1, 3),
        np.array(style['link_colours'], np.float64).reshape(-1, 3),
    )
    path = Path(person.sample.image_path)
    picture = None
    if photograph and path.is_file():
        from mmcv import imread

        picture = imread(str(path), channel_order='rgb')
    elif photograph:
        print(f'warning: {path} is not there, so maps are drawn without it', file=sys.stderr)
    return Crop.of_sample(person.sample, skeleton, picture)


def draw(args: argparse.Namespace, store: Store, person: Person) -> dict[str, Any]:
    """Draw all layers of one store."""
    crop = crop_of(store, person, not args.no_photograph)
    grids = {layer: store.grid(layer) for layer in store.layers}
    arrays = dict(person)
    if store.details.get('kind') == 'attention':
        return draw_attention(crop, arrays, grids, args.joint)
    return draw_features(crop, arrays, grids, args.joint[0] if args.joint else None)


def strip(args: argparse.Namespace, stores: Sequence[Store], people: Sequence[Person]) -> dict[str, Any]:
    """Draw one map from each layer that was named of each store."""
    seen = [crop_of(store, person, not args.no_photograph) for store, person in zip(stores, people, strict=True)]
    crop, joint = seen[0], args.joint[0] if args.joint else None
    for store, other in zip(stores, seen, strict=True):
        if other.skeleton.joints != crop.skeleton.joints:
            raise InputError(f'{store.folder} has other joints than {stores[0].folder}: no strip can show both')
    channel = args.channel if args.channel is not None else crop.skeleton.index(joint) if joint is not None else 0
    maps, places, names, crops = [], [], [], []
    for store, person, its, name in zip(stores, people, seen, _apart(stores), strict=True):
        for layer in args.strip:
            values, grid = person[layer], store.grid(layer)
            if values.ndim != 3 or grid is None or not 0 <= channel < len(values):
                raise InputError(
                    f'{store.folder}: {layer} is {tuple(values.shape)}: it has no map of channel {channel}'
                )
            maps.append(values[channel].astype(np.float32))
            place = CellGrid(tuple(grid['scale']), tuple(grid['offset']))
            places.append(mirrored_grid(place, its.input_size[0]) if layer.endswith(MIRRORED) else place)
            names.append(' '.join([name] * (len(stores) > 1) + [layer] * (len(stores) == 1 or len(args.strip) > 1)))
            crops.append(its)
    title = f'{", ".join(args.strip)}, channel {channel}'
    return {'strip': draw_stack_strip(crops, maps, places, names, title, joint=joint)}


def _apart(stores: Sequence[Store]) -> list[str]:
    """Name stores by what of their paths is not alike, and by their folders."""
    paths = [store.folder.resolve() for store in stores]
    alike = Path(os.path.commonpath([path.parent for path in paths]))
    return [path.relative_to(alike).as_posix() for path in paths]


if __name__ == '__main__':
    sys.exit(main())
