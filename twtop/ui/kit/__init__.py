"""What panels and dialogs are made of.

painter          a widget that paints lines of toned text
panel            a painter whose lines are repainted when they change
table            a painter of rows and columns
columns          how columns share the width of a table
lines            how parts share one line
wrapping         text in lines of whole words
overlay          text over painted lines
plot             curves on the axes that plotext draws
braille          the dots of curves
palette          the colours of the tones for any theme
ascii            the same cells for terminals without Unicode
app_sized        screens that take no size but the terminal's latest
command_palette  Textual's palette, which is left once
tips             tooltips that depend on the cell under the mouse
background       work that may hang
"""
