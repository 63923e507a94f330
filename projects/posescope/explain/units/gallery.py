"""The people who drive a channel most."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posescope.capture.pictures import Crop, SkeletonStyle
from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar, finish, panel_grid, title
from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.crops import Crops
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.picture_file import read_picture
from posescope.explain.pose_function import PoseFunction
from posescope.explain.units.body_cells import cell_places, mask_at
from posescope.explain.units.channel_maps import channel_maps, check_channels

__all__ = ['Gallery', 'GalleryEntry']


@dataclass(frozen=True)
class GalleryEntry:
    """A person who drives a channel.

    Attributes:
        activation: The largest response on their map, or on the part of it that counts.
        values: (h, w) the channel's map.
        to_image: (2, 3) pixel (x, y, 1) of the input -> pixel (x, y) of the picture.
        keypoints: (K, 2) predicted joints, pixels of the picture.
        path: Of the picture; None where it is not known.
        name: What to call the person.
    """

    activation: float
    values: NDArray[np.float32]
    to_image: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    path: Path | None
    name: str


class Gallery:
    """Finds the people who drive channels most, one batch after the other, and draws them.

    Only the maps of those found so far are kept, whatever the size of the data set.

    Args:
        function: The model.
        channels: Numbers of the channels.
        layer: A layer whose output is a map; None for the last before the head.
        count: People a channel.
        batch_size: Most crops in a forward pass.

    Raises:
        InputError: No channel is wanted, or nobody.
    """

    def __init__(
        self,
        function: PoseFunction,
        channels: Sequence[int],
        layer: str | None = None,
        count: int = 8,
        batch_size: int = 16,
    ) -> None:
        if count < 1:
            raise InputError(f'count={count}: a gallery shows one person a channel or more')
        self.function = function
        self.channels = [int(channel) for channel in channels]
        self.count = count
        self.people = 0
        self._layer_name = layer
        self._layer: SpatialLayer | None = None
        self._batch_size = batch_size
        self._found: dict[int, list[GalleryEntry]] = {channel: [] for channel in self.channels}

    def add(self, crops: Crops, bodies: NDArray[np.bool_] | None = None) -> None:
        """Look at more people.

        Args:
            crops: P people.
            bodies: (P, H, W) bool, pixels of the input that show each person: people are ranked by what the channel
                does on these, where many channels respond most to the edges of crops. None for the whole map.

        Raises:
            InputError: There is no such layer or channel, the layer gives no map, or masks are of another shape.
        """
        if not len(crops):
            return
        if bodies is not None and bodies.shape != (len(crops), *crops.inputs.shape[2:]):
            raise InputError(f'bodies {bodies.shape} have to be (P, H, W) of inputs {tuple(crops.inputs.shape)}')
        if self._layer is None:
            self._layer = find_spatial_layer(self.function, crops.inputs, self._layer_name)
        joints = crops.in_image(places_when_seen(self.function, crops.inputs, self._batch_size))
        for some, maps in channel_maps(self.function, crops.inputs, self._layer, self._batch_size):
            check_channels(self.channels, maps.shape[1], self._layer.name)
            values = maps.flatten(2).cpu().numpy()
            if bodies is not None:
                values = np.where(mask_at(bodies[some], cell_places(self._layer))[:, None], values, -np.inf)
            largest = values.max(2)
            for channel, entries in self._found.items():
                for row in np.argsort(-largest[:, channel], kind='stable')[: self.count].tolist():
                    person, activation = some.start + row, float(largest[row, channel])
                    if np.isfinite(activation):
                        shown = maps[row, channel].cpu().numpy().copy()
                        entries.append(_entry(crops, person, joints[person], activation, shown))
                entries.sort(key=lambda entry: -entry.activation)
                del entries[self.count :]
        self.people += len(crops)

    def entries(self, channel: int) -> list[GalleryEntry]:
        """Those who drive a channel, the strongest first.

        Raises:
            InputError: The gallery is not about this channel.
        """
        if channel not in self._found:
            raise InputError(f'channel {channel} is not in the gallery, which has {", ".join(map(str, self.channels))}')
        return self._found[channel]

    def draw(self, channel: int, *, photographs: bool = True, opacity: float = 0.6) -> Figure:
        """Draw the people with the channel's map and their predicted skeleton.

        Args:
            channel: One of the gallery's.
            photographs: Whether the pictures are drawn beneath; without, maps lie on a plain ground, so that the
                figure shows nobody.
            opacity: Of the maps over photographs.

        Raises:
            InputError: The gallery is not about this channel, nobody was added, or a picture cannot be read.
        """
        entries = self.entries(channel)
        if not entries or self._layer is None:
            raise InputError('nobody is in the gallery: add(crops) first')
        style = SkeletonStyle.of_metainfo(self.function.skeleton.metainfo)
        crops = [self._crop(entry, style, photographs) for entry in entries]
        scale = ColourScale.of([entry.values for entry in entries], quantile=0.995)
        columns = min(len(entries), 4)
        aspect = float(np.median([crop.aspect for crop in crops]))
        figure, panels = panel_grid(-(-len(entries) // columns), columns, aspect, row_heading=0.35)
        for panel, crop, entry in zip(panels.flat, crops, entries):  # noqa: B905  the last row may be short
            draw_background(panel, crop, grey=True)
            picture = draw_map(panel, crop, self._layer.grid, entry.values, scale, opacity=opacity)
            draw_joints(panel, crop, faint=True)
            panel.set(xticks=[], yticks=[])
            title(panel, f'{entry.name}: {entry.activation:.3g}')
        for panel in panels.flat[len(entries) :]:
            panel.axis('off')
        colour_bar(figure, picture, panels, scale, 'activation')
        text = f'{shortened(self._layer.name, 60)}, channel {channel}'
        finish(figure, f'{text}\nthe {len(entries)} of {self.people} people who drive it most')
        return figure

    def _crop(self, entry: GalleryEntry, style: SkeletonStyle, photographs: bool) -> Crop:
        photograph = None
        if photographs and entry.path is not None:
            photograph = np.ascontiguousarray(read_picture(entry.path)[..., ::-1])
        return Crop(entry.to_image, self.function.input_size, style, entry.keypoints, photograph)


def _entry(
    crops: Crops, person: int, joints: NDArray[np.float64], activation: float, values: NDArray[np.float32]
) -> GalleryEntry:
    information = crops.samples[person].metainfo
    path = information.get('img_path')
    name = f'image {information["img_id"]}' if 'img_id' in information else f'person {person}'
    return GalleryEntry(activation, values, crops.to_image[person], joints, Path(path) if path else None, name)
