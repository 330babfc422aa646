"""What one dump of the socket table shows, whatever the view.

analysis         Snapshot → Analysis: joins all of these
reading          one dump, what every part of the analysis needs of it, and what is kept of earlier dumps
ephemeral_ports  the local ports that connect() may pick
directions       who opened each connection, and what earlier dumps told of that
destinations     sockets → destinations, which own the port budgets
reuse            which TIME_WAIT connect() may take over, and what is known of the peers' timestamps
timer_wheel      entries of the last minute and releases of the next, by the timers
demand           what a load asks for, told from chance, bursts and change
rates            how fast each budget takes ports
exhaustion       when a budget will be full, and what rate it bears for ever
limit            budgets at their limit: since when, the demand that nobody counts, and the next free port
port_budgets     the port budget of each destination
port_choice      who chose each local port: connect(), or a bind() before it
bind_first       the budget of clients that bind() before they connect()
bottleneck       the one budget that is nearest to its end
failures         failed connects per second, in the last minute and in all, by remote address
shared_failures  failed connects that several destinations of one address share
peak_hold        the highest pressure of each destination in this run
forecast         the count of TIME_WAIT in each second of the next minute
close_wait       CLOSE_WAIT that stay: an application forgets to close
unanswered       SYN_SENT that nobody answers, and for which endpoint they wait
kernel_costs     what sockets cost the kernel: memory, hash chains, accept queues
"""
