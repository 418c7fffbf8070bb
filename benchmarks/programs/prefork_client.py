"""Ask three workers of an HTTP server for articles; the arguments are a port, and how many."""

import http.client
import random
import sys
import time


def main() -> None:
    """Ask one worker after the other; each time wait a little."""
    port, requests = int(sys.argv[1]), int(sys.argv[2])
    workers = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(3)]
    draws = random.Random(5)  # noqa: S311  # not for secrets
    for turn in range(requests):
        number = draws.randrange(1_500) if turn % 10 else draws.randrange(50_000)
        worker = workers[turn % 3]
        worker.request("GET", f"/article/{number}")
        worker.getresponse().read()
        time.sleep(0.01)


main()
