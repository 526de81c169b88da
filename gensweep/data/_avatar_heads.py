"""Faces: skull, jaw, eyes, brows, nose, mouth and skin, on the 32x32 grid."""

from __future__ import annotations

from gensweep.data._avatar_art import Part

NOTHING = Part(1.0)

SKULL = (
    Part(
        1,
        4,
        """
             ooooo|ooooo
           oosssss|sssssoo
          ossllsss|sssssdso
         ossllssss|sssssddso
         osslsssss|sssssssdo
         ossssssss|sssssssdo
         ossssssss|sssssssdo
         ossssssss|sssssssdo
         ossssssss|sssssssdo
       ooossssssss|sssssssdooo
      ossosssssssss|sssssssdosso
      osdssssssss|sssssssddsdo
      osssssssssss|sssssssdssso
       osssssssss|sssssssdsso
        ooossssss|sssssssdoo
        """,
    ),
)
