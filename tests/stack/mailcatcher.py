#!/usr/bin/python3
"""An SMTP server that keeps every mail it gets as one file of a Maildir and sends none on.

    mailcatcher.py --port 2525 --maildir DIR

The envelope is put in front of the mail as X-MailFrom and X-RcptTo. Some recipients, by what stands before the @, are not
served: refused (550), later (451), slow (the mail is taken only after 15 s).
"""
import argparse
import asyncio
import itertools
import os
import pathlib
import signal
import time

from aiosmtpd.smtp import SMTP


REFUSALS = {"refused": "550 5.1.1 no such mailbox here", "later": "451 4.7.1 come back later"}


class MaildirHandler:
    def __init__(self, maildir):
        self.maildir = pathlib.Path(maildir)
        self.numbers = itertools.count(1)
        for name in ("tmp", "new", "cur"):
            (self.maildir / name).mkdir(parents=True, exist_ok=True)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        answer = REFUSALS.get(address.partition("@")[0])
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 fine"

    async def handle_DATA(self, _server, _session, envelope):
        if any(address.startswith("slow@") for address in envelope.rcpt_tos):
            await asyncio.sleep(15)
        name = f"{time.time_ns()}.{os.getpid()}_{next(self.numbers)}.localhost"
        head = f"X-MailFrom: {envelope.mail_from}\r\nX-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n"
        part = self.maildir / "tmp" / name
        part.write_bytes(head.encode("utf-8", "replace") + envelope.original_content)
        part.rename(self.maildir / "new" / name)
        return f"250 2.0.0 kept as {name}"


async def serve(port, maildir):
    handler = MaildirHandler(maildir)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, enable_SMTPUTF8=True, hostname="mail.localhost", loop=loop), "127.0.0.1", port,
        backlog=1024)
    stopped = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stopped.set)
    await stopped.wait()
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--maildir", required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.maildir))


if __name__ == "__main__":
    main()
