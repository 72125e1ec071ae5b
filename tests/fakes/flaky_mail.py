"""A mail provider that takes messages as SendGrid does, and fails at random. Its log is what was taken in truth:

    accepted      delivery id -> the message ids it was given, one for each time it was taken
    unanswered    how many of those were taken without a word: the connection was reset, or nothing was said in time
"""
import collections
import http.server
import json
import random
import socket
import struct
import threading
import uuid

WORDS = ("ok", "rate", "error", "reset", "taken_reset", "stall")


class FlakyMail:
    def __init__(self, seed, share=0.2, stall_s=3):
        self.random = random.Random(seed)
        self.share = share
        self.stall_s = stall_s
        self.lock = threading.Lock()
        self.accepted = collections.defaultdict(list)
        self.told = collections.Counter()
        self.unanswered = 0
        self.stopping = threading.Event()

    def choose(self):
        with self.lock:
            word = "ok" if self.random.random() >= self.share else self.random.choices(WORDS[1:], (4, 4, 4, 2, 1))[0]
            self.told[word] += 1
            return word

    def take(self, delivery_id, answered):
        message_id = uuid.uuid4().hex[:22]
        with self.lock:
            self.accepted[delivery_id].append(message_id)
            self.unanswered += not answered
        return message_id

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                delivery_id = body["personalizations"][0]["custom_args"]["delivery_id"]
                word = outer.choose()
                if word == "ok":
                    self.answer(202, {"X-Message-Id": outer.take(delivery_id, True)})
                elif word == "rate":
                    self.answer(429, {"Retry-After": "1"})
                elif word == "error":
                    self.answer(503, {})
                else:
                    if word != "reset":
                        outer.take(delivery_id, False)
                    if word == "stall":
                        outer.stopping.wait(outer.stall_s)
                    self.reset()

            def answer(self, status, headers):
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def reset(self):
                self.close_connection = True
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass  # the worker was killed

            def finish(self):
                try:
                    super().finish()
                except (OSError, ValueError):
                    pass

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
