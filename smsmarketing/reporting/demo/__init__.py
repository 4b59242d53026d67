"""What `make demo` starts with: people, a brand, a road to the simulated carrier, contacts, a campaign.

Rows that a rule guards come into being the way users make them: through services and `execute()`.
"""
