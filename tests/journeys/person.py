"""A person with a browser, without the browser: a cookie jar, real forms and their CSRF tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

import requests

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class Person:
    """Somebody who signs in at /admin/ and sends forms."""

    base_url: str
    session: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, username: str, password: str) -> None:
        """Sign in through the login page."""
        path = "/admin/login/"
        hidden = self.form(path)
        answer = self.session.post(
            f"{self.base_url}{path}?next=/admin/",
            data={**hidden, "username": username, "password": password},
            headers={"Referer": f"{self.base_url}{path}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.status_code
        assert "sessionid" in self.session.cookies, f"{username} could not sign in"

    def get(self, path: str) -> str:
        """The text of a page."""
        answer = self.session.get(f"{self.base_url}{path}", timeout=60)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def form(self, path: str, *, marker: str = "<form") -> dict[str, str]:
        """The hidden fields of the form on a page that begins with `marker`."""
        page = self.get(path)
        start = page.index(marker)
        part = page[start : page.index("</form>", start)]
        return {name: unescape(value) for name, value in _HIDDEN.findall(part)}

    def decide(self, action_request_id: str, decision: str, reason: str = "") -> requests.Response:
        """Press a button of the approval page."""
        path = f"/admin/approvals/actionrequest/{action_request_id}/change/"
        hidden = self.form(path, marker='id="vote-form"')
        return self.session.post(
            f"{self.base_url}{path}",
            data={**hidden, "decision": decision, "reason": reason},
            headers={"Referer": f"{self.base_url}{path}"},
            timeout=60,
        )
