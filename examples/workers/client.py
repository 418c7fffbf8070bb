"""Asks a web service for articles, over one connection to each of its three workers."""

import http.client
import random
import sys
import time


def main() -> None:
    """Ask so many times as the second argument says, on the port that is the first argument."""
    port, requests = int(sys.argv[1]), int(sys.argv[2])
    workers = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(3)]
    draws = random.Random(5)  # noqa: S311  # not for secrets
    for turn in range(requests):
        worker = workers[turn % 3]
        worker.request("GET", f"/article/{draws.randrange(1_000)}")
        worker.getresponse().read()
        time.sleep(0.01)


main()
