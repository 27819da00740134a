"""The puzzle's pixel art and palettes. Owns pictures as text and how they become palette indices; no rules, no state.

One character is one pixel: a hex digit is a palette index, `.` shows what is beneath.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

CELL = 16  # pixels
CLEAR = 255  # not drawn

# What the 16 colours are for: 0 outline and the dark of the wipe, 1 floor, 2 floor mark, 3 brick, 4 brick light,
# 5 mortar, 6 gold light, 7 gold, 8 crate light, 9 crate, a crate dark and hair, b goal, c skin, d hat and coat,
# e highlight, f door and boots.
_COLOURS: dict[str, str] = {
    "temple": (
        "1b1420 57493f 64554a 8d6b4f b08a63 3d2c2b ffe680 e0a82e "
        "d9a066 b0703c 74432a 4fd6a0 f2c49b c8433d fff6e0 4a6fa5"
    ),
    "frost": (
        "14182e 3a4a72 465984 7fa6cf b9dcf2 4c6c9c fff0a8 e8b84a "
        "dba57a a9714f 6b4538 6ef0e0 ffd9bd e0568b ffffff 5d4fa8"
    ),
    "candy": (
        "3a1d4a f7d6e6 efc3da d972a8 f29cc6 9c4380 fff3a0 f5b83d "
        "f0b27f c97f55 86503f 30c48d ffe0c7 5a63d8 ffffff e0527a"
    ),
    "midnight": (
        "05060d 10142a 181e3a 2d3a6b 4458a0 1a2145 ffe27a c9952b "
        "9c7dc4 6a4e9c 3d2b66 35e0d0 e8c2a0 e2553f f4f6ff 2f8f5b"
    ),
    "contrast": (
        "000000 808080 ffffff 800000 ff0000 400040 ffff00 ff8000 "
        "00ff00 008000 004080 00ffff ff80ff 0000ff ffff80 c000ff"
    ),
}


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[0:2], 16), int(colour[2:4], 16), int(colour[4:6], 16)


PALETTES: dict[str, list[tuple[int, int, int]]] = {
    name: [_rgb(colour) for colour in colours.split()] for name, colours in _COLOURS.items()
}


def picture(text: str) -> Picture:
    """Text rows to palette indices uint8 [H,W], `CLEAR` for `.`; rows must be equally long."""
    rows = text.split()
    return np.array([[CLEAR if pixel == "." else int(pixel, 16) for pixel in row] for row in rows], np.uint8)


def laid_over(under: Picture, over: Picture, top: int, left: int) -> Picture:
    """A copy of `under` with `over` drawn on it at a place."""
    drawn = under.copy()
    place = drawn[top : top + over.shape[0], left : left + over.shape[1]]
    place[over != CLEAR] = over[over != CLEAR]
    return drawn


def recoloured(source: Picture, colours: dict[int, int]) -> Picture:
    """A copy with some palette indices exchanged."""
    table = np.arange(256, dtype=np.uint8)
    for old, new in colours.items():
        table[old] = new
    return np.asarray(table[source])


EMPTY = np.full((CELL, CELL), CLEAR, np.uint8)

FLOOR = picture(
    """
    2111111111111112 1111111111111111 1111111111111111 1111111111111111
    1111111111111111 1111111111111111 1111111111111111 1111111111111111
    1111111111111111 1111111111111111 1111111111111111 1111111111111111
    1111111111111111 1111111111111111 1111111111111111 2111111111111112
    """
)

# One brick pattern every 8 pixels, so that all patches of a wall are the same.
_BRICK = picture("54444444 53333333 53333333 55555555 44445444 33335333 33335333 55555555")
WALL = np.tile(_BRICK, (2, 2))
GOLD_WALL = recoloured(WALL, {3: 7, 4: 6, 5: 10})

_BRACKETS = picture(
    """
    bbbb........bbbb
    bb............bb
    b..............b
    b..............b
    ................
    ................
    ................
    .......bb.......
    .......bb.......
    ................
    ................
    ................
    b..............b
    b..............b
    bb............bb
    bbbb........bbbb
    """
)
GOAL = laid_over(FLOOR, _BRACKETS, 0, 0)

_CRATE = picture(
    """
    000000000000
    088888888890
    08e8888889a0
    08989aaaa9a0
    089889aaa9a0
    089a889aa9a0
    089aa889a9a0
    089aaa8899a0
    089aaaa889a0
    089aaaaa89a0
    0899999999a0
    0899999999a0
    09aaaaaaaaa0
    000000000000
    """
)
CRATE = laid_over(EMPTY, _CRATE, 1, 2)
CRATE_HOME = recoloured(CRATE, {8: 14, 9: 11, 10: 15})

_KEY = picture(
    """
    ..0000..
    .066660.
    06600770
    06700770
    .077770.
    ..0770..
    ..0770..
    ..07770.
    ..0770..
    ..077770
    ..07770.
    ..0000..
    """
)
KEY = laid_over(FLOOR, _KEY, 2, 4)

DOOR = picture(
    """
    5544444444444455
    5400000000000045
    400ffffffffff004
    40feffffffffff04
    30ff0ff00ff0ff03
    30ff0ff00ff0ff03
    30ffffffffffff03
    30fff066660fff03
    30fff060070fff03
    30fff070070fff03
    30fff077770fff03
    30ffff0000ffff03
    30ff0ff00ff0ff03
    30ff0ff00ff0ff03
    30ffffffffffff03
    5000000000000005
    """
)

_FRONT_HEAD = """
    ....000000.... ...0deeddd0... ..0deeddddd0.. ..0dddddddd0.. ..0ffffffff0..
    ..0cccccccc0.. ..0c0cccc0c0.. ..0c0cccc0c0.. ...0cccccc0...
"""
_BACK_HEAD = """
    ....000000.... ...0deeddd0... ..0deeddddd0.. ..0dddddddd0.. ..0ffffffff0..
    ..0aaaaaaaa0.. ..0aaaaaaaa0.. ..0aaaaaaaa0.. ...0aaaaaa0...
"""
_SIDE_HEAD = """
    ....000000.... ...0deeddd0... ..0deeddddd0.. ..0dddddddd0.. ..0ffffffff00.
    ..0aacccccc0.. ..0aaccc0cc0.. ..0aaccc0cc0.. ...0acccccc0..
"""
_BODY = "...00dddd00... ..0cddddddc0.. ..0cddddddc0.. ...0ff00ff0... ...0000.000..."
_BODY_STEP = "...00dddd00... ..0cdddddd0... ..0ddddddc0... ...0ff00000... ...0000......."

_FRONT = picture(_FRONT_HEAD + _BODY)
_FRONT_STEP = picture(_FRONT_HEAD + _BODY_STEP)
_BACK = picture(_BACK_HEAD + _BODY)
_BACK_STEP = picture(_BACK_HEAD + _BODY_STEP)
_SIDE = picture(_SIDE_HEAD + "....0dddd0.... ....0dcdd0.... ....0dcdd0.... ....0fff0..... ....00000.....")
_SIDE_STEP = picture(_SIDE_HEAD + "....0dddd0.... ...0dcddd0.... ...0ddcdd00... ..0ff0.00ff0.. ..0000..0000..")
_FRONT_STRAIN = picture(
    """
    ....000000.... ...0deeddd0... ..0deeddddd0.. ..0dddddddd0.. ..0ffffffff0..
    ..0cccccccc0.e ..000cccc000.e ..0cccccccc0.. ..00cc00cc00..
    .00ddddddddd0. 0ccddddddddcc0 0cc0dddddd0cc0 ..0ff0000ff0.. ..0000..0000..
    """
)
_BACK_STRAIN = picture(
    """
    000.000000.000 0cc0deeddd0cc0 0cc0eeddddd0c0 .00dddddddd00. ..0ffffffff0..
    ..0aaaaaaaa0.e ..0aaaaaaaa0.e ..0aaaaaaaa0.. ...0aaaaaa0...
    ...0dddddd0... ..0dddddddd0.. ..0dddddddd0.. ..0ff0000ff0.. ..0000..0000..
    """
)
_SIDE_STRAIN = picture(
    """
    .....000000... ....0deeddd0.. ...0deeddddd0. ...0dddddddd0. ...0ffffffff00
    e..0aacccccc0. e..0aacc000c0. ...0aacccccc0. ....0acc00cc0.
    ...00dddd00000 ..0ddddddcccc0 .0ddddddd00000 .0ff00.0ff0... .0000..0000...
    """
)
_CHEER = picture(
    """
    00..000000..00 c0.0deeddd0.0c c00deeddddd00c cc0dddddddd0cc 0d0ffffffff0d0
    0d0cccccccc0d0 0d0c0cccc0c0d0 .00cccccccc00. ..0dc0000cd0..
    ..0ddceecdd0.. ...0dddddd0... ...0dddddd0... ..0ff0..0ff0.. ..0000..0000..
    """
)
_HELD_KEY = picture("0660 6006 0660 .07. .077 .07. .077")

POSES = ("stand", "step", "other step", "strain", "cheer")
STAND, STEP, OTHER_STEP, STRAIN, CHEER = range(5)


def _mirrored(source: Picture) -> Picture:
    return np.ascontiguousarray(source[:, ::-1])


def _pose(pose: int, facing: int) -> Picture:
    """One player picture [14,14]. `facing` 0 up, 1 down, 2 left, 3 right."""
    if pose == CHEER:
        return _CHEER
    sideways = facing >= 2
    names = {STAND: (_BACK, _FRONT, _SIDE), STRAIN: (_BACK_STRAIN, _FRONT_STRAIN, _SIDE_STRAIN)}
    drawn = names.get(pose, (_BACK_STEP, _FRONT_STEP, _SIDE_STEP))[min(facing, 2)]
    return _mirrored(drawn) if facing == 2 or (pose == OTHER_STEP and not sideways) else drawn


def _player(pose: int, facing: int, carrying: bool) -> Picture:
    drawn = laid_over(EMPTY, _pose(pose, facing), 1, 1)
    if not carrying:
        return drawn
    if pose == CHEER:
        return laid_over(drawn, _HELD_KEY, 0, 11)
    return laid_over(drawn, _HELD_KEY, 8, 1 if facing == 2 else 11)


# The rows of `SPRITES` that show the player, by pose, facing and whether it carries the key: int64 [5,4,2].
PLAYER_SPRITES = np.arange(len(POSES) * 4 * 2).reshape(len(POSES), 4, 2)

# uint8 [41,16,16]: every player picture, then the crate that is being pushed.
SPRITES = np.stack(
    [
        *(
            _player(pose, facing, carrying)
            for pose in range(len(POSES))
            for facing in range(4)
            for carrying in (False, True)
        ),
        CRATE,
    ]
)
CRATE_SPRITE = len(SPRITES) - 1

# 8×8 marks of what a cell will be, in the order of the cell kinds: floor, wall, goal, box, box on goal, key, door,
# player.
_GLYPHS = (
    "00000000 00000000 00000000 00022000 00022000 00000000 00000000 00000000",
    "00000000 04444440 03333330 05555550 04444440 03333330 05555550 00000000",
    "00000000 0bb00bb0 0b0000b0 00000000 00000000 0b0000b0 0bb00bb0 00000000",
    "00000000 08888880 08999980 089aa980 089aa980 08999980 08888880 00000000",
    "00000000 0bbbbbb0 0b8888b0 0b8998b0 0b8998b0 0b8888b0 0bbbbbb0 00000000",
    "00000000 00066000 00600600 00077000 00070000 00077000 00070000 00000000",
    "00000000 00ffff00 0ffffff0 0ff66ff0 0ff77ff0 0ffffff0 0ffffff0 00000000",
    "00000000 00dddd00 0dddddd0 00cccc00 00cccc00 00dddd00 00d00d00 00000000",
)

# What is owed before a cell comes in, 4×4: nothing, the player, a box, a goal. The key has come and its door has not.
_OWED = (
    ".... .... .... ....",
    ".dd. dddd .cc. .cc.",
    "8888 8aa8 8aa8 8888",
    "bbbb b..b b..b bbbb",
)
_DOOR_OWED = picture("66 66 7. 77")
_PAIR = picture("ee ee")


def _mark(owed: int, pairs: int, key: int) -> Picture:
    """An 8×8 mark: what is owed, whether a door is, and a dot for each box and goal that have come."""
    drawn = laid_over(np.zeros((CELL // 2, CELL // 2), np.uint8), picture(_OWED[owed]), 1, 1)
    if key:
        drawn = laid_over(drawn, _DOOR_OWED, 1, 6)
    for pair in range(pairs):
        drawn = laid_over(drawn, _PAIR, 6, 3 * pair)
    return drawn


# uint8 [32,8,8] by the number of a mark (see `puzzle_levels.owed_marks`).
MARKS = np.stack([_mark(owed, pairs, key) for key in range(2) for pairs in range(4) for owed in range(len(_OWED))])


def _glyph_tile(text: str) -> Picture:
    return laid_over(np.zeros((CELL, CELL), np.uint8), picture(text), 0, 0)


# uint8 [16,16,16]: the cell kinds 0–6, the gold wall, then the wipe's glyph of each kind 0–7.
TILES = np.stack(
    [
        *(FLOOR, WALL, GOAL, laid_over(FLOOR, CRATE, 0, 0), laid_over(GOAL, CRATE_HOME, 0, 0), KEY, DOOR, GOLD_WALL),
        *(_glyph_tile(glyph) for glyph in _GLYPHS),
    ]
)
GOLD_TILE, FIRST_GLYPH_TILE = 7, 8
