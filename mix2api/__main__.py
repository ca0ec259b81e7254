"""`python -m mix2api` is `mix2api`."""

import sys

from mix2api.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
