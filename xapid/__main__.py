"""``python -m xapid`` is the command ``xapid``."""

from __future__ import annotations

from xapid.command import main

if __name__ == "__main__":
    main()
