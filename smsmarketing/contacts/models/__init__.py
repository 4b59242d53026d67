"""People, what they agreed to, and what they refused."""

from smsmarketing.contacts.models.audiences import Audience, AudienceMember, FormerMember, Segment
from smsmarketing.contacts.models.consent import (
    BlockClearing,
    ConsentEvent,
    Suppression,
    SuppressionLift,
)
from smsmarketing.contacts.models.contacts import Contact, ContactChange, FormerNumber, SendState
from smsmarketing.contacts.models.erasure import EraseJob
from smsmarketing.contacts.models.events import ContactEvent, EventSummary
from smsmarketing.contacts.models.exports import ExportFile
from smsmarketing.contacts.models.fields import CustomField
from smsmarketing.contacts.models.imports import (
    EvidenceFile,
    ImportFile,
    ImportFolder,
    ImportFolderFile,
    ImportJob,
    ImportMapping,
    ImportReject,
    ImportUndo,
)
from smsmarketing.contacts.models.opt_in import DoubleOptIn, OptInForm, OptInFormVersion
from smsmarketing.contacts.models.reveals import RevealBudget
from smsmarketing.contacts.models.seals import ConsentSeal, ConsentSealWait

__all__ = [
    "Audience",
    "AudienceMember",
    "BlockClearing",
    "ConsentEvent",
    "ConsentSeal",
    "ConsentSealWait",
    "Contact",
    "ContactChange",
    "ContactEvent",
    "CustomField",
    "DoubleOptIn",
    "EraseJob",
    "EventSummary",
    "EvidenceFile",
    "ExportFile",
    "FormerMember",
    "FormerNumber",
    "ImportFile",
    "ImportFolder",
    "ImportFolderFile",
    "ImportJob",
    "ImportMapping",
    "ImportReject",
    "ImportUndo",
    "OptInForm",
    "OptInFormVersion",
    "RevealBudget",
    "Segment",
    "SendState",
    "Suppression",
    "SuppressionLift",
]
