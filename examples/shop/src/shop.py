"""A shop that greets."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Greeting(BaseHTTPRequestHandler):
    """Answers every GET with the greeting of its environment."""

    def do_GET(self) -> None:
        """Send the greeting."""
        body = os.environ.get("GREETING", "welcome").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", 8080), Greeting).serve_forever()  # noqa: S104 - a container's own address
