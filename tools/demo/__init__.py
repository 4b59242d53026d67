"""`make demo`: the whole system in one foreground process group, with demo data."""
