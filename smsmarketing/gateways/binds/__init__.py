"""Long-lived connections to gateways: a process for each, and one that keeps them running.

The process owns the socket and nothing else of its own: work is claimed, checked, marked and
recorded by `dispatch`, what comes is kept by `intake`.
"""

from smsmarketing.gateways.binds.process import BindProcess
from smsmarketing.gateways.binds.supervisor import Supervisor

__all__ = ["BindProcess", "Supervisor"]
