"""Writes of the campaigns app. Callers hold the transaction and the row's lock; nothing here talks to a network."""
