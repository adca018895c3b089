"""Where trials train: sessions that take an order and give an answer.

In reading order:

    base        what a run asks of a cluster; the statements that go to a session
    conversation  what is said on a session to have one piece of work done
    driver      psycopg, for use inside a server
    connection  connecting back to the server that called us
    sessions    one database connection a session, all of them at work at the same time
    execution   statements in the form that runs on one segment of Greenplum
    greenplum   a session for each partition, at work on its segment; the same from the caller's own session
    caller      the caller's own session, where no connection back is possible
    opening     opening these for a call
"""
