"""Fixtures of the tests of data."""

import logging
from collections.abc import Iterator

import pytest
from mmengine.logging import MMLogger

from posescope.data.cues import flips


@pytest.fixture
def warnings_logged() -> Iterator[list[str]]:
    """The messages of warnings that were logged, by a logger that an earlier test may have told to log errors only."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    flips._warn.cache_clear()
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)
    logger.setLevel(level)
