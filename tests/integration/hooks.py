"""HTTP job types of the shared stack, and the peers that they call. What a peer answers stands in the job's payload."""
import contextlib
import pathlib
import sys

import procs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))

from http_peer import HttpPeer  # noqa: E402

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


class Hooks:
    """hook.call and hook.rotating (two secrets) are answered by plain, hook.tls by tls; text.count by nobody yet."""

    def __init__(self, stack_of_peers):
        self.plain = stack_of_peers.enter_context(HttpPeer(secrets=[SECRET]))
        self.rotating = stack_of_peers.enter_context(HttpPeer(secrets=[SECRET, OLD_SECRET]))
        self.tls = stack_of_peers.enter_context(HttpPeer(secrets=[SECRET], tls=True))
        self.example_port = procs.choose_port(set())

    @property
    def conf(self):
        return f"""[job_type hook.call]
help=Calls a peer of the tests
http={self.plain.url}/call
http_secret={SECRET}
[job_type hook.rotating]
http={self.rotating.url}/rotating
http_secret={SECRET}
http_secret_previous={OLD_SECRET}
[job_type hook.tls]
http={self.tls.url}/tls
http_secret={SECRET}
http_ca_file={self.tls.ca_file}
[job_type text.count]
http=http://127.0.0.1:{self.example_port}/
http_secret={SECRET}
"""


@contextlib.contextmanager
def serving():
    with contextlib.ExitStack() as peers:
        yield Hooks(peers)
