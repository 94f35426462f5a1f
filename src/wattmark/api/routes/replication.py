"""Frames for followers, by long poll: what a follower asks for next says what it has on disk.

The usual pull, that of a follower that is up to date, needs no thread and no reading: its confirmation is counted on
the event loop, and the last frame is still in memory. Everything else reads the journal's files on threads of its own,
so that followers and the people who wait for them do not stand in one line.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from wattmark.api.authorisation import API, Caller, caller_of
from wattmark.api.bodies import DirectRoute, StrictRoute
from wattmark.api.context import Served, context_of
from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.flows.platform import Platform
from wattmark.flows.replication import MAX_EPOCH, Pull, Replication
from wattmark.flows.settings import SETTINGS_FILE
from wattmark.ledger.frames import CHAIN_START, MAX_SEQUENCE
from wattmark.ledger.tiles import ENTRIES_LEVEL, parse_tile_path, read_tile

router = APIRouter(route_class=StrictRoute)
direct = APIRouter(route_class=DirectRoute)

MAX_WAIT_MS: Final = 30_000
"""Longest wait for a frame [ms]."""
MAX_TILES: Final = 256
"""Most tiles in one answer."""
OCTETS: Final = "application/octet-stream"
THREADS: Final = ThreadPoolExecutor(2, "wattmark-replication")
"""Read the journal for followers."""

_FORM = Text(
    en="after, hash, epoch, name and wait_ms as documented", ja="after・hash・epoch・name・wait_msの所定の形式"
)


class Fence(BaseModel):
    """There is a writer of a higher epoch."""

    model_config = ConfigDict(extra="forbid", strict=True)
    epoch: int = Field(ge=1, le=MAX_EPOCH)
    writer: str = Field("", max_length=500)


@direct.get(
    f"{API}/replication/frames",
    tags=["replication"],
    summary="The journal's frames after one, by long poll; asking confirms that one",
    openapi_extra={
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": words}
            for name, kind, words in (
                ("after", "integer", "the last frame the follower has on disk; -1 for none"),
                ("hash", "string", "SHA-256 of that frame"),
                ("epoch", "integer", "the highest epoch it knows"),
                ("name", "string", "its name, if it counts"),
                ("wait_ms", "integer", "how long to wait for a frame"),
            )
        ]
    },
)
async def frames(request: Request) -> Response:
    """Return whole frames back to back; 204 when none came in time."""
    platform: Platform = context_of(request).platform
    replication = platform.replication
    pull, wait_ms = _pull(request)
    loop = asyncio.get_running_loop()
    if not replication.confirm(pull):
        await loop.run_in_executor(THREADS, replication.check, pull)
    body = await _wait(replication, pull.after, wait_ms / 1_000)
    headers = {"Wattmark-Epoch": str(replication.epoch), "Cache-Control": "no-store"}
    return Response(body, 200 if body else 204, headers, OCTETS if body else None)


@router.get(
    f"{API}/replication/head", tags=["replication"], summary="What the writer has, and what followers confirmed"
)
async def head(context: Served) -> dict[str, Any]:
    """Return epoch, last frame, confirmations, signed checkpoint and public key."""
    platform = context.platform
    replication = platform.replication
    last = replication.head
    return {
        "origin": platform.settings.origin,
        "vkey": platform.keys.vkey,
        "epoch": replication.epoch,
        "last_sequence": last.sequence,
        "frame_hash": last.frame_hash.hex(),
        "checkpoint": platform.sequencer.checkpoint_text,
        "acknowledge_after": replication.acknowledge_after,
        "confirmed": replication.confirmed,
        "name": replication.name,
    }


@router.get(f"{API}/replication/settings", tags=["replication"], summary="The settings file, byte for byte")
async def settings(context: Served) -> Response:
    """Return the settings; their hash stands in the journal."""
    path = context.platform.home / SETTINGS_FILE
    data = await asyncio.get_running_loop().run_in_executor(THREADS, path.read_bytes)
    return Response(data, media_type="application/json")


@router.get(f"{API}/replication/lake/{{path:path}}", tags=["replication"], summary="A lake file, byte for byte")
async def lake_file(path: str, context: Served) -> Response:
    """Return a lake file; its hash stands in the journal."""
    data = await asyncio.get_running_loop().run_in_executor(THREADS, context.platform.lake.get, path)
    return Response(data, media_type=OCTETS)


@router.get(f"{API}/replication/tiles", tags=["replication"], summary="Up to 256 tiles of hashes in one answer")
async def tiles(context: Served, paths: str) -> Response:
    """Return tiles named with commas between: length as 32 bits little-endian (0: not there), then the tile."""
    wanted = [parse_tile_path(path) for path in paths.split(",")]
    if len(wanted) > MAX_TILES or any(tile.level == ENTRIES_LEVEL for tile in wanted):
        rule = Text(en=f"at most {MAX_TILES} tiles of hashes", ja=f"ハッシュのタイルを{MAX_TILES}枚以下")
        raise MalformedInput("TILES_MALFORMED", "paths", len(wanted), rule)

    def read() -> bytes:
        parts: list[bytes] = []
        for tile in wanted:
            try:
                data = read_tile(context.platform.tiles.read, tile)
            except UnknownReference:
                data = b""
            parts += (len(data).to_bytes(4, "little"), data)
        return b"".join(parts)

    body = await asyncio.get_running_loop().run_in_executor(THREADS, read)
    return Response(body, media_type=OCTETS)


@router.post(
    f"{API}/replication/fence", tags=["replication"], summary="Never confirm to a writer below this epoch again"
)
async def fence(body: Fence, context: Served, caller: Caller) -> dict[str, Any]:
    """Make a higher epoch known: a follower turns away from the old writer, the old writer stops for good."""
    del caller
    replication = context.platform.replication
    standing = await asyncio.get_running_loop().run_in_executor(THREADS, replication.fence, body.epoch, body.writer)
    last = replication.head
    return {
        "name": standing.name,
        "role": standing.role,
        "epoch": standing.epoch,
        "last_sequence": last.sequence,
        "frame_hash": last.frame_hash.hex(),
    }


async def _wait(replication: Replication, after: int, wait_s: float) -> bytes:
    """Return the frames after one, as soon as there is one or the time is over."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    until = loop.time() + wait_s

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(came.set)

    with replication.listening(wake):
        while True:
            came.clear()
            body = replication.ready(after)
            if body is None:
                body = await loop.run_in_executor(THREADS, replication.gather, after)
            left = until - loop.time()
            if body or left <= 0 or replication.is_ending:
                return body
            try:
                await asyncio.wait_for(came.wait(), left)
            except TimeoutError:
                return b""


def _pull(request: Request) -> tuple[Pull, int]:
    """Return the pull of a request and how long to wait [ms].

    Raises:
        MalformedInput: a parameter has another form.
    """
    asked = request.query_params
    caller = caller_of(request)
    try:
        after, epoch = int(asked.get("after", "-1")), int(asked.get("epoch", "0"))
        wait_ms = int(asked.get("wait_ms", "0"))
        frame_hash = bytes.fromhex(asked["hash"]) if "hash" in asked else None
    except ValueError as error:
        raise MalformedInput("PULL_MALFORMED", "query", str(asked), _FORM) from error
    in_range = -1 <= after <= MAX_SEQUENCE and 0 <= epoch <= MAX_EPOCH and 0 <= wait_ms <= MAX_WAIT_MS
    if not in_range or (frame_hash is not None and len(frame_hash) != HASH_BYTES):
        raise MalformedInput("PULL_MALFORMED", "query", str(asked), _FORM)
    if frame_hash is None:
        frame_hash = CHAIN_START if after < 0 else b""
    return Pull(after, frame_hash, epoch, asked.get("name", ""), caller.key, caller.is_operator), wait_ms
