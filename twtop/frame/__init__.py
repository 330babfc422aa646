"""A View, which the user asks for, and the Frame that answers it.

view          filter, grouping, order, and the row whose single sockets are shown
frame         the answer to a view, from which screen, text, JSON and CSV are drawn
build         analysis, view and history → Frame
apply_view    what a view picks from an analysis
groups        destinations → groups by peer, destination, service, process or prefix
by_state      sockets counted by TCP state
entered       TIME_WAIT of groups and destinations counted by when they began
sorting       the order of groups
row_failures  failed connects of groups, and of what else some destinations make up together
port_map      the ephemeral range of one destination, port by port
history       what a run remembers from tick to tick
churn         how many TIME_WAIT begin and end per second
baseline      the moment with which counts are compared
"""
