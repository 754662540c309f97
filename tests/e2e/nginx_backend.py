#!/usr/bin/env python3
"""An application server for tests of the way to it: what Tomcat, Jetty and GlassFish do with a session's id, and no more.

Sessions of a cluster are files in one folder, written before the answer leaves: a replicated map that never fails. An id that
ends with another server's route is taken over: the cookie is sent again with this one's. Every execution is a line of a log.

    nginx_backend.py ROUTE ADDRESS PORT FOLDER
"""

import fcntl
import hashlib
import http.server
import json
import os
import re
import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse

ROUTE, ADDRESS, PORT, FOLDER = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
LOG = os.open(os.path.join(FOLDER, "executions"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
broken = set()  # Requests that were broken off once.
broken_lock = threading.Lock()


class Session:
    """One session's counter; `change` is as a synchronous replicated write."""

    def __init__(self, key):
        self.key = key
        self.file = os.path.join(FOLDER, "session-" + key)

    def exists(self):
        return os.path.exists(self.file)

    def change(self, by):
        with open(self.file, "a+") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            opened.seek(0)
            n = int(opened.read() or 0) + by
            opened.truncate(0)
            opened.write(str(n))
            opened.flush()
        return n


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    # An answer is sent whole: one that breaks off after its head cannot be asked for anywhere else.
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    def session(self, path):
        """(session, cookie to send or None). The cookie counts, then the path; the first id that is known, as in Tomcat."""
        ids = re.findall(r"(?:^|;) *JSESSIONID=([^;]*)", "; ".join(self.headers.get_all("Cookie") or []))
        ids += re.findall(r";jsessionid=([^;/?]*)", path)
        for word in ids:
            key, _, route = word.rpartition(".")
            if re.fullmatch("[0-9A-F]{32}", key) and Session(key).exists():
                return Session(key), None if route == ROUTE else "%s.%s" % (key, ROUTE)
        key = secrets.token_hex(16).upper()
        return Session(key), "%s.%s" % (key, ROUTE)

    def answer(self, status, cookie, **words):
        body = json.dumps(dict(words, route=ROUTE)).encode()
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", "JSESSIONID=%s; Path=/; HttpOnly" % cookie)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def break_off(self):
        """As a server whose connection is reset: no answer, and an RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def do(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        session, cookie = self.session(url.path)
        with broken_lock:
            breaks = "break" in query and query["break"] == ROUTE and query["id"] not in broken
            broken.add(query.get("id"))
        if breaks:
            return self.break_off()
        n = session.change(1 if self.command == "POST" else 0)
        os.write(LOG, ("%s %s %s\n" % (query.get("id", "-"), self.command, ROUTE)).encode())
        time.sleep(float(query.get("sleep", 0)))
        if self.headers.get("Upgrade"):
            return self.echo()
        self.answer(200, cookie, session=session.key, n=n, fresh=cookie is not None and session.key not in str(self.headers),
                    headers=[list(pair) for pair in self.headers.items()], body=hashlib.sha256(body).hexdigest(), path=self.path)

    do_GET = do_POST = do

    def echo(self):
        self.send_response(101)
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.send_header("Connection", "upgrade")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        for line in self.rfile:
            self.wfile.write(ROUTE.encode() + b" " + line)
            self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    address_family = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET

    def server_bind(self):
        """Without the look-up of its name, which takes seconds where no name server answers."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, PORT

    def handle_error(self, *_):
        pass  # Users go away.


Server((ADDRESS, PORT), Handler).serve_forever()
