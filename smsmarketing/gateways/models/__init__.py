"""The wire: gateways, senders, rates, money, batches, messages, receipts, inbound."""

from smsmarketing.gateways.models.answer import UnclearAnswer
from smsmarketing.gateways.models.batch import Attempt, Batch, BatchSlice, Message
from smsmarketing.gateways.models.billing import Bill, BillLine, RouteMonth
from smsmarketing.gateways.models.bind import Bind, PartId
from smsmarketing.gateways.models.control import GatewayListing, GatewayOptOut, GatewaySync
from smsmarketing.gateways.models.definition import (
    DefinitionUse,
    DefinitionVersion,
    GatewayDefinition,
)
from smsmarketing.gateways.models.gateway import Gateway, Rate
from smsmarketing.gateways.models.lookup import NumberingList, NumberLookup
from smsmarketing.gateways.models.money import ExchangeRate, FrequencyCap, LedgerEntry, Quota
from smsmarketing.gateways.models.receipt import InboundMessage, Receipt
from smsmarketing.gateways.models.registration import (
    Registration,
    RegistrationDocument,
    RegistrationStep,
)
from smsmarketing.gateways.models.route import Route, RouteHealth, RoutePin, RouteTally
from smsmarketing.gateways.models.sender import SenderEligibility, SenderId, SenderRule
from smsmarketing.gateways.models.trial import GatewayTest

__all__ = [
    "Attempt",
    "Batch",
    "BatchSlice",
    "Bill",
    "BillLine",
    "Bind",
    "DefinitionUse",
    "DefinitionVersion",
    "ExchangeRate",
    "FrequencyCap",
    "Gateway",
    "GatewayDefinition",
    "GatewayListing",
    "GatewayOptOut",
    "GatewaySync",
    "GatewayTest",
    "InboundMessage",
    "LedgerEntry",
    "Message",
    "NumberLookup",
    "NumberingList",
    "PartId",
    "Quota",
    "Rate",
    "Receipt",
    "Registration",
    "RegistrationDocument",
    "RegistrationStep",
    "Route",
    "RouteHealth",
    "RouteMonth",
    "RoutePin",
    "RouteTally",
    "SenderEligibility",
    "SenderId",
    "SenderRule",
    "UnclearAnswer",
]
