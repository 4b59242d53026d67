"""The carrier simulator: tests of it, and `process.py` for every test that needs a carrier."""
