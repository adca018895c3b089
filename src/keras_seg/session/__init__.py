"""What a session keeps, and what it does with an order.

In reading order:

    cache        what stays in GD from one statement to the next
    row_batches  rows that come to a network one by one
"""
