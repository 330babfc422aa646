"""Port budgets: how full each is, what it is asked for, and when it ends.

port_budgets     the port budget of each destination
bind_first       the budget of clients that bind() before they connect()
demand           what a load asks for, told from chance, bursts and change
evenness         how even a load is, and whether it has changed
rates            how fast each budget takes ports
exhaustion       when a budget will be full, and what rate it bears for ever
limit            budgets at their limit: since when, the demand that nobody counts, and the next free port
shared_failures  failed connects that several destinations of one address share
bottleneck       the one budget that is nearest to its end
"""
