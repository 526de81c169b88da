"""``python -m gensweep``."""

import atexit
import gc

from gensweep.cli import main

atexit.register(gc.freeze)  # the interpreter's end need not look for garbage in all that was imported

if __name__ == "__main__":
    main()
