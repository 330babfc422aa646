"""`twtop explain`: the common claims about TIME_WAIT against this machine's own numbers."""

import argparse
import sys
from itertools import islice

from twtop.cli.batch import frames
from twtop.cli.output import DONE, UNREADABLE, complain
from twtop.explain import claims
from twtop.frame.view import View
from twtop.sources.probe import CollectError
from twtop.sources.source import OpenSource


def explain(source: OpenSource, view: View, options: argparse.Namespace) -> int:
    """Print the claims of the second frame, since rates are differences between two."""
    try:
        _, frame = islice(frames(source, view, options), 2)
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    sys.stdout.write(claims.as_text(claims.explain(frame)))
    return DONE
