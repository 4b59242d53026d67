"""PostgreSQL and Valkey from Python wheels, for `make demo` and `make test`. Never used in production."""
