"""Sessions that take an order and give an answer, and the hopper that keeps them busy.

In reading order:

    hopper      which trial visits which partition next; pure
    paces       how long their stops take, as far as that is known; pure
    interface   what a run asks of a cluster
    orders      work for a session, as data
    resources   what the sessions of a call may use
    statements  what is said on a session to have one piece of work done
    driver      psycopg, for use inside a server
    waits       waiting without being deaf
    connection  connecting back to the server that called us
    login       logging in, and what is said before a session has an event loop
    keeping     sessions that stay for the next call of their caller
    terms       on what terms sessions are opened
    turns       whose turn it is to open sessions, and how many train on the server together
    session     one session: what it is doing, and its place, which it may leave
    channel     a connection on which statements are sent without waiting for answers
    outbox      the session that keeps the record, and writes it while its caller goes on
    sessions    one database connection a session, all of them at work at the same time
    prepared    statements in the form that runs on one segment of Greenplum
    segments    a session for each partition, at work on its segment; the same from the caller's own session
    caller      the caller's own session, where no connection back is possible
    opening     opening these for a call
    same_rows   whether all that they have read was one and the same
    visits      the loop that gives idle sessions visits, and takes what they bring
"""
