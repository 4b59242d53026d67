"""SMPP 3.4 without a socket: codec, dialects, receipts, and the transport made of them."""

from smsmarketing.gateways.transports.smpp.transport import Smpp

__all__ = ["Smpp"]
