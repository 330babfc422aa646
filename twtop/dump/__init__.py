"""One dump of the socket table: who is connected to whom by which ports, and what earlier dumps told of that.

reading          one dump, what every part of the analysis needs of it, and what is kept of earlier dumps
destinations     sockets → destinations, which own the port budgets
directions       who opened each connection, and what earlier dumps told of that
local_ends       (local address, port) of each socket by number
bind_buckets     what the kernel keeps for each port and address that TIME_WAIT have
tallies          how many sockets of each kind every destination has
ephemeral_ports  the local ports that connect() may pick
port_choice      who chose each local port: connect(), or a bind() before it
choosers_seen    who was seen to choose the ports of each destination
reuse            which TIME_WAIT connect() may take over, and what is known of the peers' timestamps
timer_wheel      when the kernel releases a TIME_WAIT, by its timer
ages             how old the TIME_WAIT of each group are
failures         failed connects per second, in the last minute and in all, by remote address
"""
