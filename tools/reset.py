"""`make reset`: removes the demo's data and everything the embedded servers keep outside the checkout."""

import os
import shutil
import sys

from tools.embedded import place
from tools.keeper import sessions_clear_stale


def main() -> int:
    """Remove the cache folder; refuse while a demo or a test session uses it."""
    cache = place.cache_folder()
    sessions_clear_stale(cache)
    lock = place.lock_try(cache / "demo.lock")
    if lock is None or any(cache.glob("t-*")):
        print(
            "reset: a demo or a test session of this checkout is running; stop it first.",
            file=sys.stderr,
        )
        return 1
    shutil.rmtree(cache)
    os.close(lock)
    shutil.rmtree(place.CHECKOUT / "var", ignore_errors=True)
    print(f"Removed {cache} and var/.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
