"""The player's side of the glass: commands, window, keys, overlay. The only floor that imports pygame."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # or pygame prints a line into `--json -` and pipes
