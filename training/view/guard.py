"""Who may talk to the page: this machine, under its own name, with the token of this start."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training.view.serve import Address

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests under another host name (DNS rebinding), from other sites, and without the token.

    The token comes with the address that the command prints and stays as a cookie, so that other users of the machine
    cannot read what is shown.
    """

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self._app = app
        self._address = address
        self._cookie = f"view-{address.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        problem = self._problem(scope["method"], headers, given)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(HEADERS)
                if given and problem is None:
                    cookie = f"{self._cookie}={given}; Path=/; HttpOnly; SameSite=Strict"
                    answer.append("set-cookie", cookie)
            await send(message)

        app = self._app if problem is None else PlainTextResponse(problem + "\n", 403)
        await app(scope, receive, guarded)

    def _problem(self, method: str, headers: Headers, given: str) -> str | None:
        if headers.get("host", "") not in self._address.hosts:
            return f"Ask for this page as {self._address.hosts[0]}."
        own = f"http://{headers['host']}"
        if method not in ("GET", "HEAD") and headers.get("origin") != own:
            return "Only the page itself may change anything."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not given:
            return "Other sites may not read this."
        if not hmac.compare_digest((given or self._held(headers)).encode(), self._address.token.encode()):
            return "Open the address that the command printed: its token is missing here, or of an earlier start."
        return None

    def _held(self, headers: Headers) -> str:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return cookie.value if cookie else ""
