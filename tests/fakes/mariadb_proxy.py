"""A proxy in front of MariaDB that does harm at chosen statements (MySQL client/server protocol, no TLS, no compression).

    with MariaDbProxy(socket) as proxy:
        rule = proxy.add("COMMIT", "cut_after", skip=3)
        ... rule.hit.wait(10) ...

A rule is a regular expression searched for in the SQL of queries and executions of prepared statements, and what to do:
    cut_before   the connection ends; the server never sees the statement
    cut_after    the server does it; the connection ends before its answer comes
    hold_before  nothing goes on until release()
    hold_after   the server does it; its answer waits for release()
    an int       the server never sees it; the client is told this error (1213: what the transaction did is rolled back)
skip lets the first so many pass, times ends the rule after so many (0: never). within, another expression, asks that the
connection's current transaction has run a statement that it fits.
"""
import re
import struct
import threading

from tcp_proxy import Proxy

COM_QUERY, COM_STMT_PREPARE = 0x03, 0x16
EXECUTES = (0x17, 0xfa)  # of one row, of many
ERRORS = {1213: "40001", 1205: "HY000", 1020: "HY000", 2006: "HY000", 2013: "HY000"}
SEEN_MAX = 2000
BEGINS, ENDS = ("START TRANSACTION", "SET AUTOCOMMIT"), ("COMMIT", "ROLLBACK")  # of a transaction's story


class Rule:
    def __init__(self, pattern, action, skip=0, times=1, within=None):
        self.pattern = re.compile(pattern, re.I | re.S)
        self.within = re.compile(within, re.I | re.S) if within else None
        self.action = action
        self.skip = skip
        self.left = times if times else float("inf")
        self.hits = 0
        self.hit = threading.Event()
        self.lock = threading.Lock()
        self.released = threading.Event()

    def fits(self, sql, story):
        if not self.pattern.search(sql) or (self.within and not any(self.within.search(s) for s in story)):
            return False
        with self.lock:
            if self.skip > 0:
                self.skip -= 1
                return False
            if self.left <= 0:
                return False
            self.left -= 1
            self.hits += 1
            return True

    def release(self):
        self.released.set()


class MariaDbProxy(Proxy):
    def __init__(self, upstream):
        super().__init__(upstream)
        self.rules = []
        self.seen = []  # the latest statements, for failures
        self.states = {}

    def add(self, pattern, action, **options):
        rule = Rule(pattern, action, **options)
        self.rules.append(rule)
        return rule

    def clear(self):
        rules, self.rules = self.rules, []
        for rule in rules:
            rule.left = 0
            rule.release()

    def forget(self, link):
        super().forget(link)
        self.states.pop(id(link), None)

    def state(self, link):
        return self.states.setdefault(id(link), {"up": b"", "statements": {}, "preparing": None, "story": [], "after": None,
                                                 "greeted": False})

    # ---- client to server -------------------------------------------------------------------------------------------

    def on_up(self, link, data):
        state = self.state(link)
        state["up"] += data
        out = b""
        while len(state["up"]) >= 4:
            size = int.from_bytes(state["up"][:3], "little")
            if len(state["up"]) < 4 + size:
                break
            packet, state["up"] = state["up"][:4 + size], state["up"][4 + size:]
            out += self.on_packet(link, state, packet)
        return out

    def sql_of(self, state, packet):
        """The statement that a packet begins, or None."""
        if packet[3] != 0 or len(packet) < 5:
            return None
        command, body = packet[4], packet[5:]
        if command == COM_STMT_PREPARE:
            state["preparing"] = body.decode("utf-8", "replace")
            return None
        if command == COM_QUERY:
            return body.decode("utf-8", "replace")
        if command in EXECUTES:
            return state["statements"].get(struct.unpack("<I", body[:4])[0], "")
        return None

    def on_packet(self, link, state, packet):
        sql = self.sql_of(state, packet)
        if sql is None:
            return packet
        if len(self.seen) < SEEN_MAX:
            self.seen.append(sql)
        if sql.upper().startswith(BEGINS) or (state["story"] and state["story"][-1].upper().startswith(ENDS)):
            state["story"] = []
        state["story"].append(sql)
        for rule in self.rules:
            if rule.fits(sql, state["story"]):
                return self.apply(link, state, rule, packet)
        return packet

    def apply(self, link, state, rule, packet):
        if rule.action == "cut_before":
            rule.hit.set()
            link.kill()
            return b""
        if rule.action == "hold_before":
            rule.hit.set()
            self.hold(link, rule)
            return packet
        if isinstance(rule.action, int):
            self.refuse(link, rule.action)
            rule.hit.set()
            return b""
        state["after"] = rule
        return packet

    @staticmethod
    def hold(link, rule):
        while not rule.released.wait(0.02) and not link.dead.is_set():
            # A client that is gone is told by its closed socket; reading it here would eat bytes, so only peek.
            try:
                if link.client.recv(1, 0x02 | 0x40) == b"":  # MSG_PEEK | MSG_DONTWAIT
                    link.kill()
            except BlockingIOError:
                continue
            except OSError:
                link.kill()

    @staticmethod
    def refuse(link, number):
        if number == 1213:
            link.server.sendall(b"\x09\x00\x00\x00\x03ROLLBACK")
            link.server.recv(65536)
        text = b"\xff" + struct.pack("<H", number) + b"#" + ERRORS[number].encode() + b"injected by the proxy"
        link.client.sendall(len(text).to_bytes(3, "little") + b"\x01" + text)

    # ---- server to client -------------------------------------------------------------------------------------------

    def on_down(self, link, data):
        state = self.state(link)
        if state["preparing"] is not None and len(data) >= 9 and data[4] == 0:
            state["statements"][struct.unpack("<I", data[5:9])[0]] = state["preparing"]
            state["preparing"] = None
        rule, state["after"] = state["after"], None
        if rule is None:
            return data
        rule.hit.set()
        if rule.action == "cut_after":
            link.kill()
            return b""
        self.hold(link, rule)
        return data
