"""Asks a service for predictions, one after the other on several connections, until the file `stop` is there.

load.py URL CONNECTIONS [TIMEOUT_SECONDS]: makes the file `loading` once the first is answered; prints "N answered, M failed, slowest S s" and what failed; exits with 1 when anything did.
"""

import http.client
import json
import os
import sys
import threading
import time
import urllib.parse


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    names = ask_metadata(url)
    patience = float(sys.argv[3]) if len(sys.argv) > 3 else 30
    body = json.dumps({'inputs': [{'name': n, 'datatype': d, 'shape': s, 'data': [0.5] * product(s)} for n, d, s in names]})
    lock, counts, slowest, failures = threading.Lock(), [0, 0], [0.0], []

    def work():
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=patience)
        while not os.path.exists('stop'):
            begin = time.monotonic()
            try:
                connection.request('POST', url.path + '/infer', body, {'Content-Type': 'application/json'})
                response = connection.getresponse()
                text = response.read()
                good = response.status == 200
                why = f'{response.status} {text[:200]!r}'
            except OSError as error:
                good, why = False, repr(error)
                connection.close()
            with lock:
                if good and not counts[0]:
                    open('loading', 'w').close()
                counts[0 if good else 1] += 1
                slowest[0] = max(slowest[0], time.monotonic() - begin)
                if not good and len(failures) < 5:
                    failures.append(why)
            time.sleep(0.002)

    threads = [threading.Thread(target=work) for _ in range(int(sys.argv[2]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f'{counts[0]} answered, {counts[1]} failed, slowest {slowest[0]:.2f} s', *failures, sep='\n')
    sys.exit(1 if counts[1] or not counts[0] else 0)


def ask_metadata(url):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    connection.request('GET', url.path)
    metadata = json.loads(connection.getresponse().read())
    return [(i['name'], i['datatype'], [1 if e < 0 else e for e in i['shape']]) for i in metadata['inputs']]


def product(shape):
    result = 1
    for extent in shape:
        result *= extent
    return result


main()
