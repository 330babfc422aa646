"""What one dump of the socket table shows, whatever the view.

analysis      Snapshot → Analysis: joins dump, budgets and all of these
forecast      the count of TIME_WAIT in each second of the next minute
peak_hold     the highest pressure of each destination in this run
close_wait    CLOSE_WAIT that stay: an application forgets to close
unanswered    SYN_SENT that nobody answers, and for which endpoint they wait
kernel_costs  what sockets cost the kernel: memory, hash chains, accept queues
"""
