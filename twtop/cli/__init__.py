"""The command line.

main       arguments → source → view; starts one of the following
arguments  every option, and errors that are one line
monitor    `twtop`: the live monitor
batch      `twtop -b` and `-1`: a report at each interval
explain    `twtop explain`
demo       `twtop demo`
output     exit statuses, complaints, and an output that may be closed
"""
