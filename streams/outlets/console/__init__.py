"""What people see in a browser: the command-centre console, drawn by NiceGUI without any outside address.

`mounting` puts it into an application, `users` says who may what, `live` folds effects into the wall's state, `mapping`
draws shapes for maps; every other module is a page or a part of one, and is imported only once the service runs.
"""

from streams.outlets.console.context import Console
from streams.outlets.console.live import Live
from streams.outlets.console.mounting import add_console
from streams.outlets.console.users import LOCAL, User, at_console

__all__ = ["LOCAL", "Console", "Live", "User", "add_console", "at_console"]
