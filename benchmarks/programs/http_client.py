"""Ask an HTTP server for paths: the first argument is a port, then a number, then where they begin."""

import http.client
import random
import sys
import time


def main() -> None:
    """Ask so many times; each time wait a little."""
    port, requests, begin = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    draws = random.Random(5)  # noqa: S311  # not for secrets
    for turn in range(requests):
        number = draws.randrange(2_000) if turn % 10 else draws.randrange(50_000)
        connection.request("GET", f"{begin}{number}")
        connection.getresponse().read()
        time.sleep(0.004)


main()
