"""top for TCP TIME_WAIT.

One tick flows one way: kernel ─probe→ Sample ─decode→ Snapshot ─fold→ Frame → screen, text, JSON, CSV.

    probe           kernel → Sample: raw netlink bytes, /proc text and clocks; standard library only
    psutil_source   sockets by psutil, where the kernel is not Linux
    netns           another network namespace: finding it, entering it, and whether it is still there
    netns_listing   the network namespaces of this box, and who lives in each
    sources         where Samples come from
    decode          Sample → Snapshot
    decode_procfs   the text of /proc/net/tcp and tcp6 → columns
    socket_table    columns as a source gives them → Sockets
    model           states, addresses, sockets, limits, owners
    factorize       the group-by under every table: equal keys → equal small numbers
    holders         socket inode → process, in columns
    processes       who holds which socket: the search in /proc
    process_detail  one process: its user, command line, descriptors and their limit
    owners          sockets + holders → owners, remembered and inferred ones too
    port_space      the local ports that connect() may pick
    directions      who opened each connection, as far as the table tells
    destinations    sockets → destinations, the owners of port budgets
    past            what the dumps of the last seconds left, to compare with
    rates           how fast each destination takes ports
    exhaustion      when a budget will be full, and what rate it bears for ever
    ports           the port budget of each destination
    peaks           the highest pressure of each destination in this run
    bind_first      clients that bind() before they connect(), whose budget is per local IP
    outlook         TIME_WAIT of the next minute: entries, releases, early ends, room
    portmap         the range of one destination, port by port
    timers          entries of the last minute, releases of the next
    groups          destinations → groups by peer, destination, service, process, prefix
    ordering        in which order groups stand
    scarcest        the one budget that is nearest to its end
    close_wait      CLOSE_WAIT that stay: an application that forgets to close
    costs           what sockets cost the kernel: memory, hash chains, accept queues
    verdicts        what this many TIME_WAIT cost here: six answers
    query           the filter language: tree, normal form, mask (grammar in query.lark)
    query_parser    its text → tree, and errors that point at the column
    analysis        what a dump tells whatever the view
    frame           View, what is asked for, and Frame, the answer
    selection       what a view picks from it
    baseline        the moment against which counts are held
    flow            TIME_WAIT that begin and end per second, by counters and table
    history         ring buffers; fold
    explain         the common claims about TIME_WAIT against this machine's numbers
    fixes           what would help here, and what it would change
    pushdown        what of a filter the kernel can apply
    sampler         a source read at a bounded cost
    engine          the threads that turn a source into Frames
    head_start      an engine that reads while the screen is being loaded
    text            numbers, addresses and outside names as text
    document        Frame → plain values, schema twtop/1
    report          Frame → batch text, JSON, CSV
    ui              the monitor: app, monitor (the screen), columns, keys, widgets
    allocator       malloc and the search for garbage, told to do less
    namespace       a private network namespace for this process
    load            real connections at a rate, and what connect() met
    scenarios       the demo's scenarios as data
    demo            a scenario's load in a private namespace
    arguments       the command line
    cli             arguments → source → view; the only place where everything meets
    share           manual page and completions, for where a system keeps them

Imports point one way: cli → ui, report → engine, document → history → groups, ports, verdicts, query → model.
"""

__version__ = "0.1.0"
