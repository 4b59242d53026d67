"""A gateway that is described as data: how a message becomes a request, and what an answer means.

No part of a definition is run as code: placeholders come from a fixed list, patterns are checked
for their cost, and an answer that no rule fits is ambiguous, so the message becomes `unknown` and
is not sent again.
"""

from smsmarketing.gateways.transports.generic.definition import Definition
from smsmarketing.gateways.transports.generic.transport import NAME, GenericHttp

__all__ = ["NAME", "Definition", "GenericHttp"]
