"""consent.verify: does the ledger still say what it said when it was sealed?"""

from __future__ import annotations

from pydantic import Field

from smsmarketing.contacts.selectors.seals import consents_verify
from smsmarketing.operations import registry
from smsmarketing.operations.types import Context, Input, Kind, Operation, Output, RestRoute


class VerifyIn(Input):
    from_seal: int = Field(default=1, ge=1, description="First seal to check; go on at next_seal.")
    most: int = Field(default=25, ge=1, le=100, description="How many seals to check in this call.")


class VerifyOut(Output):
    valid: bool = Field(description="True when every seal that was checked holds.")
    seals: int = Field(description="Seals that hold.")
    rows: int = Field(description="Consent events under these seals.")
    next_seal: int | None = Field(description="Where to go on; null when all were checked.")
    last_digest: str = Field(description="Digest of the last seal that holds; keep it elsewhere.")
    unsealed: int = Field(description="Events after the last checked seal; new ones wait minutes.")
    broken_seal: int | None = Field(description="First seal that does not hold.")
    broken_row: int | None = Field(description="Id of the first event that is not as it was.")
    problem: str = Field(description="What does not hold; empty when everything does.")


def _verify(context: Context, data: VerifyIn) -> VerifyOut:
    found = consents_verify(from_seal=data.from_seal, most=data.most)
    more = found.valid and found.seals == data.most
    return VerifyOut(
        valid=found.valid,
        seals=found.seals,
        rows=found.rows,
        next_seal=found.last_seal + 1 if more else None,
        last_digest=found.last_digest,
        unsealed=found.unsealed,
        broken_seal=found.broken_seal,
        broken_row=found.broken_row,
        problem=found.problem,
    )


registry.add(
    Operation(
        key="consent.verify",
        summary="Check the seals of the consent ledger: nothing changed, removed or put in later.",
        description=(
            "Names the first seal and the first event that do not hold. The newest seal also stands "
            "in the audit chain. A few minutes of new events are not sealed yet."
        ),
        kind=Kind.READ,
        input=VerifyIn,
        output=VerifyOut,
        run=_verify,
        permission="contacts.consent_view",
        scope="sms:compliance",
        rest=RestRoute("GET", "/consent/verify"),
        group="contacts",
        audit_reads=True,
    )
)
