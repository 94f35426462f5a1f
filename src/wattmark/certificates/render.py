"""A stamp as SVG: perforated paper, art, guilloche, face value, and the marks of its state.

Pure text, one stamp about 2 ms and below 20 kB; equal input gives equal bytes. Names of plants come
from strangers: every text is escaped, and nothing refers to another host. Serve as ``image/svg+xml``
through ``<img>``.
"""

import math
from typing import Final

from wattmark.certificates.motifs import BEHIND, MOTIFS
from wattmark.certificates.palette import PAPER, POSTMARK, mix
from wattmark.certificates.scene import ART_HEIGHT, ART_WIDTH, Scene, hills, make_scene, sky
from wattmark.certificates.stamp import STATE_TEXT, Postmark, StampFacts, StampState
from wattmark.certificates.svg import SANS, SERIF, escape, fitting_size, label, number, points, shortened
from wattmark.core.codes import AREA_TEXT, SOURCE_TEXT
from wattmark.core.periods import Period
from wattmark.core.text import Text

WIDTH: Final = 300
HEIGHT: Final = 375
ART_LEFT: Final = 22
ART_TOP: Final = 22
PITCH: Final = 15
"""Distance of two perforation holes; both sides are a multiple of it [units]."""
HOLE: Final = 4.6
"""Radius of a perforation hole [units]."""
FACE_BOX: Final = (22.0, 270.0, 128.0, 46.0)
"""Where the face value stands: left, top, width, height [units]; no mark of a state enters it."""
POSTMARK_CENTRES: Final = ((98.0, 126.0), (202.0, 126.0))
"""Left and right place of the postmark [units]; it takes the side away from the sun."""
POSTMARK_RADIUS: Final = 58.0
QUARTER_RADIUS: Final = 96.0
VEIL: Final = ".62"
"""Paper laid under a postmark, so that it is read on night skies too [opacity]."""
BRAND: Final = "Wattmark でんき票"
GUILLOCHE_MIDDLE: Final = 293.0


def render_stamp(
    facts: StampFacts,
    state: StampState = StampState.MINT,
    postmark: Postmark | None = None,
    language: str = "ja",
) -> str:
    """Return the stamp as one SVG document.

    Args:
        facts: what it is drawn from.
        state: how it looks.
        postmark: when and where it was used; needed for USED and CTO.
        language: ``"ja"`` or ``"en"``.
    """
    assert postmark is not None or state not in {StampState.USED, StampState.CTO}
    scene = make_scene(facts)
    parts = [*_paper(scene), *_art(scene), *_panel(scene, language)]
    if state is StampState.USED and postmark is not None:
        parts.append(_bulls_eye(scene, postmark, language))
    elif state is StampState.CTO and postmark is not None:
        parts.append(_quarter(postmark, language, scene.key))
    elif state is StampState.VOID:
        parts.append(_void(scene, language))
    elif state is StampState.LISTED:
        parts.append(_hinge(scene, language))
    title = f"{BRAND} {facts.face_wh:,} Wh, {facts.plant.get(language)}, {facts.period.label(language)}"
    described = f"{SOURCE_TEXT[facts.source].get(language)}, {AREA_TEXT[facts.area].get(language)}, {STATE_TEXT[state].get(language)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" lang="{"ja" if language == "ja" else "en"}" font-family="{SANS}">'
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>{''.join(parts)}</svg>"
    )


def perforated(width: float, height: float, pitch: float = PITCH, hole: float = HOLE) -> str:
    """Return the outline of a perforated sheet as path data."""
    gap = pitch - 2 * hole
    across, down = round(width / pitch), round(height / pitch)
    edge = f"a{points(hole, hole)} 0 0 0 "
    top = (f"h{number(gap / 2)}{edge}{points(2 * hole, 0)}h{number(gap / 2)}") * across
    right = (f"v{number(gap / 2)}{edge}{points(0, 2 * hole)}v{number(gap / 2)}") * down
    bottom = (f"h{number(-gap / 2)}{edge}{points(-2 * hole, 0)}h{number(-gap / 2)}") * across
    left = (f"v{number(-gap / 2)}{edge}{points(0, -2 * hole)}v{number(-gap / 2)}") * down
    return f"M0 0{top}{right}{bottom}{left}z"


def _paper(scene: Scene) -> list[str]:
    tone = mix(PAPER, scene.palette.light, 0.12)
    outline = perforated(WIDTH, HEIGHT)
    return [
        (
            f'<clipPath id="p{scene.key}"><path d="{outline}"/></clipPath>'
            f'<path d="{outline}" fill="{tone}" stroke="{mix(PAPER, scene.palette.ink, 0.25)}" stroke-width=".6"/>'
        )
    ]


def _art(scene: Scene) -> list[str]:
    frame = scene.palette.deep
    return [
        (
            f'<clipPath id="c{scene.key}"><rect width="{ART_WIDTH}" height="{ART_HEIGHT}" rx="2"/></clipPath>'
            f'<g transform="translate({ART_LEFT} {ART_TOP})"><g clip-path="url(#c{scene.key})">'
        ),
        *sky(scene),
        *(BEHIND[scene.facts.source](scene) if scene.facts.source in BEHIND else []),
        *hills(scene),
        *MOTIFS[scene.facts.source](scene),
        f'</g><rect width="{ART_WIDTH}" height="{ART_HEIGHT}" rx="2" fill="none" stroke="{frame}" stroke-width="1.4"/></g>',
        f'<path d="M{ART_LEFT} 266.5h{ART_WIDTH}" stroke="{frame}" stroke-width=".8"/>',
    ]


def _panel(scene: Scene, language: str) -> list[str]:
    facts, palette = scene.facts, scene.palette
    left, top, width, height = FACE_BOX
    right = ART_LEFT + ART_WIDTH
    face = f"{facts.face_wh:,}"
    face_size = fitting_size(face, width - 32, 38)
    plant = facts.plant.get(language)
    plant_size = max(9.5, fitting_size(plant, ART_WIDTH, 15))
    where = f"{SOURCE_TEXT[facts.source].get(language)}・{AREA_TEXT[facts.area].get(language)}"
    serials = f"No. {facts.bundle} : {facts.start + 1:,}–{facts.end:,}"
    serials_size = fitting_size(serials, 122, 8)
    unit = '<tspan font-size="17" dx="4">Wh</tspan>'
    return [
        guilloche(scene),
        (
            f'<text x="{number(left)}" y="{number(top + 35)}" font-size="{number(face_size)}" fill="{palette.ink}" '
            f'font-family="{SERIF}" font-weight="700">{face}{unit}</text>'
        ),
        label(
            right, top + 14, BRAND, 11.5, fill=palette.ink, text_anchor="end", font_weight="700", letter_spacing=".4"
        ),
        label(right, top + 29, where, 10, fill=palette.ink, text_anchor="end"),
        label(right, top + 42, serials, serials_size, fill=palette.ink, text_anchor="end"),
        f'<path d="M{ART_LEFT} {number(top + height + 3)}h{ART_WIDTH}" stroke="{palette.deep}" stroke-width=".8"/>',
        label(
            left,
            top + height + 20,
            shortened(plant, ART_WIDTH, plant_size),
            plant_size,
            fill=palette.ink,
            font_weight="700",
        ),
        label(left, top + height + 34, facts.period.label(language), 9.6, fill=palette.ink),
    ]


def guilloche(scene: Scene) -> str:
    """Return the band that the token's hash draws: one curve, laid over itself at many heights."""
    token = scene.token
    left, _, _, _ = FACE_BOX
    middle = GUILLOCHE_MIDDLE
    slow, quick = 2 + token[0] % 4, 7 + token[1] % 9
    phase, weight = token[2] / 255 * math.tau, 0.35 + token[3] / 255 * 0.4
    path = []
    for step in range(0, ART_WIDTH + 1, 2):
        turn = math.tau * step / ART_WIDTH
        swell = (1 - weight) * math.cos(slow * turn + phase) + weight * math.sin(quick * turn)
        path.append(points(step, 20 * (1 - 0.85 * step / ART_WIDTH) * swell))
    curve = f'<path id="g{scene.key}" d="M{" ".join(path)}" transform="translate({points(left, middle)})"/>'
    layers = "".join(
        f'<use href="#g{scene.key}" transform="translate(0 {number(middle)}) scale(1 {scale:.2f}) translate(0 {number(-middle)})"/>'
        for scale in (0.72, 0.44, 0.16, -0.16, -0.44, -0.72, -1.0)
    )
    return f'<g fill="none" stroke="{mix(scene.palette.light, scene.palette.mid, 0.45)}" stroke-width=".5">{curve}{layers}</g>'


def _short_date(period: Period) -> str:
    day = period.jst_date()
    return f"{day.year}.{day.month}.{day.day}"


def _clock(period: Period) -> str:
    return period.label("en").rsplit(" ", 1)[1]


def _bulls_eye(scene: Scene, postmark: Postmark, language: str) -> str:
    """An upright double ring with place, date and time; it covers about a sixth of the art."""
    x, y = POSTMARK_CENTRES[scene.disc()[0] < ART_WIDTH / 2]
    radius = POSTMARK_RADIUS
    place = postmark.place.get(language)
    chord = 2 * math.sqrt((radius - 9) ** 2 - 36**2)  # at the top of the letters, 3 units off the inner ring
    half = math.sqrt((radius - 6) ** 2 - 15**2)
    veil = f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{PAPER}" opacity="{VEIL}"/>'
    ring = (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" stroke-width="2.6"/>'
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius - 6)}" stroke-width="1"/>'
        f'<path d="M{points(x - half, y - 15)}h{number(2 * half)}M{points(x - half, y + 15)}h{number(2 * half)}" stroke-width="1.4"/>'
    )
    used = Text(en="USED", ja="使用済").get(language)
    text = (
        label(x, y - 24, shortened(place, chord, 12), fitting_size(shortened(place, chord, 12), chord, 15))
        + label(
            x,
            y + 6.5,
            _short_date(postmark.period),
            19,
            font_weight="700",
            textLength="88",
            lengthAdjust="spacingAndGlyphs",
        )
        + label(x, y + 31, _clock(postmark.period), 12, textLength="64", lengthAdjust="spacingAndGlyphs")
        + label(x, y + 44, used, 8.5)
    )
    return (
        f'<g class="postmark">{veil}<g fill="none" stroke="{POSTMARK}">{ring}</g>'
        f'<g fill="{POSTMARK}" text-anchor="middle">{text}</g></g>'
    )


def _quarter(postmark: Postmark, language: str, key: str) -> str:
    """A quarter of a postmark in the upper right corner: retired without a metered match."""
    radius = QUARTER_RADIUS
    rings = "".join(
        f'<circle cx="{WIDTH}" cy="0" r="{number(radius - inset)}" stroke-width="{number(width)}"/>'
        for inset, width in ((0, 2.6), (6, 1), (52, 1))
    )
    x, y = WIDTH - 48, 48
    text = label(
        0, -3, _short_date(postmark.period), 12.5, font_weight="700", textLength="66", lengthAdjust="spacingAndGlyphs"
    ) + label(0, 9, postmark.note.get(language), 9.5)
    return (
        f'<g class="postmark" clip-path="url(#p{key})"><circle cx="{WIDTH}" cy="0" r="{number(radius)}" fill="{PAPER}" '
        f'opacity="{VEIL}"/><g fill="none" stroke="{POSTMARK}">{rings}</g>'
        f'<g fill="{POSTMARK}" text-anchor="middle" transform="translate({points(x, y)}) rotate(45)">{text}</g></g>'
    )


def _void(scene: Scene, language: str) -> str:
    """Two bars and a word across a faded picture."""
    word = Text(en="VOID", ja="無効").get(language)
    return (
        f'<g class="overprint" clip-path="url(#c{scene.key})" transform="translate({ART_LEFT} {ART_TOP})" fill="{POSTMARK}">'
        f'<rect width="{ART_WIDTH}" height="{ART_HEIGHT}" fill="{PAPER}" opacity="{VEIL}"/>'
        '<path d="M-10 160L266 20v9L-10 169zM-10 222L266 82v9L-10 231z"/>'
        f"{label(133, 139, word, 38, text_anchor='middle', font_weight='700', letter_spacing='10', transform='rotate(-26.9 128 125)')}</g>"
    )


def _hinge(scene: Scene, language: str) -> str:
    """A gummed hinge at the upper left: the stamp is on sale."""
    paper = mix(PAPER, "#d9cfae", 0.55)
    word = STATE_TEXT[StampState.LISTED].get(language)
    return (
        f'<g class="hinge" transform="rotate(-8 60 30)"><path d="M22 6h78v44H22z" fill="{paper}" '
        f'stroke="{mix(paper, scene.palette.ink, 0.35)}" stroke-width=".7"/>'
        f'<path d="M22 21h78" stroke="{mix(paper, scene.palette.ink, 0.4)}" stroke-width=".8" stroke-dasharray="3 2"/>'
        f"{label(61, 41, word, fitting_size(word, 70, 14), fill=POSTMARK, text_anchor='middle', font_weight='700')}</g>"
    )
