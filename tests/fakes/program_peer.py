#!/usr/bin/python3
"""The program of the job types that test_exec.py runs: does what its payload says, in this order.

on         {attempt: payload}: another payload for that attempt
spawn      starts a process that sleeps, with the job's id in its command line; "escape" in a session of its own
ignore     goes on at SIGTERM
err, out   text for standard error and for the result; out_bytes: that many of it
report     list of objects (or texts as they are) for descriptor 3
tell       puts what it was given into the result: payload, environment, descriptors, limits
hold_mb    takes so much memory
sleep      seconds
signal     to itself
exit       code
"""
import json
import os
import resource
import signal
import subprocess
import sys
import time

SLEEPER = [sys.executable, "-S", "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)"]


def about_me(payload):
    limits = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0]
              for name in ("AS", "CPU", "NOFILE", "FSIZE", "CORE")}
    return {"payload": payload, "arguments": sys.argv[1:], "environment": dict(os.environ), "cwd": os.getcwd(),
            "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")),
            "limits": limits, "nice": os.getpriority(os.PRIO_PROCESS, 0), "leads": os.getpgrp() == os.getpid()}


def main():
    payload = json.load(sys.stdin)
    payload = payload.get("on", {}).get(os.environ["BELLMAN_ATTEMPT"], payload)
    if payload.get("ignore"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "spawn" in payload:
        subprocess.Popen([*SLEEPER, os.environ["BELLMAN_JOB_ID"]],  # pylint: disable=consider-using-with
                         start_new_session=payload["spawn"] == "escape")
    sys.stderr.write(payload.get("err", ""))
    sys.stderr.flush()
    with os.fdopen(3, "w", encoding="utf-8") as reports:
        for report in payload.get("report", []):
            reports.write((report if isinstance(report, str) else json.dumps(report)) + "\n")
            reports.flush()
        held = bytearray(payload.get("hold_mb", 0) << 20)
        time.sleep(payload.get("sleep", 0))
    if payload.get("tell"):
        json.dump(about_me(payload), sys.stdout)
    sys.stdout.write(payload.get("out", ""))
    sys.stdout.write("x" * payload.get("out_bytes", 0))
    sys.stdout.flush()
    if "signal" in payload:
        os.kill(os.getpid(), payload["signal"])
    del held
    sys.exit(payload.get("exit", 0))


main()
