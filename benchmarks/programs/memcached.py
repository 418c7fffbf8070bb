"""Fill memcached with pages, or ask for some of them."""

import random
import socket
import sys
import time

_PAGES = 40_000
_TEXT = b" ".join(b"paragraph %d" % n for n in range(100))


def main() -> None:
    """Fill or ask."""
    connection = socket.create_connection(("127.0.0.1", 11391))
    replies = connection.makefile("rb")
    if sys.argv[1] == "fill":
        for page in range(_PAGES):
            text = b"page %d " % page + _TEXT
            connection.sendall(b"set page%d 0 0 %d noreply\r\n%s\r\n" % (page, len(text), text))
        connection.sendall(b"version\r\n")
        replies.readline()
        return
    draws = random.Random(7)  # noqa: S311  # not for secrets
    for turn in range(2_500):
        # Nine of ten requests are for a thousand pages; the tenth is for any page of a third of all.
        page = draws.randrange(1000) if turn % 10 else draws.randrange(_PAGES // 3)
        connection.sendall(b"get page%d\r\n" % page)
        while replies.readline() != b"END\r\n":
            pass
        time.sleep(0.003)


main()
