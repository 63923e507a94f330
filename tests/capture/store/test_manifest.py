from pathlib import Path

from posescope.capture.store.manifest import shards


def test_shards_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    for name in ('rank0-00001', 'rank0-00000', 'rank10-00000', 'rank1-00000'):
        (tmp_path / f'{name}.safetensors').touch()
    assert [path.stem for path in shards(tmp_path)] == ['rank0-00000', 'rank0-00001', 'rank1-00000', 'rank10-00000']
    assert [path.stem for path in shards(tmp_path, 1)] == ['rank1-00000']


def test_what_another_rank_is_writing_is_no_shard(tmp_path: Path) -> None:
    (tmp_path / 'rank0-00000.safetensors').touch()
    for name in (
        'rank0.fitted-backbone.layer3.safetensors',
        'fitted-backbone.layer3.safetensors',
        'rank0.manifest.json',
    ):
        (tmp_path / name).touch()
    assert [path.stem for path in shards(tmp_path)] == ['rank0-00000']
