"""A web service: a parent loads articles, and forks three workers that keep the pages they make."""

import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives an article as a page."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Give the page of an article."""
        page = page_of(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


def page_of(path: str) -> bytes:
    """Make the page of an article, or give the one that was made before."""
    if path not in PAGES:
        PAGES[path] = f"<html><body>{ARTICLES.get(path, '')}</body></html>".encode()
    return PAGES[path]


ARTICLES = {f"/article/{number}": f"article {number} " * 80 for number in range(20_000)}
PAGES: dict[str, bytes] = {}


def main() -> None:
    """Fork workers that accept connections on one socket, and wait for them."""
    server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    for _ in range(3):
        if not os.fork():
            for path in list(ARTICLES)[:12_000]:
                page_of(path)
            server.serve_forever()
    while True:
        os.wait()


main()
