"""The roles that a new installation starts with; afterwards roles are data that an admin changes."""

from __future__ import annotations

from dataclasses import dataclass

MARKETING, CRM, OPERATIONS, COMPLIANCE = "marketing", "crm", "operations", "compliance"
TECHNICAL, APPROVER, ADMIN, VIEWER = "technical", "approver", "admin", "viewer"

EVERYONE = frozenset({MARKETING, CRM, OPERATIONS, COMPLIANCE, TECHNICAL, APPROVER, ADMIN, VIEWER})


@dataclass(frozen=True)
class SeededRole:
    """A role that a new installation has."""

    key: str
    name: str
    description: str


ROLES: tuple[SeededRole, ...] = (
    SeededRole(MARKETING, "Marketing", "Writes texts and campaigns, asks for review, schedules."),
    SeededRole(CRM, "CRM", "Keeps contacts, consent, audiences, segments and imports."),
    SeededRole(OPERATIONS, "Operations", "Starts, pauses and stops sends; watches batches."),
    SeededRole(COMPLIANCE, "Compliance", "Opt-outs, consent evidence, audit; decides on policy."),
    SeededRole(TECHNICAL, "Technical", "Gateways, rates, senders, credentials."),
    SeededRole(APPROVER, "Approver", "Decides on requests of other people."),
    SeededRole(ADMIN, "Admin", "Everything, in all teams. Not exempt from the second person."),
    SeededRole(VIEWER, "Viewer", "Reads; phone numbers are masked."),
)
