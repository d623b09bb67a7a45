#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The origin of bench/run provision: origin.py FOLDER ADDRESS PORT serves the files of a folder, with validators and
the lifetime that the name says, and prints a line for each body that it begins to send. On SIGUSR1 it falls silent: it
takes connections and requests, and answers none."""
import email.utils
import hashlib
import http.server
import os
import pathlib
import shutil
import signal
import socketserver
import sys
import threading

SILENT = threading.Event()
LIFETIME_S = {"hit-": 3600, "stale-": 1, "big-": 3600}  # by prefix; what has none is without any word on caching


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if SILENT.is_set():
            threading.Event().wait()
        name = self.path.lstrip("/")
        path = pathlib.Path(sys.argv[1]) / name
        if "/" in name or not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        lifetime = next((seconds for prefix, seconds in LIFETIME_S.items() if name.startswith(prefix)), None)
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        unchanged = lifetime is not None and self.headers["If-None-Match"] == tag
        self.send_response(304 if unchanged else 200)
        self.send_header("Content-Type", "text/xml" if len(body) < 1 << 20 else "application/octet-stream")
        if lifetime is not None:
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", email.utils.formatdate(path.stat().st_mtime, usegmt=True))
            self.send_header("Cache-Control", f"max-age={lifetime}")
        if not unchanged:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if unchanged:
            return
        os.write(1, f"{name}\n".encode())
        with path.open("rb") as f:
            shutil.copyfileobj(f, self.wfile, 1 << 16)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # a proxy that hangs up


signal.signal(signal.SIGUSR1, lambda *_: SILENT.set())
Server((sys.argv[2], int(sys.argv[3])), Answers).serve_forever()
