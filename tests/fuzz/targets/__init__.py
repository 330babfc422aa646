"""One file for each thing to try bytes on.

sock_diag   netlink messages → columns
procfs      text of /proc/net/tcp and tcp6 → columns
counters    texts of /proc → counters, gauges, limits, names of devices
listeners   netlink messages about listeners and freed sockets, rows of failed connects and of psutil
filters     text → filter → text, which sockets it keeps, what the kernel leaves out for it
processes   a tree like /proc → who holds which socket
reports     sockets with hostile names → text, JSON, CSV
"""
