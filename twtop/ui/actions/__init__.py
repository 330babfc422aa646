"""What keys do that involves more than one panel. The monitor creates these objects and hands them what they need.

drill         opens the sockets of the selected peer
sort          the order of the rows
zoom          one panel on the whole screen
pace          pause and interval
marks         sets, lists and shows marks
export        copies a row, saves a table or the screen
new_file      a file that overwrites nothing
switch_netns  watches another network namespace
"""
