"""A web service: 50,000 articles in a dictionary."""

import http.server
import sys


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Give one article."""
        text = _ARTICLES.get(self.path, "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


_ARTICLES = {f"/article/{n}": f"article {n} " * 80 for n in range(50_000)}
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
