#!/usr/bin/env python
"""Runs Django's management commands for the SMS marketing system."""

import gc
import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Hand the command line to Django with the product's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsmarketing.settings")
    try:
        execute_from_command_line(sys.argv)
    finally:
        # Python would search all of it for garbage once more, half a second, only to end.
        gc.freeze()


if __name__ == "__main__":
    main()
