"""A bound SMPP link and the window of submits on it. It knows no database and no Django."""

from smsmarketing.gateways.engine.smpp.link import LinkDown
from smsmarketing.gateways.engine.smpp.session import BindRefused, SmppEngine

__all__ = ["BindRefused", "LinkDown", "SmppEngine"]
