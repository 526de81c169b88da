"""Clothes, with the neck that they leave to be seen."""

from __future__ import annotations

from gensweep.data._avatars.art import Part

_NECK = """
           odddd|ddddo
           odddd|ddddo
           osddd|dddso
           ossss|sssdo
"""

CLOTHES = (
    Part(  # T-shirt
        4,
        24,
        _NECK
        + """
        oocCssss|sssdCcoo
      occcccCsss|sssCcccCo
     occccccccCC|CCccccccCo
    occCcccccccc|cccccccCcCo
        """,
    ),
    Part(  # V-neck
        3,
        24,
        _NECK
        + """
        oocvssss|sssdvcoo
      occcccvsss|sssvcccCo
     occccccccvs|svccccccCo
    occCccccccvv|vvcccccCcCo
        """,
    ),
    Part(  # turtleneck
        2,
        24,
        """
           odddd|ddddo
           occcc|cccCo
           oCCCC|CCCCo
           occcc|cccCo
        ooccCCCC|CCCCcCoo
      occccccccc|ccccccccCo
     occcccccccc|cccccccccCo
    occCcccccccc|cccccccCccCo
        """,
    ),
    Part(  # suit and tie
        2,
        24,
        _NECK.replace("ossss|sssdo", "offss|ssffo")
        + """
        ooccffff|ffffccoo
      occcccCffv|vffCccccCo
     occccccCcfv|vfcCccccCo
    occCcccccCfv|vfCcccccCcCo
        """,
    ),
    Part(  # stripes
        3,
        24,
        _NECK
        + """
        oovvssss|sssdvvoo
      occccccvvv|vvvccccCo
     ovvvvvvvvvv|vvvvvvvvvo
    occCcccccccc|cccccccCccCo
        """,
    ),
    Part(  # hoodie
        3,
        23,
        """
        ooo.....|.....ooo
       occodddd.|.ddddocco
      occCCoddd.|.dddoCCcCo
      occcCCsss.|.sssCCcccCo
      occcccCsss|sssCccccCo
     occccccccCC|CCcccccccCo
     occccccfccc|cccfccccccCo
    occCccccfccc|cccfcccCccCo
    occCccccfccc|cccfcccCccCo
        """,
    ),
    Part(  # dungarees
        2,
        24,
        _NECK
        + """
        oovccsss|sssdccvoo
      ovvvccvvvv|vvvvccvvvo
     ovvvvccvvvv|vvvvccvvvvo
    ovvvvvyccccc|cccccyvvvvvo
        """,
    ),
    Part(  # strapless, with a necklace
        2,
        24,
        _NECK
        + """
        oosyssss|ssssysoo
      ossssysyss|ssysysssdo
     osssssssyyy|yyyssssssdo
    osscccccCccc|cccCccccccsdo
        """,
    ),
    Part(  # bow tie and shirt
        2,
        24,
        _NECK
        + """
        ooffvvsv|vsvvffoo
      offffvvvvv|vvvvvffffo
     offfffvvffv|vffvvfffffo
    offffffffffo|offffffffffo
        """,
    ),
    Part(  # scarf
        2,
        24,
        """
           odddd|ddddo
         oovvvvv|vvvvvoo
        ovvcvvcv|vcvvcvvo
        ovvvvvvv|vvvvvvvo
        oovvcvvc|vvcvvvoo
      occcoovvvv|vvvvvoccCo
     occccccoooo|oovcvvocccCo
    occCcccccccc|ccovvvocCccCo
        """,
    ),
)
