"""How gunicorn serves the product; the command line and GUNICORN_CMD_ARGS override it. Why gthread: docs/adr/0003."""

import gc
from typing import Any

worker_class = "gthread"
workers = 2
threads = 4
# Loaded once and then forked: workers share its memory, and the first page of each is as fast as the second.
preload_app = True
# Uploads of import files are streamed; the longest request is one slow upload, not one slow query.
timeout = 60
graceful_timeout = 15
keepalive = 5
# gunicorn 27 would open a socket in the user's home folder.
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Before the workers are forked: what is loaded stays for good, so no collection copies its pages."""
    gc.freeze()
