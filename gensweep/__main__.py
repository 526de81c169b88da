"""``python -m gensweep``."""

import atexit
import gc
import sys

from gensweep.cli.app import main


def _keep_garbage() -> None:
    """Spare the interpreter's end the search for garbage in all that was imported.

    Where triton was imported, which torchvision does, it would report a page of leaks that are none.
    """
    if "triton._C.libtriton" not in sys.modules:
        gc.freeze()


atexit.register(_keep_garbage)

if __name__ == "__main__":
    main()
