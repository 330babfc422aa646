"""From a source to Frames, tick by tick.

pipeline       one tick without threads, from source to frame
sampler        a source read at a bounded cost
failure_watch  when failed connects are worth counting
bound_sockets  sockets that are bound and not connected, read at a pace of their own
timestamp_watch  when the kernel is asked for the options of live connections
owner_search   the search for the processes that hold the sockets
glimpses       who opens connections that end before a search can find them
engine         the threads around these
"""
