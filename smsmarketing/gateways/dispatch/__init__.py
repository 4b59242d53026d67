"""The dispatch engine: claims slices, checks everything at the last moment, hands over, records.

The path of a message (docs/architecture.md): claim (lease, committed) → wave: checks and mark
`handing_over` in one transaction, committed → submit with no transaction open [R-10.16] → record in
one transaction. A crash leaves at most one window of messages `unknown`; they are never sent again
by themselves [R-8.12].
"""

from smsmarketing.gateways.dispatch.runner import RunReport, batch_run
from smsmarketing.gateways.dispatch.sweep import SweepReport, sweep

__all__ = ["RunReport", "SweepReport", "batch_run", "sweep"]
