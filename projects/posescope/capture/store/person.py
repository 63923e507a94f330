"""One row of a store: what all layers gave for one person."""

from collections.abc import Callable, Iterator, Mapping

from numpy.typing import ArrayLike, NDArray

from posescope.capture.store.sample import Sample

__all__ = ['Person']


class Person(Mapping[str, NDArray]):
    """Layer → what it gave for this person.

    Args:
        sample: Who it is.
        layers: Names.
        read: Gives a layer's row.
        to_image: Gives image pixels for places on a layer's map.

    Attributes:
        sample: As above.
    """

    def __init__(
        self,
        sample: Sample,
        layers: tuple[str, ...],
        read: Callable[[str], NDArray],
        to_image: Callable[[str, ArrayLike], NDArray],
    ) -> None:
        self.sample, self._layers, self._read, self._to_image = sample, layers, read, to_image

    def to_image(self, layer: str, yx: ArrayLike) -> NDArray:
        """Say which pixels of the image stand under places on a map.

        Args:
            layer: Whose map.
            yx: (..., 2) row and column; fractions are allowed.

        Returns:
            (..., 2) y and x, image pixels.
        """
        return self._to_image(layer, yx)

    def __getitem__(self, layer: str) -> NDArray:
        return self._read(layer)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        return f'Person(image_id={self.sample.image_id!r}, ann_id={self.sample.ann_id!r}, layers={self._layers})'
