"""The shield: headers on every response, bodies above the limit refused before they are kept."""

import asyncio

from wattmark.api.shield import BODY_LIMITS, DEFAULT_LIMIT, HEADERS, Shield


async def echo(scope, receive, send) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(message["body"])).encode()})


def call(path: str, parts: list[bytes], headers: list[tuple[bytes, bytes]] = ()) -> tuple[int, dict[str, str], bytes]:
    sent, given = [], [*parts]

    async def receive():
        part = given.pop(0) if given else b""
        return {"type": "http.request", "body": part, "more_body": bool(given)}

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": "POST", "headers": list(headers)}
    asyncio.run(Shield(echo)(scope, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"]


def test_every_response_binds_the_browser() -> None:
    status, headers, body = call("/anything", [b"abc"])
    assert (status, body) == (200, b"3")
    assert {name.lower() for name in HEADERS} <= headers.keys()
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"


def test_a_declared_length_above_the_limit_is_not_read() -> None:
    status, headers, body = call("/x", [], [(b"content-length", b"%d" % (DEFAULT_LIMIT + 1))])
    assert status == 413
    assert b"HTTP_413" in body
    assert "content-security-policy" in headers
    assert call("/x", [], [(b"content-length", b"nonsense")])[0] == 413


def test_an_undeclared_body_is_cut_off_at_the_limit() -> None:
    half = bytes(DEFAULT_LIMIT // 2)
    assert call("/x", [half, half])[2] == str(DEFAULT_LIMIT).encode()
    assert call("/x", [half, half, b"1"])[0] == 413


def test_uploads_have_limits_of_their_own() -> None:
    large = bytes(DEFAULT_LIMIT * 4)
    assert call("/api/v1/readings/bulk", [large])[0] == 200
    assert all(limit > DEFAULT_LIMIT for limit in BODY_LIMITS.values())
