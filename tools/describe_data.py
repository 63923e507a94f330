#!/usr/bin/env python
"""Draw what a COCO-format data set holds and what a config's pipeline makes of its pictures."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import replacing
from posescope.data.annotation_checks import check_annotations, require_images, require_people
from posescope.data.annotations import joint_names, read_json
from posescope.engine.command import command
from posescope.engine.config import load_config
from posescope.errors import InputError

DESCRIPTION = """\
Draw the statistics of a COCO-format data set into OUT/statistics.png: visibility of each joint, hidden joints, sizes,
people per picture, and headings and poses of rendered people. With --config also OUT/pipeline.png: what each step of
that config's training pipeline makes of one sample, from the picture to the target.

  tools/describe_data.py data/rendered_people/annotations/train.json data/rendered_people/train \\
      --config configs/selection/rendered/CONFIG.py --out work_dirs/data
"""


def draw_pipeline(config: str, annotations: Path, images: Path, sample: int, out: Path) -> None:
    """Draw the steps of a config's training pipeline.

    Raises:
        InputError: The config has no training pipeline, or there is no such sample.
    """
    import numpy as np
    from mmengine.registry import DefaultScope
    from mmpose.registry import DATASETS

    from posescope.engine.preflight import fit_data_set
    from posescope.report.preprocessing import draw_steps, run_steps

    cfg = load_config(config)
    dataset_config = dict(cfg.get('train_dataloader', {}).get('dataset', {}))
    if 'pipeline' not in dataset_config:
        raise InputError(f'config {config} has no train_dataloader.dataset.pipeline')
    dataset_config.update(
        ann_file=str(annotations.absolute()), data_root='', data_prefix={'img': str(images.absolute())}
    )
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')):
        fit_data_set(dataset_config, out.parent)  # joints by name, as a training does
        dataset = DATASETS.build(dataset_config)
    if not 0 <= sample < len(dataset):
        raise InputError(f'--sample {sample}: {annotations} gives samples 0 to {len(dataset) - 1}')
    np.random.seed(sample)  # noqa: NPY002  MMPose's transforms draw from it
    transforms = [step for step in dataset.pipeline.transforms if type(step).__name__ != 'PackPoseInputs']
    with replacing(out) as unfinished:
        given = {**dataset.get_data_info(sample), 'dataset': dataset}  # as MMPose hands it to a pipeline
        draw_steps(run_steps(transforms, given)).savefig(unfinished, format='png', dpi=110)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Draw as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', type=Path, help='COCO-format annotations')
    parser.add_argument('images', type=Path, help='folder of their pictures')
    parser.add_argument('--config', help='config whose training pipeline is drawn')
    parser.add_argument('--sample', type=int, default=0, help='sample that is drawn, default %(default)s')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/data'), help='folder, default %(default)s')
    args = parser.parse_args(argv)
    content = read_json(args.annotations, 'annotation file')
    check_annotations(content, args.annotations)
    require_people(content, args.annotations, fields=())
    require_images(content, args.images, args.annotations)

    from posescope.report.data_statistics import draw_statistics, visibility_table

    counts = visibility_table(content)
    names = joint_names(content.get('categories', [])) or [f'joint {index}' for index in range(len(counts))]
    args.out.mkdir(parents=True, exist_ok=True)
    with replacing(args.out / 'statistics.png') as unfinished:
        draw_statistics(content, names).savefig(unfinished, format='png', dpi=110)
    if args.config:
        draw_pipeline(args.config, args.annotations, args.images, args.sample, args.out / 'pipeline.png')
    labelled, hidden = int(counts[:, 1:].sum()), int(counts[:, 1].sum())
    summary = {
        'pictures': len(content['images']),
        'people': len(content['annotations']),
        'labelled joints': labelled,
        'hidden': round(hidden / labelled, 4),
    }
    print(json.dumps(summary))
    print(f'drawn in {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
