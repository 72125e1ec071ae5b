"""A real Postfix on loopback with a configuration, a queue and mailboxes of its own: STARTTLS and a login are wanted, every
mail ends in a maildir. It runs as root, as Postfix must; sudo helps where the tests do not.

PostfixServer(user, password).start(), .port, .ca_file, .mails() (parsed by the standard library), .stop().
"""
import base64
import contextlib
import email
import email.policy
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from certificates import make_certificate

AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
REALM = "bellman.test"
SERVICES = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


def run(*argv, **options):
    done = subprocess.run([*AS_ROOT, *map(str, argv)], capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, f"{argv}: exit {done.returncode}: {done.stdout}{done.stderr}"
    return done


class Logins:
    """Says yes or no to Postfix, in the words of Dovecot's authentication protocol 1.1: who has the password is let in."""

    def __init__(self, user, password):
        self.wanted = f"\0{user}\0{password}".encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rwb") as stream:
            stream.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n")
            stream.flush()
            for line in stream:
                stream.write(self.answer(line.rstrip(b"\n").split(b"\t")))
                stream.flush()

    def answer(self, words):
        """AUTH <id> <mechanism> ... resp=<base64>, or without resp and then CONT <id> <base64>."""
        if words[0] not in (b"AUTH", b"CONT"):
            return b""
        given = words[2] if words[0] == b"CONT" else next((w[5:] for w in words if w.startswith(b"resp=")), None)
        if given is None:
            return b"CONT\t%s\t\n" % words[1]
        let_in = b"\0" + base64.b64decode(given).partition(b"\0")[2] == self.wanted
        return b"%s\t%s\tuser=x\n" % (b"OK" if let_in else b"FAIL", words[1])

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class PostfixServer:
    def __init__(self, user, password):
        self.logins = Logins(user, password)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="postfix-"))
        self.home.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.ca_file, self.key_file = make_certificate(str(self.home), "localhost")

    def main_cf(self):
        reader = pwd.getpwnam("nobody")
        return "".join(f"{name} = {value}\n" for name, value in {
            "compatibility_level": "3.6", "queue_directory": self.home / "queue", "data_directory": self.home / "data",
            "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin", "mail_owner": "postfix",
            "setgid_group": "postdrop", "maillog_file": self.home / "maillog", "maillog_file_prefixes": self.home,
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "myhostname": "mail." + REALM, "mydestination": "",
            "virtual_mailbox_domains": "example.org", "virtual_mailbox_base": self.home / "mail",
            "virtual_mailbox_maps": "static:inbox/", "virtual_uid_maps": f"static:{reader.pw_uid}",
            "virtual_gid_maps": f"static:{reader.pw_gid}", "virtual_transport": "virtual",
            "smtpd_tls_cert_file": self.ca_file, "smtpd_tls_key_file": self.key_file, "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_auth_only": "yes", "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{self.logins.port}",
            "smtpd_sasl_security_options": "noanonymous", "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject", "smtpd_peername_lookup": "no",
        }.items())

    def start(self):
        for name in ("conf", "queue", "data", "mail"):
            (self.home / name).mkdir()
        (self.home / "conf" / "main.cf").write_text(self.main_cf(), encoding="utf-8")
        (self.home / "conf" / "master.cf").write_text(SERVICES.format(port=self.port), encoding="utf-8")
        run("chown", "postfix", self.home / "data")
        run("chown", "nobody", self.home / "mail")
        run("chown", "root", self.home / "queue", self.home / "conf", self.home / "conf" / "main.cf", self.home / "conf" / "master.cf")
        run("postfix", "-c", self.home / "conf", "start")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    if connection.recv(4) == b"220 ":
                        return self
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"Postfix does not answer: {self.log()}")

    def log(self):
        return run("cat", self.home / "maillog").stdout[-4000:]

    def mails(self):
        done = subprocess.run([*AS_ROOT, "find", self.home / "mail" / "inbox" / "new", "-type", "f"], capture_output=True, text=True,
                              check=False)
        return [email.message_from_string(run("cat", path).stdout, policy=email.policy.default) for path in done.stdout.split()]

    def stop(self):
        run("postfix", "-c", self.home / "conf", "stop")
        self.logins.stop()
        run("rm", "-rf", self.home)
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
