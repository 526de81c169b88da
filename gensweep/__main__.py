"""Run the command line: ``python -m gensweep``."""

import atexit
import gc
import sys

from gensweep.cli.app import main


def _skip_last_collection() -> None:
    """Exclude all imported objects from the garbage collection at the end of the interpreter."""
    # If triton was imported, as torchvision does, it would then report a page of false leaks.
    if "triton._C.libtriton" not in sys.modules:
        gc.freeze()


atexit.register(_skip_last_collection)

if __name__ == "__main__":
    main()
