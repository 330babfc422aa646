"""python -m twtop."""

from twtop.cli import main

main()
