"""Faces: skull, jaw, eyes, brows, nose, mouth, beard and marks on the skin; light comes from the left."""

from __future__ import annotations

from gensweep.data._avatars.art import Part

SKULL = (
    Part(
        1,
        4,
        """
           ooooo|ooooo
         oosssss|sssssoo
        osslssss|sssssddo
       osllsssss|sssssssdo
       oslssssss|sssssssdo
       osslsssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
     ooossssssss|sssssssdooo
    ossdssssssss|sssssssddsso
    osddssssssss|sssssssddddo
    ossdssssssss|sssssssddsdo
     ooossssssss|sssssssdooo
        """,
    ),
)

JAW = (
    Part(  # oval
        4,
        18,
        """
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
        osssssss|ssssssdo
        osssssss|ssssssdo
         ossssss|sssssdo
          oossss|sssdoo
            oooo|oooo
        """,
    ),
    Part(  # square
        3,
        18,
        """
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
        osssssss|ssssssdo
        odssssss|ssssdddo
         ooooooo|ooooooo
        """,
    ),
    Part(  # pointed
        3,
        18,
        """
       ossssssss|sssssssdo
       ossssssss|sssssssdo
        osssssss|ssssssdo
        osssssss|ssssssdo
         ossssss|sssssdo
          osssss|ssssdo
           oosss|ssdoo
             ooo|ooo
        """,
    ),
    Part(  # round
        2,
        18,
        """
      osssssssss|ssssssssdo
      osssssssss|ssssssssdo
      osssssssss|ssssssssdo
      osssssssss|ssssssssdo
       ossssssss|sssssssdo
       odsssssss|ssssssddo
        ooddssss|sssdddoo
          oooooo|oooooo
        """,
    ),
    Part(  # short
        2,
        18,
        """
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
       ossssssss|sssssssdo
        osssssss|ssssssdo
         oodssss|sssddoo
           ooooo|ooooo
        """,
    ),
)

EYES = (
    Part(3, 14, "pp...  pp..."),  # dots
    Part(4, 14, "wwp...|...wwp  wwp...|...wwp"),  # aside
    Part(4, 13, "ooo...  wep...|...wep  wep...|...wep"),
    Part(4, 14, "wpw...  wew..."),
    Part(3, 13, "pppp...  wep...|...pew  wwe...|...eww"),
    Part(3, 13, "pp.... .pppp... .wepw..."),  # lashes
    Part(2, 13, ".www...  wwpww..  wwpww..  .www..."),  # wide open
    Part(2, 14, "ddd...  dpp..."),  # sleepy
    Part(2, 14, ".pp...  p..p.."),  # laughing
    Part(1, 14, "pppp..|...pp  ......|...pp"),  # winking
    Part(2, 15, "p..p..  .pp..."),  # closed
    Part(2, 13, "www...  wpe...|...wpe  www..."),
    Part(1, 13, "p.p...  .p....  p.p..."),  # crosses
    Part(2, 13, "tee...  eep...  eee..."),  # sparkling
)

BROWS = (
    Part(2),
    Part(4, 11, "HHH..."),
    Part(3, 11, "HHHH..  H....."),
    Part(2, 11, "HHHHH..  HHHHH.."),
    Part(2, 11, "HH.... .HHH..."),  # angry
    Part(2, 11, ".HH...  HH...."),  # worried
    Part(2, 10, "......|..HHH.  HHH..."),  # one raised
    Part(1, 11, "HHHHHHH"),  # one brow
)

NOSE = (
    Part(3, 16, "|d  |d  d|d"),
    Part(3, 17, "d|d"),
    Part(3, 15, "|d  l|d  l|d  dd|d"),
    Part(2, 16, "ls|d  dls|sdd  do|od"),
    Part(2, 16, "s|d  s|dd  o|oo"),
    Part(2, 17, "ls|sd  .d|d."),
    Part(1, 16, "l|s  lls|sdd  .dd|dd"),
)

MOUTH = (
    Part(4, 21, "mmm"),
    Part(4, 20, "m...|...m  .mmm"),
    Part(3, 20, "MMMM  Mttt  .MMM"),
    Part(2, 20, "MMMM  ttttt|tttt  ..MM"),
    Part(2, 21, ".mm|mm  m..|..m"),
    Part(2, 20, ".MM  MMM  .MM"),
    Part(3, 20, ".mm|mm  MMMM  .mmm"),
    Part(2, 20, "....|...m  .mmm|mmm"),
    Part(2, 20, "MMMM  MMMM  .Mrr  ..rr"),
    Part(1, 21, "M|M"),
    Part(1, 20, "|.m  mmmm|mm  ....|m"),
    Part(1, 20, "MMMM  tMtM|tMtM  MMMM"),
    Part(1, 20, "MMMM  .tMM|MMt"),
)

MARK = (
    Part(9),
    Part(2, 17, ".mm.....  mmm....."),  # blush
    Part(2, 16, "d.d....  .d.d...|....d.d  d.d....|...d.d."),  # freckles
    Part(1, 18, ".......|....p"),  # mole
    Part(1, 12, "d.....  .....|  d.....  d.....|"),  # scar
    Part(1, 17, "........|...fff.  ........|...frf.  ........|...fff."),  # plaster
    Part(1, 17, "ddd....  .dd....  .d....."),  # hollow cheeks
    Part(1, 8, "dddd  ....  .ddd"),  # wrinkles
    Part(1, 16, "bbb....  bbb...."),  # war paint
)

BEARD = (
    Part(0),  # none: chosen by `gensweep.data.avatars`
    Part(1, 20, "d.d.....  .d.d.d.  .d.d.d.d  d.d.d.d  .d.d.d  .d.d"),  # stubble
    Part(2, 19, ".hhhh  hHHHH"),  # moustache
    Part(1, 18, "h.....  hh.hhh  .hhhhh"),  # handlebar
    Part(1, 22, "HHH  hhh  hhh  ooo"),  # chin tuft
    Part(2, 19, ".hhhhh  hhH...  hh....  hhH...  hhhhHH  .hhhhh  ..hhhh  ...ooo"),  # circle
    Part(  # full
        2,
        15,
        """
       oh.......
       oh.......
       ohh......
       ohhh.....
       ohhhhHHHH
       ohhhhH...
       ohhhH....
       ohhhhH...
        ohhhhhHH
        ohhhhhhh
         ohhhhhh
          oohhhh
            oooo
        """,
    ),
    Part(  # long
        1,
        15,
        """
       oh.......
       oh.......
       ohh......
       ohhh.....
       ohhhhHHHH
       ohhhhH...
       ohhhH....
       ohhhhH...
       ohhhhhhHH
        ohHhhhhh
        ohHhHhhh
         ohHhhhH
         ohHhhhH
          ohhHhh
           ohhHh
            oohh
              oo
        """,
    ),
    Part(1, 15, "oh.......  oh.......  ohh......  ohhh.....  ohhhh....  ohhhhh...  .ohhhh...  .oooo...."),  # sideburns
)
