"""A web service whose workers are forked from a parent that has loaded 50,000 articles."""

import http.server
import os
import sys


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Give one article as a page, which the worker keeps."""
        page = _PAGES.get(self.path)
        if page is None:
            page = _PAGES[self.path] = _page(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


def _page(path: str) -> bytes:
    return f"<html><body>{_ARTICLES.get(path, '')}</body></html>".encode()


def _work(server: http.server.HTTPServer) -> None:
    for number in range(8_000):
        _PAGES[f"/article/{number}"] = _page(f"/article/{number}")
    print("a worker is ready", flush=True)
    server.serve_forever()


_ARTICLES = {f"/article/{n}": f"article {n} " * 80 for n in range(50_000)}
_PAGES: dict[str, bytes] = {}


def main() -> None:
    """Fork three workers that share a socket, and wait for them."""
    server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler)
    for _ in range(3):
        if not os.fork():
            _work(server)
    while True:
        os.wait()


main()
