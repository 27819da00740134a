"""The platformer's pictures: palettes, tiles and sprites as ASCII art. Owns colours and pixels; refuses rules.

One letter is one palette index (`INK`), `.` is transparent. Every palette gives each index the same meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sprite:
    """A picture and where it isn't transparent: uint8 and bool [H,W]."""

    pixels: Pixels
    drawn: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, pixels: Pixels) -> Sprite:
        return cls(np.ascontiguousarray(pixels), np.ascontiguousarray(pixels != CLEAR))


Poses = tuple[tuple[Sprite, ...], ...]


@dataclass(frozen=True, eq=False)
class Scenery:
    """All that the platformer draws: tiles uint8 [kinds,8,8], sky uint8 [128,1], the disc in it uint8 [16,16]; the
    banner, the beetle as [looks right][look] and the hero as [looks left][pose]."""

    tiles: Pixels
    sky: Pixels
    lamp: Pixels
    banner: Sprite
    beetle: Poses
    hero: Poses


CLEAR = 255  # transparent in `Pixels`; never reaches a frame
TILE = 8

# k outline, v void, 1-3 sky from the top down, g green, d dark soil, e light soil, m metal, w white, y gold,
# o orange, r red, s skin, b blue, p purple
INK: dict[str, int] = {letter: index for index, letter in enumerate("kv123gdemwyorsbp")} | {".": CLEAR}

PALETTES: dict[str, list[tuple[int, int, int]]] = {
    "day": [
        (26, 20, 40), (52, 42, 78), (104, 186, 240), (148, 212, 246), (196, 234, 250), (92, 196, 84),
        (122, 72, 54), (170, 108, 70), (128, 138, 160), (255, 255, 255), (255, 210, 72), (236, 132, 52),
        (226, 58, 68), (255, 208, 172), (58, 104, 216), (176, 92, 208),
    ],
    "dusk": [
        (28, 14, 38), (62, 28, 72), (110, 62, 132), (204, 96, 122), (250, 160, 112), (96, 148, 92),
        (92, 50, 62), (144, 82, 80), (132, 116, 148), (255, 246, 224), (255, 214, 92), (242, 122, 56),
        (214, 40, 76), (255, 204, 170), (64, 84, 190), (158, 74, 190),
    ],
    "night": [
        (8, 8, 20), (30, 26, 62), (18, 28, 66), (28, 44, 90), (42, 66, 116), (48, 148, 120),
        (58, 48, 84), (92, 78, 118), (104, 122, 158), (234, 244, 255), (246, 222, 112), (220, 128, 84),
        (222, 66, 104), (240, 200, 190), (62, 126, 228), (168, 96, 226),
    ],
    "candy": [
        (66, 24, 62), (112, 48, 104), (255, 190, 214), (255, 212, 222), (255, 232, 226), (110, 214, 176),
        (196, 104, 112), (234, 150, 134), (168, 152, 190), (255, 255, 255), (255, 222, 94), (255, 150, 80),
        (240, 70, 112), (255, 216, 190), (84, 138, 236), (198, 108, 222),
    ],
    "contrast": [
        (0, 0, 0), (0, 0, 132), (0, 124, 255), (0, 255, 255), (170, 255, 255), (0, 220, 0),
        (112, 40, 0), (128, 128, 0), (128, 128, 128), (255, 255, 255), (255, 255, 0), (255, 128, 0),
        (255, 0, 0), (255, 190, 140), (80, 0, 255), (255, 0, 255),
    ],
}  # fmt: skip


def draw(rows: str) -> Pixels:
    """ASCII rows, whitespace-separated → uint8 [H,W] palette indices with `CLEAR` where nothing is drawn."""
    return np.array([[INK[letter] for letter in row] for row in rows.split()], np.uint8)


def _sky() -> Pixels:
    sky = np.empty((128, 1), np.uint8)
    sky[:48], sky[48:88], sky[88:] = INK["1"], INK["2"], INK["3"]
    return sky


SKY = _sky()  # uint8 [128,1]: one colour a pixel row, bands meet at tile edges

# Terrain never reaches the top five tile rows, so this disc and its stars stand still on the screen.
LAMP_AT = (8, 104)  # pixel row, column
LAMP = draw("""
    1111111111111111
    11111yyyyyy11111
    111yyyyyyyyyy111
    11yyyyyyyyyyyy11
    11ywwyyyyyyyyy11
    1ywwwyyyyyyyyyo1
    1ywwyyyyyyyyyyo1
    1yyyyyyyyyyyyoo1
    1yyyyyyyyyyyyoo1
    1yyyyyyyyyyyyoo1
    1yyyyyyyyyyyooo1
    11yyyyyyyyyyoo11
    11oyyyyyyyyooo11
    111oooyyooooo111
    11111oooooo11111
    1111111111111111
""")

GRASS_TOP = draw("""
    gggggggg
    gggggggg
    yggggggg
    gggggygg
    ggdggggd
    gddgdggd
    deddddgd
    deedeeed
""")
GRASS_BODY = draw("""
    eeeeeeee
    edeeeeee
    eeeeedde
    eeeeeeee
    eeeeeeee
    eeddeeee
    eeeeeeed
    eeeeeeee
""")
STONE_TOP = draw("""
    wwwwwwww
    mmmmmmmw
    mwmmmmmm
    mmmmmmwm
    kkkkkkkk
    mmmkmmmm
    mmmkmmmm
    kkkkkkkk
""")
STONE_BODY = draw("""
    mmmmmmmk
    mvmmmmmk
    mmmmmmmk
    kkkkkkkk
    mmmkmmmm
    mmmkmmvm
    mmmkmmmm
    kkkkkkkk
""")
CANDY_TOP = draw("""
    ssssssss
    sswsssss
    rsssrsss
    rssrrssr
    rrsrrrsr
    prrrprrp
    pppppppp
    pppppppp
""")
CANDY_BODY = draw("""
    pppppppp
    pppvvppp
    ppvppppp
    pppppppp
    pppppppp
    vppppppv
    pppppvvp
    pppppppp
""")


def _pit_top(edge: str) -> Pixels:
    """The rim of a gap: remembers ground height and biome (by the colour of its sparks) for the next column."""
    return draw(f"""
        ........
        .{edge}...{edge}..
        ........
        v...v...
        vv.vvv.v
        vvvvvvvv
        v{edge}vvv{edge}vv
        vvvvvvvv
    """)


PIT_BODY = draw("vvvvvvvv vvvvvvvv vvvkvvvv vvvvvvvv vvvvvvvv vvvvvvkv vvvvvvvv vvvvvvvv")
COIN = draw("""
    ..kkkk..
    .kyyyyk.
    kywyyyok
    kywyyyok
    kywyyyok
    kyyyyyok
    .kyoook.
    ..kkkk..
""")
SPIKE = draw("""
    ........
    ........
    ..k...k.
    .kwk.kwk
    .kwk.kwk
    kwmmkwmm
    kwmmkwmm
    kkkkkkkk
""")
PLANK = draw("""
    kkkkkkkk
    oyyyoyyy
    eoooeooo
    kkkkkkkk
    ..kek...
    ...k....
    ........
    ........
""")
BRICK = draw("""
    kkkkkkkk
    oyyyooyk
    oooooook
    kkkkkkkk
    yyokoyyy
    ooekoooo
    eeekeeee
    kkkkkkkk
""")
BLOCK = draw("""
    kkkkkkkk
    kwwwwwmk
    kwmmmmvk
    kwmwmmvk
    kwmmmmvk
    kwmmmmvk
    kmvvvvvk
    kkkkkkkk
""")
POLE = draw("...kmk.. ...kwk.. ...kmk.. ...kmk.. ...kmk.. ...kwk.. ...kmk.. ...kmk..")
POLE_TOP = draw("...kkk.. ..kywyk. ..kyyyk. ..kyyok. ...kkk.. ...kwk.. ...kmk.. ...kmk..")
# One shape in three biomes: what grows or lies on the ground is learnt once, and coloured.
BUSH = draw("""
    ........
    ..kkkk..
    .kgyggk.
    kgyggggk
    kyggggdk
    kgggggdk
    kggggddk
    kkkkkkkk
""")
BOULDER = draw("""
    ........
    ..kkkk..
    .kmwmmk.
    kmwmmmmk
    kwmmmmvk
    kmmmmmvk
    kmmmmvvk
    kkkkkkkk
""")
GUMDROP = draw("""
    ........
    ..kkkk..
    .krsrrk.
    krsrrrrk
    ksrrrrpk
    krrrrrpk
    krrrrppk
    kkkkkkkk
""")


def _rune(bars: str) -> Pixels:
    """Three bars over the tile's whole width, from the top down, two pixel rows each, and a dark post at the right.

    A rune scrolls in pixel column by pixel column: whoever has seen the first one knows it all and has but to go on.
    """
    stripe = "".join(letter * 2 for letter in bars)
    return draw(" ".join(["mmmmmmmm", *(letter * 7 + "k" for letter in stripe), "vvvvvvvv"]))


# One a line of play, in the order of `platformer_levels.Op`. Any two differ in two bars at least, so in four rows.
RUNES: tuple[Pixels, ...] = tuple(
    _rune(bars)
    for bars in (
        "vdv",  # flat: next to nothing
        "ggv",  # up 1: green is up
        "gwg",  # up 2
        "voo",  # down 1: orange is down
        "owo",  # down 2
        "rkr",  # pit: a hole in what is deadly
        "vyw",  # coin low: gold, glinting below
        "wyv",  # coin high: gold, glinting above
        "wrr",  # spike: a white tip on red
        "yee",  # plank: wood, its edge lit
        "mom",  # brick
        "wwm",  # block: lit stone
        "ppp",  # enemy: its colour
        "sgs",  # decoration
        "bbw",  # flag
    )
)

BANNER_RIGHT = 5  # pixels from the left of its pole's column
BANNER = Sprite.of(
    draw("""
    kkkkkkkk
    krrrrrrk
    krwrrrk.
    krwwrrrk
    krwrrrk.
    krrrrrrk
    kkkkkkkk
""")
)


# The hero, 12x16, looking right: head, trunk and legs by pose. What changes from tick to tick is small, and who turns
# round moves eyes, nose and scarf alone: what is drawn anew while it moves is hardest to learn.
def _hero(head: str, trunk: str, legs: str) -> Pixels:
    return draw(f"{head} {trunk} {legs}")


_HAIR = """
    ...kkkkkk...
    ..kooyyook..
    .kooyooyook.
    .kooooooook.
"""
_LOOK = f"""
    {_HAIR}
    .kosssssssk.
    .ksssksskskk
    .ksssksskssk
    ..kssssssk..
"""
_SHUT = f"""
    {_HAIR}
    .kssssssssk.
    .kssssssssk.
    .kskksskksk.
    ..kssrrssk..
"""
_SCARF = """
    rrkrrrrrrk..
    ..krrrrrrk..
    .kskbbbbksk.
    .kkkbbbbkkk.
    ..kbbbbbbk..
"""
_ARMS_UP = """
    kskrrrrrrksk
    .kkrrrrrrkk.
    ..kbbbbbbk..
    ..kbbbbbbk..
    ..kbbbbbbk..
"""
_TOGETHER = "..kbbkkbbk.. ..kddkkddk.. ..kkkkkkkk.."
_STRIDE = ".kbbbkkbbbk. .kddk..kddk. .kkkk..kkkk."
_TUCKED = "..kbbbbbbk.. ..kddkkddk.. ...kk..kk..."
_SPREAD = ".kbbbkkbbbk. kddk....kddk kkk......kkk"

HERO_OFFSET = (2, 2)  # sprite's top left is this far left of and above the hit box
HERO_STAND, HERO_STRIDE, HERO_JUMP, HERO_DEAD, HERO_CHEER = range(5)
_HERO_RIGHT: tuple[Pixels, ...] = (
    _hero(_LOOK, _SCARF, _TOGETHER),
    _hero(_LOOK, _SCARF, _STRIDE),
    _hero(_LOOK, _SCARF, _TUCKED),
    _hero(_SHUT, _ARMS_UP, _SPREAD),
    _hero(_SHUT, _ARMS_UP, _TOGETHER),
)


def both_ways(looks: Sequence[Pixels]) -> Poses:
    """As drawn, and mirrored."""
    return tuple(tuple(Sprite.of(look[:, ::step]) for look in looks) for step in (1, -1))


HERO = both_ways(_HERO_RIGHT)  # [looks left][pose]

# The beetle, 10x9, looking left, two steps; then four ever flatter pictures of one that was stomped.
_BEETLE = """
    ..kkkkkk..
    .kpppppyk.
    kpppppppyk
    kwwkpwwkpk
    kwkkpwkkpk
    kpppppppyk
    kypppppypk
    .kkkkkkkk.
"""
BEETLE_OFFSET = (1, 1)
_BEETLE_LEFT: tuple[Pixels, ...] = (draw(_BEETLE + " .kdk..kdk."), draw(_BEETLE + " ..kdkkdk.."))
_FLAT_ROWS = ((0, 1, 3, 4, 6, 7, 8), (0, 1, 4, 7, 8), (0, 4, 7), (1, 7))


def squashed(walking: Sequence[Pixels]) -> Poses:
    """Two steps of a beetle that looks left → [looks right][0, 1: these; 2-5: ever flatter]."""
    flat = np.full((len(_FLAT_ROWS), 9, 10), CLEAR, np.uint8)
    for picture, rows in zip(flat, _FLAT_ROWS, strict=True):
        picture[9 - len(rows) :] = walking[0][list(rows)]
    return both_ways([*walking, *flat])


BEETLE = squashed(_BEETLE_LEFT)


def tile_set(
    ground: Sequence[Pixels] = (GRASS_TOP, STONE_TOP, CANDY_TOP, GRASS_BODY, STONE_BODY, CANDY_BODY),
    pits: Sequence[Pixels] = (_pit_top("g"), _pit_top("m"), _pit_top("p"), PIT_BODY),
    things: Sequence[Pixels] = (COIN, SPIKE, PLANK, BRICK, BLOCK, POLE, POLE_TOP),
    decorations: Sequence[Pixels] = (BUSH, BOULDER, GUMDROP),
    runes: Sequence[Pixels] = RUNES,
) -> Pixels:
    """All tiles, uint8 [kinds,8,8], in the order of the kinds in `platformer_levels`."""
    empty = np.full((TILE, TILE), CLEAR, np.uint8)
    return np.stack([empty, *ground, *pits, *things, *decorations, *runes]).astype(np.uint8)


RUNEWOOD = Scenery(tile_set(), SKY, LAMP, BANNER, BEETLE, HERO)
