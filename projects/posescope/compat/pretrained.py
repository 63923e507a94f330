"""Pretrained weights that a public config fetches from the internet, and what to say when that fails."""

import pickle
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

from posescope.errors import InputError

TIMEOUT_SECONDS = 60.0


class PretrainedWeightsError(Exception):
    """A file of pretrained weights could not be fetched.

    Attributes:
        url: Where it was looked for.
        cache: Where torch would find it if it were there already.
    """

    def __init__(self, url: str, cache: Path, cause: BaseException) -> None:
        super().__init__(f'{url} could not be fetched ({cause})')
        self.url, self.cache = url, cache

    def explain(self, model: Mapping[str, Any]) -> str:
        """Say in one line how to go on, with the option that leaves these weights out.

        Args:
            model: The ``model`` part of the config, searched for the entry that asks for the weights.
        """
        option = next(_pretrained_keys(model, 'model', self.url), 'model.backbone.init_cfg')
        return f'{self}; put the file at {self.cache}, or start without it: --cfg-options {option}=None'


def _pretrained_keys(node: Any, path: str, url: str) -> Iterator[str]:
    """Yield the dotted paths of ``init_cfg`` entries that name ``url`` or an alias that a URL stands for."""
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key == 'init_cfg' and isinstance(value, Mapping) and value.get('type') == 'Pretrained':
            checkpoint = str(value.get('checkpoint', ''))
            if checkpoint == url or not checkpoint.startswith(('http:', 'https:')):
                yield f'{path}.{key}'
        else:
            yield from _pretrained_keys(value, f'{path}.{key}', url)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def fetching(timeout: float = TIMEOUT_SECONDS) -> Iterator[None]:
    """While entered, a download by mmengine's loader that fails raises :class:`PretrainedWeightsError`.

    Args:
        timeout: Seconds without an answer after which a download counts as failed; by itself it would wait for ever.
    """
    import torch
    from mmengine.runner import checkpoint

    load_url = checkpoint.load_url

    def named_load_url(url: str, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault('weights_only', True)  # or a file of somebody else's could run what it likes
        try:
            return load_url(url, *args, **kwargs)
        except pickle.UnpicklingError as error:
            raise InputError(f'{url} holds more than weights, and is not opened: {_first_line(error)}') from error
        except (URLError, OSError) as error:
            folder = kwargs.get('model_dir') or Path(torch.hub.get_dir()) / 'checkpoints'
            name = kwargs.get('file_name') or Path(urlparse(url).path).name
            raise PretrainedWeightsError(url, Path(folder) / name, error) from error

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)
    checkpoint.load_url = named_load_url
    try:
        yield
    finally:
        checkpoint.load_url = load_url
        socket.setdefaulttimeout(before)
