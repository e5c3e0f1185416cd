"""Reads one URL again and again, and says how long every answer took: a process of its own, so that it measures the
service and not the load that a test makes.

    python tests/dapr_reader.py URL TOKEN     a line for every answer: began_s took_ms status
"""

import http.client
import sys
import time
from urllib.parse import urlsplit

PAUSE_S = 0.05


def main(url, token):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    while True:
        began, began_s = time.perf_counter(), time.time()
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"dapr-api-token": token})
        answer = connection.getresponse()
        found = b'"cluster_id"' in answer.read()
        print(f"{began_s:.3f} {(time.perf_counter() - began) * 1000:.3f} {answer.status if found else 0}", flush=True)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
