"""Journey 2: an agent with the official MCP client; people decide where people must."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from django.utils import timezone
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from smsmarketing.accounts.models import Role
from smsmarketing.approvals.models import ActionRequest
from smsmarketing.campaigns.models import Campaign
from smsmarketing.contacts.models import Contact
from smsmarketing.gateways.models import Message
from smsmarketing.operations.models import AuditEntry
from tests.journeys.logs import nothing_personal_in
from tests.journeys.person import Person
from tests.journeys.processes import Product, product_running
from tests.journeys.scene import SCOPES, Scene, scene_make
from tests.surfaces import token_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

READERS = 8
NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
BODY = "Acme: the autumn bulbs are in, come and see them."
NEW_PHONE = "+447400123457"


@dataclass
class Agent:
    """One connected client; checks each answer against the tool's own output schema."""

    session: ClientSession
    schemas: dict[str, Any]

    async def envelope(self, key: str, **arguments: Any) -> dict[str, Any]:
        """The structured content of one call, a refusal included."""
        name = "sms_marketing_" + key.replace(".", "_")
        result = await self.session.call_tool(name, arguments)
        content = result.structuredContent
        assert content is not None
        jsonschema.Draft202012Validator(self.schemas[name]).validate(content)
        assert result.isError is (content["error"] is not None)
        return content

    async def call(self, key: str, **arguments: Any) -> dict[str, Any]:
        """The data of a call that must succeed."""
        content = await self.envelope(key, **arguments)
        assert content["error"] is None, (key, content["error"])
        assert content["held"] is None, (key, content["held"])
        data: dict[str, Any] = content["data"]
        return data

    async def refused(self, key: str, **arguments: Any) -> str:
        """The code of a refusal."""
        content = await self.envelope(key, **arguments)
        assert content["error"] is not None, f"{key} was not refused"
        return str(content["error"]["code"])


Story = Callable[[Agent], Awaitable[Any]]


def as_agent(product: Product, token: str, story: Story) -> Any:
    """Run a story with a connected agent. The database is looked at outside of it only."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            streamablehttp_client(f"{product.url}/mcp", headers=headers, timeout=60) as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            tools = []
            page = await session.list_tools()
            tools += page.tools
            while page.nextCursor:
                page = await session.list_tools(page.nextCursor)
                tools += page.tools
            assert all(NAME.fullmatch(tool.name) for tool in tools)
            assert all(tool.outputSchema for tool in tools)
            return await story(Agent(session, {tool.name: tool.outputSchema for tool in tools}))

    return asyncio.run(run())


def new_key() -> str:
    return uuid.uuid4().hex


def test_an_agent_drafts_people_approve_and_the_agent_reads_the_report(
    process_environment: dict[str, str],
) -> None:
    with product_running(process_environment) as product:
        scene = scene_make(readers=READERS, carrier_url=product.carrier.base_url)
        scene.desk.approver.roles.add(Role.objects.get(key="compliance"))
        token = token_for(scene.desk.marketer, SCOPES)
        consent_waits_for_a_person(product, scene, token)
        campaign_id = as_agent(product, token, lambda agent: draft(agent, scene))
        request_id = review(product, scene, token, campaign_id)
        person = Person(product.url)
        person.sign_in(scene.desk.approver.username, scene.password)
        assert person.decide(request_id, "approve").status_code == 200
        assert Campaign.objects.get(pk=campaign_id).state == "approved"
        as_agent(product, token, lambda agent: send(agent, campaign_id))
        product.until(lambda: Campaign.objects.get(pk=campaign_id).state == "sent", seconds=90)
        product.until(lambda: Message.objects.filter(state="delivered").count() == READERS)
        assert product.carrier.stats()["duplicates"] == 0
        as_agent(product, token, lambda agent: report(agent, campaign_id))
        assert set(
            AuditEntry.objects.filter(
                operation__in=["campaigns.create_draft", "campaigns.send_approved"]
            ).values_list("surface", "outcome")
        ) == {("mcp", "done"), ("mcp", "APPROVAL_REQUIRED")}
        nothing_personal_in(
            product,
            numbers=[NEW_PHONE, *(row.phone or "" for row in scene.readers)],
            secrets=[token, scene.password, scene.desk.world.secret, BODY, "bulbs are in"],
        )


def consent_waits_for_a_person(product: Product, scene: Scene, token: str) -> None:
    """An agent that brings consent is held; a job does it once a person agreed [R-8.4]."""
    payload = {
        "brand_id": scene.desk.world.brand.pk,
        "phone": NEW_PHONE,
        "time_zone": scene.zone,
        "source": "chat with the shop",
        "consent": {
            "method": "web_form",
            "source_url": "https://acme.example/texts",
            "disclosure_text": "May we text you offers? Reply STOP to opt out at any time.",
            "captured_at": (timezone.now() - timedelta(hours=3)).isoformat(),
        },
    }

    async def story(agent: Agent) -> Any:
        return await agent.envelope("contacts.upsert", idempotency_key=new_key(), **payload)

    content = as_agent(product, token, story)
    assert content["error"] is None
    assert content["data"] is None
    assert not Contact.objects.filter(phone=NEW_PHONE).exists()
    request_id = content["held"]["action_request_id"]
    person = Person(product.url)
    person.sign_in(scene.desk.approver.username, scene.password)
    assert person.decide(request_id, "approve").status_code == 200
    product.until(
        lambda: str(ActionRequest.objects.get(pk=request_id).state) == "succeeded", seconds=60
    )
    assert Contact.objects.filter(phone=NEW_PHONE).count() == 1


async def draft(agent: Agent, scene: Scene) -> int:
    """Everything up to the review."""
    world = scene.desk.world
    brand = {"brand_id": world.brand.pk}
    await agent.call("config.get")
    listed = await agent.call("audiences.list", **brand)
    preview = await agent.call(
        "segments.preview",
        **brand,
        gateway_id=world.gateway.pk,
        sender_id=world.sender.pk,
        criteria={"audience": listed["items"][0]["audience_id"]},
    )
    assert preview["sendable"] == READERS
    segment = await agent.call(
        "segments.create",
        idempotency_key=new_key(),
        segment_preview_id=preview["segment_preview_id"],
        name="Bulb readers",
    )
    used = await agent.refused(
        "segments.create",
        idempotency_key=new_key(),
        segment_preview_id=preview["segment_preview_id"],
        name="Bulb readers again",
    )
    assert used == "PRECONDITION_REQUIRED"
    fit = await agent.call("copy.fit_preview", **brand, message=BODY, sender_id=world.sender.pk)
    assert fit["fits"]
    made = await agent.call(
        "campaigns.create_draft",
        idempotency_key=new_key(),
        **brand,
        name="Bulbs",
        segment_id=segment["segment_id"],
        sender_id=world.sender.pk,
        gateway_id=world.gateway.pk,
        message=BODY,
        quiet_mode="default",
    )
    cost = await agent.call("cost_preview", campaign_id=made["campaign_id"])
    assert cost["recipients"] == READERS
    return int(made["campaign_id"])


def review(product: Product, scene: Scene, token: str, campaign_id: int) -> str:
    """The agent asks for a review, and is refused whatever only a person may do."""

    async def ask(agent: Agent) -> str:
        found = await agent.call("campaigns.get", campaign_id=campaign_id)
        asked = await agent.call(
            "campaigns.submit_for_review",
            idempotency_key=new_key(),
            campaign_id=campaign_id,
            base_version_token=found["base_version_token"],
        )
        return str(asked["action_request_id"])

    request_id: str = as_agent(product, token, ask)
    row = ActionRequest.objects.get(pk=request_id)
    before = AuditEntry.objects.filter(outcome="NOT_PERMITTED").count()

    async def try_all(agent: Agent) -> None:
        vote = {"content_hash": row.content_hash, "reason": "I am sure it is fine"}
        # An agent does not even see these tools; calling them by name is refused all the same.
        for name in ("campaigns.approve", "campaigns.reject"):
            assert await hidden(agent, name, campaign_id=campaign_id, **vote) == "NOT_PERMITTED"
        for name in ("action_requests.approve", "action_requests.reject"):
            code = await hidden(agent, name, action_request_id=request_id, **vote)
            assert code == "NOT_PERMITTED"
        found = await agent.call("campaigns.get", campaign_id=campaign_id)
        early = await agent.refused(
            "campaigns.send_approved",
            idempotency_key=new_key(),
            campaign_id=campaign_id,
            base_version_token=found["base_version_token"],
        )
        assert early == "APPROVAL_REQUIRED"

    as_agent(product, token, try_all)
    row.refresh_from_db()
    assert (str(row.state), row.votes.count()) == ("pending", 0)
    assert Campaign.objects.get(pk=campaign_id).state == "in_review"
    assert not Message.objects.exists()
    assert AuditEntry.objects.filter(outcome="NOT_PERMITTED").count() == before + 4
    return request_id


async def hidden(agent: Agent, key: str, **arguments: Any) -> str:
    """Call a tool that may be missing from the list; the code of its refusal."""
    name = "sms_marketing_" + key.replace(".", "_")
    result = await agent.session.call_tool(name, {"idempotency_key": new_key(), **arguments})
    assert result.isError
    assert result.structuredContent is not None
    return str(result.structuredContent["error"]["code"])


async def send(agent: Agent, campaign_id: int) -> None:
    """One key, two calls, one send."""
    found = await agent.call("campaigns.get", campaign_id=campaign_id)
    call = {
        "idempotency_key": new_key(),
        "campaign_id": campaign_id,
        "base_version_token": found["base_version_token"],
    }
    first = await agent.envelope("campaigns.send_approved", **call)
    again = await agent.envelope("campaigns.send_approved", **call)
    assert first["data"] == again["data"]
    assert (first["meta"]["replayed"], again["meta"]["replayed"]) == (False, True)


async def report(agent: Agent, campaign_id: int) -> None:
    """The report and one explanation, without a full number."""
    found = await agent.call("campaign_reports.get", campaign_id=campaign_id)
    funnel = found["delivery"]
    ends = sum(value for name, value in funnel.items() if name != "planned")
    assert funnel["planned"] == ends == funnel["delivered"] == READERS
    readers = await agent.call("contacts.search", limit=1)
    assert "•" in readers["items"][0]["phone"]
