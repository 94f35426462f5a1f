"""The log as C2SP files, and proofs of its records."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from wattmark.api.authorisation import API, MaybeCaller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.models import MAX_ROW
from wattmark.api.routes.shapes import shape
from wattmark.api.security import not_theirs
from wattmark.core.errors import NotAuthorised, UnknownReference
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.flows.platform import Platform
from wattmark.flows.queries import records
from wattmark.ledger.tiles import ENTRIES_LEVEL, TILE_WIDTH, TileId, parse_tile_path

router = APIRouter(route_class=StrictRoute)

IMMUTABLE: Final = "public, max-age=31536000, immutable"
SHORT: Final = "public, max-age=1"
OCTETS: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
NOT_PUBLISHED: Final = Text(en="a published part of the log", ja="公開済みの台帳の範囲")
PRIVATE_BUNDLE: Final = Text(
    en="a bundle of public records, or of your own, unless you are operator or auditor",
    ja="公開記録または自分の記録だけの束(運営者・監査人は全件)",
)


@router.get("/log/checkpoint", tags=["log"], summary="Latest checkpoint (C2SP tlog-checkpoint)")
async def checkpoint(context: Served) -> Response:
    """Return the latest checkpoint that witnesses cosigned, or the latest signed one if none was."""
    text = await context.run(lambda platform: platform.published_checkpoint)
    if text is None:
        raise UnknownReference("NOT_PUBLISHED", "checkpoint", "", NOT_PUBLISHED)
    return PlainTextResponse(text, headers={"Cache-Control": SHORT}, media_type=TEXT)


@router.get("/log/tile/entries/{path:path}", tags=["log"], summary="Entry bundle (C2SP tlog-tiles), to those entitled")
async def entries(path: str, context: Served, caller: MaybeCaller) -> Response:
    """Return the entries of a bundle: length as 16 bits big-endian, then the entry, again and again."""
    tile = parse_tile_path(f"tile/entries/{path}")
    viewer = None if caller is None else caller.account
    sees_all = caller is not None and caller.sees_all

    def read(platform: Platform) -> list[bytes] | None:
        _check_published(platform, tile)
        return records.bundle_entries(platform, tile.index, tile.width, viewer, sees_all=sees_all)

    found = await context.run(read)
    if found is None:
        raise NotAuthorised("ENTRIES_PRIVATE", "path", path, PRIVATE_BUNDLE)
    body = b"".join(len(entry).to_bytes(2, "big") + entry for entry in found)
    return Response(body, media_type=OCTETS, headers={"Cache-Control": "private, max-age=31536000, immutable"})


@router.get("/log/tile/{level}/{path:path}", tags=["log"], summary="Tile of hashes (C2SP tlog-tiles)")
async def tile(level: str, path: str, context: Served) -> Response:
    """Return the hashes of a tile."""
    wanted = parse_tile_path(f"tile/{level}/{path}")
    if wanted.level == ENTRIES_LEVEL:
        raise not_theirs("path", path)

    def read(platform: Platform) -> bytes:
        try:
            return platform.tiles.read(wanted.path)
        except UnknownReference:
            if wanted.width == TILE_WIDTH:
                raise
        # a partial tile may be gone once the full one exists; its hashes are the full one's first
        return platform.tiles.read(TileId(wanted.level, wanted.index).path)[: wanted.width * HASH_BYTES]

    body = await context.run(read)
    return Response(body, media_type=OCTETS, headers={"Cache-Control": IMMUTABLE})


@router.get(f"{API}/log/witnesses", tags=["log"], summary="Who cosigned the log, when, and whether that is enough")
async def witnesses(context: Served) -> dict[str, Any]:
    """Return how the cosignatures stand; nobody is asked where the platform has no policy."""
    cosigning = context.platform.cosigning
    if cosigning is None:
        return {"needed": 0, "quorum_met": False, "size": 0, "witnesses": []}
    standing = await context.run(lambda _: cosigning.standing())
    return {
        "needed": standing.needed,
        "quorum_met": standing.is_met,
        "size": standing.size,
        "witnesses": [
            {
                "name": one.name,
                "size": one.size,
                "cosigned_s": one.time_s,
                "reply": None if one.reply is None else one.reply.value,
            }
            for one in standing.witnesses
        ],
    }


@router.get(f"{API}/records/{{position}}", tags=["log"], summary="A record, as far as the caller may see it")
async def record(position: int, context: Served, caller: MaybeCaller) -> dict[str, Any]:
    """Return one record; of private ones only that it exists."""
    viewer = None if caller is None else caller.account
    sees_all = caller is not None and caller.sees_all
    found = await context.run(lambda platform: records.entry(platform, _row(position), viewer, sees_all=sees_all))
    answer: dict[str, Any] = shape(found)
    return answer


@router.get(f"{API}/records/{{position}}/proof", tags=["log"], summary="Inclusion proof (C2SP tlog-proof)")
async def proof(position: int, context: Served) -> Response:
    """Return the inclusion proof of a record under the latest checkpoint."""
    found = await context.run(lambda platform: platform.sequencer.inclusion(_row(position)))
    return PlainTextResponse(found.format(), headers={"Cache-Control": "no-cache"}, media_type=TEXT)


def _row(position: int) -> int:
    if 0 <= position <= MAX_ROW:
        return position
    raise not_theirs("position", position)


def _check_published(platform: Platform, tile: TileId) -> None:
    if tile.index * TILE_WIDTH + tile.width > platform.sequencer.published_size:
        raise UnknownReference("NOT_PUBLISHED", "path", tile.path, NOT_PUBLISHED)
