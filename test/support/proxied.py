#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proxied.py ADDRESS PORT FILE: a web server behind the API's proxy. /big: FILE; /echo: the request's head;
/page: HTML with a link; POST /sum: the SHA-256 of the body."""
import hashlib
import http.server
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, body, kind="text/plain"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/big"):
            with open(sys.argv[3], "rb") as file:
                self.say(file.read(), "application/octet-stream")
        elif self.path.startswith("/page"):
            self.say(b'<a href="/x">x</a>', "text/html; charset=utf-8")
        else:
            self.say(f"{self.command} {self.path}\n{self.headers}".encode())

    def do_POST(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            digest.update(piece)
            left -= len(piece)
        self.say(digest.hexdigest().encode())

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
