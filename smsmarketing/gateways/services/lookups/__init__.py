"""Asking networks about numbers (HLR): reserved first, asked for outside of a transaction, settled when
the provider took it, answered by its callback.
"""

from smsmarketing.gateways.services.lookups.answering import lookup_answer
from smsmarketing.gateways.services.lookups.running import lookups_run
from smsmarketing.gateways.services.lookups.starting import Wanted, lookups_start

__all__ = ["Wanted", "lookup_answer", "lookups_run", "lookups_start"]
