"""mmengine's global objects: visualisers and message hubs that live as long as the process."""

from mmengine.logging import MessageHub
from mmengine.visualization import Visualizer


def forget_managers() -> None:
    """Forget the visualisers and message hubs of earlier runners in this process.

    mmengine finds them by name and would hand the log folder of an earlier run to the next one.
    """
    pending: list[type] = [Visualizer, MessageHub]
    while pending:
        manager = pending.pop()
        manager._instance_dict.clear()  # type: ignore[attr-defined]
        pending += manager.__subclasses__()
