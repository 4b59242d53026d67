"""REST: `/api/v1` built from the registry. DRF is the HTTP adapter; the rules live behind `execute()`."""
