"""What a policy can look at. Operations give these facts; see `Operation.facts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FactKind = Literal["number", "flag", "word", "words"]


@dataclass(frozen=True)
class Fact:
    """One fact: its kind and what it means in a sentence on the approval page."""

    kind: FactKind
    label: str


FACTS: dict[str, Fact] = {
    "anomalous": Fact("flag", "the call looks unusual"),
    "bulk": Fact("flag", "many at once"),
    "by_agent": Fact("flag", "asked by an agent"),
    "consent_changes": Fact("number", "contacts that gain consent"),
    "consents": Fact("number", "rows that bring consent"),
    "contacts": Fact("number", "contacts in the call"),
    "cost": Fact("number", "cost, worst case"),
    "countries": Fact("words", "countries"),
    "credentials_changed": Fact("flag", "gateway credentials change"),
    "cross_system": Fact("flag", "keys of another system change"),
    "double_opt_in": Fact("flag", "the number must confirm by SMS"),
    "enables": Fact("flag", "switches a flow on"),
    "external": Fact("flag", "leaves the organisation"),
    "has_link": Fact("flag", "the text has a link"),
    "lookups": Fact("number", "numbers looked up, each of them billed"),
    "minutes_to_start": Fact("number", "minutes until the start"),
    "new_country": Fact("flag", "a country the team never sent to"),
    "new_template": Fact("flag", "a text that was never sent before"),
    "official": Fact("flag", "official brand or compliance wording"),
    "full_numbers": Fact("number", "full phone numbers that would leave the system"),
    "opt_out_lifts": Fact("number", "opt-outs that would be lifted"),
    "overwrites": Fact("flag", "recorded results are replaced"),
    "payment_link": Fact("flag", "a link to a payment page"),
    "price_change_percent": Fact("number", "largest change of a known price, in percent"),
    "raises_limit": Fact("flag", "more may be spent than before"),
    "purpose": Fact("word", "purpose"),
    "recipients": Fact("number", "recipients"),
    "sends": Fact("flag", "a message is handed over"),
    "sensitive": Fact("flag", "a sensitive landing page"),
    "state": Fact("word", "state before the change"),
    "use_case": Fact("word", "use case of the template"),
}
