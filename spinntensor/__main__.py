"""``python -m spinntensor``: the command line without the installed script."""

import sys

from spinntensor.cli import main

if __name__ == "__main__":
    sys.exit(main())
