#!/bin/sh
# A job type in shell, run as a program: how much room a directory takes.
#
#     payload  {"path": "/var/log"}
#     result   {"path": "/var/log", "kb": 1234}
#
# Waits for a backup that is under way by asking to run later, which spends no retry. SIGTERM (the job was cancelled, took
# too long, or the worker stops) reaches the shell and du alike: both are in the job's process group.
set -eu

tell() { printf '%s\n' "$1" >&3; }
member() { python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$1"; }
quoted() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"; }

path=$(member path)
if [ -z "$path" ]; then
    echo "the payload names no path" >&2
    exit 65 # never again
fi
if [ -e "$path/.backup-running" ]; then
    tell '{"log": "a backup is running here", "level": "warn"}'
    tell '{"snooze_s": 2}'
    exit 0
fi
if [ ! -d "$path" ]; then
    echo "$path is no directory (yet?)" >&2
    exit 75 # again, by the type's retry policy
fi

tell '{"progress": 1, "message": "counting"}'
kb=$(du -sk -- "$path" | cut -f1)
printf '{"path": %s, "kb": %s}\n' "$(quoted "$path")" "$kb"
