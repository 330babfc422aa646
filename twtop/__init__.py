"""top for TCP TIME_WAIT.

One tick flows one way:

    kernel ─sources→ Sample ─decode→ Snapshot ─analysis→ Analysis ─frame→ Frame → screen │ text │ JSON │ CSV

Each room is a package; its own docstring names its files.

    cli         the command line: arguments, one file for each subcommand
    ui          the monitor; only this room draws on a terminal
    report      Frame → text, JSON, CSV
    explain     the common claims about TIME_WAIT against this machine's numbers, and what would help
    demo        real loads in a private network namespace
    columns     what the screen, text, CSV and JSON show of a row, said once
    engine      the pipeline of one tick, the sampler that bounds its cost, and the threads around both
    frame       the View that is asked for, and the Frame that answers it
    verdicts    what this many TIME_WAIT cost here: short answers, each with its level
    analysis    what one dump tells whatever the view: budgets, forecast, leaks, silence
    budgets     the port budgets: how full, what they are asked for, when they end
    dump        one dump of the sockets: destinations, directions, ports, timers
    sources     where Samples come from, and how they become Snapshots
    table       the socket table from dump to dump: which socket is which, and what still holds
    filter      the filter language: tree, text, and the sockets that a filter keeps
    processes   who holds which socket, and what is known of a process
    files       files that users name or that are made for them: read with care, written whole or not at all
    share       manual page, completions and JSON Schema, for where a system keeps them

    model       sockets, states, limits, snapshots and owners: the words of all rooms
    namespaces  network namespaces, and ways into them
    failed_connects  the connect() calls that found no free port, as counted
    arrays      group-by, look-up and hashes in numpy
    formatting  numbers, times and addresses as text
    sanitize    outside names made safe to show, and how wide they are
    records     dataclass, made in a quarter of the time, and read-only arrays
    runtime     what the interpreter and malloc are told, and what root's process gives up

Imports go down, never up and never in a ring; the contracts in pyproject.toml prove it:

    cli → ui → report │ explain │ demo → engine │ columns → frame → verdicts
        → analysis → budgets → dump │ sources → filter │ processes → model

The rooms from frame to dump know no source: sockets and the search for their processes meet in the engine. The
monitor is given its source and reads nothing itself. `sources/probe.py` imports the standard library alone, so that
this one file can run in another namespace or on another host.
"""

__version__ = "0.2.0"
