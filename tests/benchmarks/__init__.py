"""make bench: what twtop costs, beside the usual tools.

level        a steady number of TIME_WAIT whose connections come and go
spans        what one run takes, here or as a command
reading      one reading by twtop, in its parts
readings     readings and other tools in turns
terminal     the monitor in a terminal
keys         how soon its keys are answered
program      its start, its share of a CPU, its memory, its keys
owners       what it costs to know who owns sockets
runtime      each setting of twtop/runtime, with and without it (a run of its own)
tables       figures and ratios as Markdown
readme       the tables in README.md, and what its text tells of them
"""
