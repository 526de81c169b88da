"""What is worn with any hair: headbands, glasses, earrings and odder things."""

from __future__ import annotations

from gensweep.data._avatars.art import Part

ORNAMENT = (
    Part(30),
    Part(2, 7, "oooooooooo  oaaaaaaaaa  oAAAAAAAAA  oooooooooo"),  # headband
    Part(  # headphones
        2,
        0,
        """
          oooooo
        oogggggg
       oggoooooo
      oggo......
     oggo.......
     ogo........
    oggo........
    ogo.........
    ogo.........
    ogo.........
    ogo.........
   oobbo........
  ogobbbo.......
  ogobbbo.......
  ogobbbo.......
  ogobbbo.......
  ogobbbo.......
   oobbo........
     oo.........
        """,
    ),
    Part(  # cat's ears
        2,
        0,
        """
      oo........
     oaao.......
     oarao......
     oarrao.....
     oarrrao....
        """,
    ),
    Part(  # horns
        1,
        0,
        """
    oo..........
    oao.........
    oaao........
     oaao.......
      oaaAo.....
       oAAo.....
        """,
    ),
    Part(2, 4, "|.....oo.oo  |....orroro  |....orryrro  |.....oyyyo  |....orryrro  |....orroro  |.....oo.oo"),  # flower
    Part(  # bow
        2,
        0,
        """
     |....ooo..ooo
     |...oaaaooaaao
     |...oaaabbaaao
     |...oaAabbaAao
     |...oAAooooAAo
     |....oo....oo
        """,
    ),
    Part(1, 0, ".yyyyyy  y......  .yyyyyy"),  # halo
    Part(  # tiara
        1,
        3,
        """
               y
         .y...yy
         yyy.yyr
         yryyyyy
        """,
    ),
    Part(  # party hat
        1,
        0,
        """
               y
              ob
              oa
             oaa
             oab
            obba
            oaaa
           oaabb
           obbaa
          oaaaab
          oooooo
        """,
    ),
    Part(  # antennae
        1,
        0,
        """
    oo..........
   oaao.........
   oaao.........
    ooo.........
      o.........
       o........
       oo.......
        """,
    ),
)

GLASSES = (
    Part(22),
    Part(3, 12, "...ggg...  ..g...g..  ggg...ggg  ..g...g..  ...ggg..."),  # round
    Part(3, 12, "..ggggg..  ..g...g..  ggg...ggg  ..g...g..  ..ggggg.."),  # square
    Part(2, 13, "ggggggggg  ..gnnnng.  ..gnnnng.  ...gggg.."),  # sunglasses
    Part(2, 12, "..ggggg..  ..gnfng..  gggnnnggg  ..gnnng..  ..ggggg.."),  # tinted
    Part(1, 12, "|...ggg  |..gfnng  |..gnnng  |..gnnng  |...ggg  |......y  |.......y  |.......y"),  # monocle
    Part(1, 13, "fffffffff  fffrrrrf.|fffnnnnff  .ffrrrrf.|.fnnnnf  .fffffff."),  # red and blue
    Part(1, 12, ".oooooooo  obnnnnnnn  obnfnnnnn|nnnnnnnbo  obnnnnnnn  .oooooooo"),  # goggles
    Part(1, 14, "ggggggggg  gnnnnnnnn  ..ggggggg"),  # visor
    Part(  # eye patch
        1,
        9,
        """
        oo......|
        ..oo....|
        ....oo..|
        ......oo|
        ........|ooooooo
        ........|.oppppooo
        ........|.opppoo
        ........|..ooo
        """,
    ),
    Part(1, 14, "......ggg  .ggggg...  ..gnnng..  ...ggg..."),  # for reading
    Part(1, 12, "..g....g.  ..ggggg..  .gg...ggg  gggg.gg..  ...ggg..."),  # cat's eye
)

EARRINGS = (
    Part(8),
    Part(2, 17, "y.........."),  # studs
    Part(1, 17, "y..........  y..........  y.........."),  # drops
    Part(1, 17, ".y.........  y.y........  .y........."),  # hoops
    Part(1, 17, "|..........y  |.........yyy  |..........y"),  # one star
)

EXTRA = (
    Part(36),
    Part(1, 18, ".r|r  rr|rr  .r|r"),  # clown's nose
    Part(1, 18, "y.|.y  .y|y."),  # ring in the nose
    Part(  # mask
        2,
        17,
        """
       fffff....
       .offfffff
        offfffff
        ofAAAAAA
        offfffff
        ofAAAAAA
        offfffff
        .offffff
         .oooooo
        """,
    ),
    Part(1, 19, "|....ooo  |...orrro  |..orrfrro  |.oorrrrro  |...orrro  |....ooo"),  # bubble gum
    Part(1, 20, "|.........rr  |........rrrr  |........rrr  |ooooooooo  |....oo"),  # rose
    Part(1, 9, "r  y"),  # mark on the forehead
)
