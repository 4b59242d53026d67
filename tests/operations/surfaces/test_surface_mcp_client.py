"""The official MCP Python client over a real socket."""

import asyncio
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.exceptions import McpError

from smsmarketing import __version__
from smsmarketing.accounts.models import Team, User
from tests.operations.surfaces.probes import REQUEST_ID
from tests.surfaces import token_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("probes"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def with_session(address: str, token: str, story: Any) -> Any:
    """Run `story(session, initialize_result)` with a connected client."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            streamablehttp_client(address, headers=headers, timeout=20) as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            return await story(session, await session.initialize())

    return asyncio.run(run())


def test_the_official_client_lists_calls_and_is_refused(
    live_server: Any, anna: User, team: Team
) -> None:
    async def story(session: ClientSession, hello: Any) -> None:
        assert hello.serverInfo.version == __version__
        assert hello.protocolVersion == "2025-11-25"
        await session.send_ping()
        listed = await session.list_tools()
        tools = {tool.name: tool for tool in listed.tools}
        assert tools["sms_marketing_probe_get"].annotations.readOnlyHint is True
        # call_tool validates structuredContent against the output schema, also on errors
        read = await session.call_tool("sms_marketing_probe_get", {"team_id": team.pk})
        assert read.structuredContent["data"]["name"]["text"] == "North"
        dotted = await session.call_tool("sms_marketing.probe.count", {})
        assert dotted.isError is False
        held = await session.call_tool("sms_marketing_probe_create", {"name": "Big one"})
        assert held.structuredContent["held"]["action_request_id"] == str(REQUEST_ID)
        wrong = await session.call_tool("sms_marketing_probe_create", {"nme": "x"})
        assert wrong.isError is True
        assert set(wrong.structuredContent["error"]["field_errors"]) == {"name", "nme"}
        person = await session.call_tool("sms_marketing_probe_decide", {})
        assert person.structuredContent["error"]["code"] == "NOT_PERMITTED"
        with pytest.raises(McpError) as refused:
            await session.call_tool("nothing", {})
        assert refused.value.error.code == -32602
        with pytest.raises(McpError) as refused:
            await session.list_prompts()
        assert refused.value.error.code == -32601

    with_session(f"{live_server.url}/mcp", token_for(anna), story)
    assert not Team.objects.filter(name="Big one").exists()


def test_the_official_client_on_a_group_and_read_only(live_server: Any, anna: User) -> None:
    async def names(session: ClientSession, hello: Any) -> list[str]:
        return [tool.name for tool in (await session.list_tools()).tools]

    token = token_for(anna)
    assert with_session(f"{live_server.url}/mcp/campaigns", token, names) == [
        "sms_marketing_probe_send"
    ]
    assert with_session(f"{live_server.url}/mcp/campaigns?read_only=1", token, names) == []


def test_a_wrong_token_fails_at_once(live_server: Any, anna: User) -> None:
    async def story(session: ClientSession, hello: Any) -> None:
        raise AssertionError("signed in with a wrong token")

    with pytest.raises(BaseExceptionGroup) as failed:
        with_session(f"{live_server.url}/mcp", "nonsense", story)
    assert failed.group_contains(httpx.HTTPStatusError, match="401")
