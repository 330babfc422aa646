"""`make soak`: the monitor for an hour at 300,000 sockets, under a user who is never done.

load        sockets that stand, connections that come and go, and network namespaces that appear and vanish
terminal    the monitor on a pseudo terminal: its screen, how late its frames are, what its process holds
hands       what the user does: filters, panels, sizes, namespaces
judgement   what was noted down, and whether it is flat
"""
