"""Jobs created at a steady pace, whatever the answers take: an open loop, as callers that do not know each other make."""
import http.client
import json
import threading
import time
import urllib.parse

THREADS = 8


def create_steadily(url, path, token, job, rate, seconds, until=None):
    """The number of jobs made; until() ends it early. A thread that is late catches up: no request is left out."""
    began = time.monotonic() + 0.05
    counts, failures = [0] * THREADS, []
    body = json.dumps(job)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    where = urllib.parse.urlsplit(url)

    def work(number):
        connection = http.client.HTTPConnection(where.hostname, where.port)
        for turn in range(number, int(rate * seconds), THREADS):
            time.sleep(max(0.0, began + turn / rate - time.monotonic()))
            if failures or (until and until()):
                break
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                failures.append(f"{path}: {answer.status}")
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    return sum(counts)
