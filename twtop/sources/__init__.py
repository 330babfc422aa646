"""Where Samples come from, and how they become Snapshots.

probe               kernel → Sample: sock_diag, /proc text and clocks; standard library alone
failed_connects   connect() calls that find no free port, counted by a subscription
freed_sockets    messages of the kernel about sockets that are freed: joining, receiving, reading them
procfs_source       sockets by the text of /proc/net/tcp and tcp6
psutil_source       sockets by psutil, where the kernel is not Linux
source              what a source is, and what is known of one kind of source
kinds               the registry: one entry for each way to read sockets
open_source         the best source that works here, or the one that the user names
decode              Sample → Snapshot
find_messages       netlink messages of sock_diag, and one field of them all
decode_sock_diag    these messages → columns
decode_failed_connects  rows of failed connects → columns
decode_listeners    netlink messages about listeners → what each has dropped
decode_procfs       text of /proc/net/tcp and tcp6 → columns
decode_counters     texts of /proc → counters, gauges, limits and names of interfaces
kernel_filter       filter → what the kernel can leave out of a dump
netns               another network namespace: finding it, entering it, whether it is still there
netns_listing       the network namespaces of this machine, and who is in each
"""
