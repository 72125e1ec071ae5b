#!/usr/bin/python3
"""A scripted SMTP server: says what the test wants at each stage, misbehaves on demand, keeps what it got.

As a library: SmtpPeer(script={"rcpt": "550 5.1.1 no such user"}).start(), .port, .mails, .wait_for(...), .stop().
As a program, for tests in C: prints "PORT CA_FILE" when it listens, appends every mail to --mails as one JSON line, and
ends when its standard input does:

    smtp_peer.py --tls starttls --script '{"body": ["451 4.3.0 later", null]}' --user u --password p --mails FILE

Stages: connect, ehlo, helo, starttls, auth, mail, rcpt, data, body (after the final dot), quit. What a stage may do: null
(what a good server says), a reply ("450 later", lines separated by \\n), or one of the words
    stall    says nothing and waits until the other side goes
    close    closes
    reset    closes with a TCP reset
    flood    a reply that never ends
    drip     the good reply, one byte every 0.2 s
A list is used up one by one, then the stage is good again; anything else is done each time.
"""
import argparse
import base64
import binascii
import contextlib
import json
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

from certificates import make_certificate

LINE_MAX = 4096
NO_TLS, STARTTLS, IMPLICIT = "none", "starttls", "tls"  # the words of [smtp] tls


class Gone(Exception):
    """The dialogue is over."""


class SmtpPeer:
    """mails: dicts of mail_from, rcpt_to, data (bytes as sent, unstuffed), tls, user, connection. commands: (connection, line)."""

    def __init__(self, script=None, tls=NO_TLS, credentials=None, mechanisms=("PLAIN", "LOGIN"), certificate_name="localhost",
                 mails_per_connection=None, idle_s=None, port=0):
        self.script = dict(script or {})
        self.tls = tls
        self.credentials = credentials
        self.mechanisms = mechanisms
        self.mails_per_connection = mails_per_connection
        self.idle_s = idle_s
        self.lock = threading.Condition()
        self.mails = []
        self.commands = []
        self.connections = 0
        self.on_mail = None
        self._open = set()
        self._stopping = threading.Event()
        self._directory = None
        self.ca_file = None
        self._context = None
        if tls != NO_TLS:
            self._directory = tempfile.TemporaryDirectory(prefix="smtp-peer-")
            self.ca_file, key = make_certificate(self._directory.name, certificate_name)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.ca_file, key)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            for connection in list(self._open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        if self._directory:
            self._directory.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def set_script(self, **stages):
        with self.lock:
            self.script = stages

    def wait_for(self, condition, timeout_s=20):
        """Waits until condition(self) is true; returns its value. For mails and commands as they come in."""
        with self.lock:
            if not self.lock.wait_for(lambda: condition(self), timeout_s):
                raise AssertionError(f"not within {timeout_s} s; commands: {self.commands[-20:]}, mails: {len(self.mails)}")
            return condition(self)

    def mails_to(self, address):
        with self.lock:
            return [m for m in self.mails if address in m["rcpt_to"]]

    def step(self, stage):
        with self.lock:
            planned = self.script.get(stage)
            if isinstance(planned, list):
                return planned.pop(0) if planned else None
            return planned

    def _accept(self):
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
                self._open.add(connection)
                self.lock.notify_all()
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        dialogue = Dialogue(self, connection, number)
        try:
            dialogue.run()
        except (Gone, OSError, ssl.SSLError):
            pass
        finally:
            with self.lock:
                self._open.discard(connection)
                self.lock.notify_all()
            with contextlib.suppress(OSError):
                dialogue.socket.close()
            connection.close()

    def record_command(self, number, line):
        with self.lock:
            self.commands.append((number, line))
            self.lock.notify_all()

    def record_mail(self, mail):
        with self.lock:
            self.mails.append(mail)
            self.lock.notify_all()
        if self.on_mail:
            self.on_mail(mail)


class Dialogue:
    def __init__(self, peer, connection, number):
        self.peer = peer
        self.socket = connection
        self.number = number
        self.buffer = b""
        self.is_tls = False
        self.user = None
        self.mail_from = None
        self.rcpt_to = []
        self.taken = 0

    # ---- bytes ------------------------------------------------------------------------------------------------------

    def wrap(self):
        self.socket = self.peer._context.wrap_socket(self.socket, server_side=True)
        self.is_tls = True
        self.buffer = b""

    def fill(self):
        chunk = self.socket.recv(65536)
        if not chunk:
            raise Gone
        self.buffer += chunk

    def read_line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > LINE_MAX:
                raise Gone
            self.fill()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    def read_data(self):
        """Up to the final dot, exactly as on the wire but for the dots that were doubled."""
        while b"\r\n.\r\n" not in b"\r\n" + self.buffer:
            self.fill()
        data, _, rest = (b"\r\n" + self.buffer).partition(b"\r\n.\r\n")
        self.buffer = rest
        lines = (data[2:] + b"\r\n").split(b"\r\n")
        return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)

    def say(self, reply):
        lines = reply.split("\n")
        code = lines[0][:3]
        whole = [line if line[:3].isdigit() and len(line) > 3 else f"{code} {line}" for line in lines]
        text = "".join(f"{line[:3]}-{line[4:]}\r\n" for line in whole[:-1]) + whole[-1] + "\r\n"
        self.socket.sendall(text.encode("utf-8", "surrogateescape"))

    # ---- stages -----------------------------------------------------------------------------------------------------

    def answer(self, stage, good):
        """Says what the script wants at this stage; True when that was the good answer."""
        planned = self.peer.step(stage)
        if planned is None:
            self.say(good)
            return True
        special = {"stall": self.stall, "close": self.close, "reset": self.reset, "flood": self.flood}
        if planned in special:
            special[planned]()
            raise Gone
        if planned == "drip":
            for byte in (good + "\r\n").encode():
                self.socket.sendall(bytes([byte]))
                time.sleep(0.2)
            return True
        self.say(planned)
        if planned.startswith("421"):
            raise Gone
        return planned[0] in "23"

    def stall(self):
        while self.socket.recv(65536):
            pass

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def flood(self):
        while True:
            self.socket.sendall(b"250-more of the same, without an end\r\n" * 100)

    def run(self):
        if self.peer.tls == IMPLICIT:
            self.wrap()
        if not self.answer("connect", "220 peer.localhost ESMTP scripted"):
            self.read_line()
            return
        handlers = {"EHLO": self.ehlo, "HELO": self.helo, "STARTTLS": self.starttls, "AUTH": self.auth, "MAIL": self.mail,
                    "RCPT": self.rcpt, "DATA": self.data, "RSET": self.rset, "NOOP": self.noop, "QUIT": self.quit}
        while True:
            self.socket.settimeout(self.peer.idle_s)
            try:
                line = self.read_line()
            except TimeoutError:
                self.say("421 4.4.2 idle for too long")
                raise Gone from None
            self.socket.settimeout(None)
            verb, _, rest = line.partition(" ")
            self.peer.record_command(self.number, "AUTH " + rest.partition(" ")[0] if verb == "AUTH" else line)
            handlers.get(verb.upper(), self.unknown)(rest)

    def unknown(self, _rest):
        self.say("502 5.5.1 command not known")

    def ehlo(self, _rest):
        lines = ["250 peer.localhost", "8BITMIME", "SIZE 52428800"]
        if self.peer.tls == STARTTLS and not self.is_tls:
            lines.append("STARTTLS")
        if self.peer.credentials and (self.is_tls or self.peer.tls == NO_TLS):
            lines.append("AUTH " + " ".join(self.peer.mechanisms))
        self.answer("ehlo", "\n".join(lines))

    def helo(self, _rest):
        self.answer("helo", "250 peer.localhost")

    def starttls(self, _rest):
        if self.peer.tls != STARTTLS or self.is_tls:
            self.unknown("")
        elif self.answer("starttls", "220 2.0.0 go ahead"):
            self.wrap()

    def auth(self, rest):
        mechanism, _, initial = rest.partition(" ")
        if not self.peer.credentials or mechanism.upper() not in self.peer.mechanisms:
            self.say("504 5.5.4 no such mechanism")
            return
        try:
            given = self.read_plain(initial) if mechanism.upper() == "PLAIN" else self.read_login(initial)
        except (binascii.Error, ValueError):
            self.say("501 5.5.2 not base64")
            return
        planned = self.peer.step("auth")
        if planned is not None:
            self.say(planned)
        elif given == tuple(self.peer.credentials):
            self.user = given[0]
            self.say("235 2.7.0 welcome")
        else:
            self.say("535 5.7.8 credentials invalid")

    def ask(self, prompt):
        self.say("334 " + base64.b64encode(prompt).decode())
        return base64.b64decode(self.read_line(), validate=True)

    def read_plain(self, initial):
        raw = base64.b64decode(initial, validate=True) if initial else self.ask(b"")
        _, user, password = raw.decode().split("\0")
        return user, password

    def read_login(self, initial):
        user = base64.b64decode(initial, validate=True) if initial else self.ask(b"Username:")
        return user.decode(), self.ask(b"Password:").decode()

    def mail(self, rest):
        if self.peer.credentials and self.user is None:
            self.say("530 5.7.0 authentication required")
        elif self.peer.mails_per_connection is not None and self.taken >= self.peer.mails_per_connection:
            self.say("421 4.7.0 too many mails on this connection")
            raise Gone
        elif self.answer("mail", "250 2.1.0 sender ok"):
            self.mail_from = rest[len("FROM:"):].split(">")[0].lstrip("<")
            self.rcpt_to = []

    def rcpt(self, rest):
        if self.answer("rcpt", "250 2.1.5 recipient ok"):
            self.rcpt_to.append(rest[len("TO:"):].split(">")[0].lstrip("<"))

    def data(self, _rest):
        if not self.rcpt_to:
            self.say("503 5.5.1 no recipient")
            return
        if not self.answer("data", "354 end with a dot"):
            return
        data = self.read_data()
        self.taken += 1
        # Kept before the answer: a peer that fails afterwards has the mail all the same.
        self.peer.record_mail({"mail_from": self.mail_from, "rcpt_to": self.rcpt_to, "data": data, "tls": self.is_tls,
                               "user": self.user, "connection": self.number})
        self.answer("body", "250 2.0.0 queued as mail-" + str(len(self.peer.mails)))

    def rset(self, _rest):
        self.rcpt_to = []
        self.say("250 2.0.0 ok")

    def noop(self, _rest):
        self.say("250 2.0.0 ok")

    def quit(self, _rest):
        self.answer("quit", "221 2.0.0 bye")
        raise Gone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--script", default="{}")
    parser.add_argument("--tls", choices=(NO_TLS, STARTTLS, IMPLICIT), default=NO_TLS)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--mechanisms", default="PLAIN,LOGIN")
    parser.add_argument("--certificate-name", default="localhost")
    parser.add_argument("--mails-per-connection", type=int)
    parser.add_argument("--idle-s", type=float)
    parser.add_argument("--mails")
    options = parser.parse_args()
    peer = SmtpPeer(json.loads(options.script), options.tls,
                    (options.user, options.password) if options.user else None, tuple(options.mechanisms.split(",")),
                    options.certificate_name, options.mails_per_connection, options.idle_s)
    out = open(options.mails, "w", encoding="utf-8") if options.mails else None

    def keep(mail):
        json.dump(dict(mail, data=mail["data"].decode("utf-8", "replace")), out)
        out.write("\n")
        out.flush()

    if out:
        peer.on_mail = keep
    with peer:
        print(peer.port, peer.ca_file or "-", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
