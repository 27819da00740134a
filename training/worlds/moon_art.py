"""The moon's pictures, in the platformer's inks. Owns pixels; refuses rules."""

from __future__ import annotations

import numpy as np

from training.worlds import platformer_art as art
from training.worlds.platformer_art import INK, Pixels, Scenery, both_ways, draw, squashed


def _in_other_inks(pixels: Pixels, inks: str, others: str) -> Pixels:
    """The same shape with each of `inks` exchanged for the letter below it."""
    table = np.arange(256, dtype=np.uint8)
    table[[INK[letter] for letter in inks]] = [INK[letter] for letter in others]
    return table[pixels]


SKY: Pixels = np.repeat(np.array([INK["v"], INK["b"], INK["p"]], np.uint8), (48, 40, 40))[:, None]

# The planet that this moon belongs to.
PLANET = draw("""
    vvvvvvvvvvvvvvvv
    vvvvvggggggvvvvv
    vvvgg33ggggg2vvv
    vvgg3333ggg222vv
    vv333333gg2222vv
    v3333333222222wv
    v333g33222222ggv
    v33ggg2222222ggv
    v3ggggg222222g2v
    v3gggggg22222w2v
    v23gggg222222w2v
    vv22gg2222222wvv
    vv222g222222wwvv
    vvv2222222wwwvvv
    vvvvv2222wwvvvvv
    vvvvvvvvvvvvvvvv
""")

DUST_TOP = draw("""
    wwwwwwww
    wwmwwwww
    mmmmwwmm
    mkkkmmmm
    kmmmkmmm
    mkkkmmkm
    mmmmmmmm
    mmmmmmmm
""")
DUST_BODY = draw("""
    mmmmmmmm
    mmmkkmmm
    mmkmmkmm
    mmmmmmmm
    mmmmmmmm
    kmmmmmmk
    mmmmmmmm
    mmmmkmmm
""")
ICE_TOP = draw("""
    33333333
    w3333w33
    33w33333
    23322332
    22222222
    2b222b22
    b2222222
    222bb222
""")
ICE_BODY = draw("""
    22222222
    2222b222
    222b2222
    22b22222
    22222222
    2222222b
    222222b2
    b22222bb
""")
RUST_TOP = draw("""
    oooooooo
    oyoooooo
    ooooodoo
    doodoood
    ddoddodd
    dddddddd
    dedddded
    dddddddd
""")
RUST_BODY = draw("""
    dddddddd
    ddedddde
    dddddddd
    ekdddddd
    dkddeddd
    dddddddd
    dddddkdd
    deddddkd
""")


def _lava(edge: str) -> Pixels:
    """The rim of a gap, as the platformer's remembers ground height and biome for the next column."""
    return draw(f"""
        ........
        {edge}.......
        ......{edge}.
        y..yy..y
        yyooyyoo
        oooooooo
        or{edge}ooo{edge}o
        rroorrro
    """)


LAVA = draw("rrrrrrrr rrorrrrr rrrrrrrr rrrrrrkr rrrrrrrr rkrrrrrr rrrrrorr rrrrrrrr")
CRYSTAL = draw("""
    ...kk...
    ..k33k..
    .k3w22k.
    k3w2222k
    k322222k
    .k2222k.
    ..k22k..
    ...kk...
""")
ANTENNA = draw("""
    .rr.....
    .rr..m..
    ..m.m...
    ..mm....
    ..m.....
    ..m.....
    ..m.....
    .mmm....
""")
SHARD = draw("""
    .....3..
    ....33..
    .3..32..
    .33.32..
    .32332..
    .322322.
    .322322.
    3322322b
""")
DOME = draw("""
    ........
    ..eeee..
    .eyyyye.
    eyywwyye
    eywwwwye
    eyyyyyye
    dddddddd
    dkkddkkd
""")

_HELMET = """
    ...kkkkkk...
    ..kwwwwwwk..
    .kwwkkkkkkk.
    .kwkyy2222k.
    .kwky22222k.
    .kwk222222k.
    .kwwkkkkkkk.
    ..kmmmmmmk..
"""
_BROKEN = """
    ...kkkkkk...
    ..kwwwwwwk..
    .kwwkkkkkkk.
    .kwkr2222rk.
    .kwk2r22r2k.
    .kwk22rr22k.
    .kwwkkkkkkk.
    ..kmmmmmmk..
"""
_SUIT = """
    ..kwwwwwwk..
    .kwkwwowwkk.
    .kwkwwwwwwk.
    .kkkmmmmkkk.
    ..kwwwwwwk..
"""
_HANDS_UP = """
    kwkwwwwwwkwk
    .kkwwowwwkk.
    ..kwwwwwwk..
    ..kmmmmmmk..
    ..kwwwwwwk..
"""
_TOGETHER = "..kwwkkwwk.. ..kookkook.. ..kkkkkkkk.."
_STRIDE = ".kwwwkkwwwk. .kook..kook. .kkkk..kkkk."
_TUCKED = "..kwwwwwwk.. ..kookkook.. ...kk..kk..."
_SPREAD = ".kwwwkkwwwk. kook....kook kkk......kkk"
_SPACEMAN = tuple(
    draw(f"{head} {trunk} {legs}")
    for head, trunk, legs in (
        (_HELMET, _SUIT, _TOGETHER),
        (_HELMET, _SUIT, _STRIDE),
        (_HELMET, _SUIT, _TUCKED),
        (_BROKEN, _HANDS_UP, _SPREAD),
        (_BROKEN, _HANDS_UP, _TOGETHER),
    )
)

_BLOB = """
    ...kkkk...
    ..kggggk..
    .kggggggk.
    .kgwkgwkgk
    .kgwkgwkgk
    .kgggggggk
    kggyggyggk
    .kkkkkkkk.
"""

SCENERY = Scenery(
    tiles=art.tile_set(
        ground=(DUST_TOP, ICE_TOP, RUST_TOP, DUST_BODY, ICE_BODY, RUST_BODY),
        pits=(_lava("m"), _lava("2"), _lava("d"), LAVA),
        things=(
            CRYSTAL,
            _in_other_inks(art.SPIKE, "wm", "yr"),
            _in_other_inks(art.PLANK, "oye", "m3v"),
            _in_other_inks(art.BRICK, "oye", "pse"),
            _in_other_inks(art.BLOCK, "wmv", "yod"),
            _in_other_inks(art.POLE, "mw", "oy"),
            _in_other_inks(art.POLE_TOP, "ymwo", "rogp"),
        ),
        decorations=(ANTENNA, SHARD, DOME),
        runes=[_in_other_inks(rune, "vmgoyrewkpsb", "kwbrgyp2vo3e") for rune in art.RUNES],
    ),
    sky=SKY,
    lamp=PLANET,
    banner=art.Sprite.of(_in_other_inks(art.BANNER.pixels, "rw", "gk")),
    beetle=squashed((draw(_BLOB + " .kk....kk."), draw(_BLOB + " ..kk..kk.."))),
    hero=both_ways(_SPACEMAN),
)
