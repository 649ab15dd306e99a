"""A team's task board: the example of an application built on aiohttp-serverwamp.

To copy from it, start with `app`, which puts everything together, and `members`, which
does so for the realm of those who are signed in. Then, by what you need::

    accounts     sign in by a cookie that opens pages and WebSockets alike; sign out
    board        the rules of the application, used by both protocols:
    board_api      typed procedures over WAMP
    http_api       the same over HTTP, for curl and scripts
    errors         what callers are told when something cannot be done
    presence     who is online: a service with a topic of its own
    export       progress, piece by piece, for callers who may cancel
    admin        procedures and a topic for one role only
    guests       a realm of its own, for everybody, that shows very little
    store        SQLite, in worker threads
    hashing, failed_sign_ins    what keeps who guesses passwords from doing harm
    passwords, security, forms, rendering, pages    the web application around it
    demo         what a new board starts with
    identity     who somebody is: what both ways of signing in share
    asgi         the same board without aiohttp's server, on trio, signed in by ticket

The pages are in ``templates``, their modules and styles in ``static``: no build step.
`static/wamp` is a WAMP client to take along.
"""
