"""What people see in a browser: one live page over the board's state, drawn without any outside address.

`live` folds effects into the state of the page, `shapes` draws the map's outlines, `page.html` shows both.
"""

from streams.outlets.console.live import Live
from streams.outlets.console.pages import add_console
from streams.outlets.console.shapes import street_shapes

__all__ = ["Live", "add_console", "street_shapes"]
