"""The filter language.

query               a filter as a tree of tests, and its normal form as text
parser              text → query, and errors that point at the column (the grammar is grammar.lark)
mask                query → which sockets it keeps
"""
