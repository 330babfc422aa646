"""Parts of the main screen. None knows another one; each draws the frame that it is shown.

header         which machine, how it is read, and the key figures of its TIME_WAIT
headline       the most urgent verdict, for ports with a gauge
verdict_strip  all six verdicts in one line
states         the eleven TCP states
timeline       TIME_WAIT over time, with the forecast
peers          the peers table
sockets        the sockets of the selected peer
process        the process of the selected socket
port_map       the ephemeral ports of one destination
filter_bar     the line in which a filter is typed
mark_bar       the line in which the label of a mark is typed
footer         the most useful keys
"""
