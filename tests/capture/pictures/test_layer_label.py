"""Names of layers fit over a panel and keep their ends."""

import pytest

from posescope.capture.pictures.layer_label import shortened, wrapped

LONG = 'backbone.stage4.2.fuse_layers.1.downsample'


def test_shortened() -> None:
    assert shortened('head', 10) == 'head'
    short = shortened(LONG, 20)
    assert short == 'backbone.…downsample'
    assert len(short) == 20


@pytest.mark.parametrize('width', range(3, 45))
def test_never_wider(width: int) -> None:
    assert len(shortened(LONG, width)) <= width
    rows = wrapped(LONG, width).split('\n')
    assert len(rows) <= 2
    assert all(len(row) <= width for row in rows)


def test_wrapped_after_dots() -> None:
    assert wrapped('backbone.layer3', 24) == 'backbone.layer3'
    assert wrapped('backbone.stage4.fuse_layers', 18) == 'backbone.stage4.\nfuse_layers'
    assert wrapped(LONG, 30).replace('\n', '') == LONG
