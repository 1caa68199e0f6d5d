"""Loads a model again and again, its file replaced each time, while connections ask it for predictions.

reloads.py URL NAME FILE TIMES CONNECTIONS FIRST SECOND: FILE is what the server at URL loads as NAME; FIRST and SECOND
are what is put there in turn, relu and sigmoid of one input x of 3x4x5. Every answer must be of status 200, name one of
the two digests, and be what that model makes of the input. Prints one line; exits with 1 when anything was otherwise.
"""

import asyncio
import hashlib
import json
import math
import os
import shutil
import sys
import time
import urllib.parse

X = 2.0
WANT_OF = {'relu': X, 'sigmoid': 1 / (1 + math.exp(-X))}
ANSWERS_BETWEEN = 1  # at least, from one load to the next


class Connection:
    def __init__(self, host, port):
        self.host, self.port = host, port

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    async def post(self, path, body):
        head = f'POST {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n'
        self.writer.write(f'{head}Content-Length: {len(body)}\r\n\r\n'.encode() + body)
        status = int((await self.reader.readline()).split()[1])
        headers = {}
        while (line := await self.reader.readline()) != b'\r\n':
            name, value = line.decode().split(':', 1)
            headers[name.lower()] = value.strip()
        return status, headers, await self.reader.readexactly(int(headers.get('content-length', 0)))


class Test:
    def __init__(self, url, name, models):
        split = urllib.parse.urlsplit(url)
        self.host, self.port, self.name = split.hostname, split.port, name
        self.model_of = {}  # by digest
        for kind, path in models.items():
            with open(path, 'rb') as file:
                self.model_of['sha256:' + hashlib.sha256(file.read()).hexdigest()] = kind
        tensor = {'name': 'x', 'datatype': 'FP32', 'shape': [3, 4, 5], 'data': [X] * 60}
        self.body = json.dumps({'inputs': [tensor]}).encode()
        self.answers = dict.fromkeys(models, 0)
        self.failures, self.slowest, self.over = [], 0.0, False

    async def ask(self, connection):
        begin = time.monotonic()
        status, headers, body = await connection.post(f'/v2/models/{self.name}/infer', self.body)
        self.slowest = max(self.slowest, time.monotonic() - begin)
        kind = self.model_of.get(headers.get('holdfast-model-digest', ''))
        good = status == 200 and kind is not None
        if good:
            data = json.loads(body)['outputs'][0]['data']
            good = len(data) == 60 and all(abs(y - WANT_OF[kind]) < 1e-5 for y in data)
            self.answers[kind] += 1
        if not good:
            self.failures.append(f'{status} {kind} {body[:200]!r}')

    async def ask_on(self, connection):
        while not self.over:
            try:
                await self.ask(connection)
            except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
                self.failures.append(repr(error))
                return


async def reload(test, target, models, times):
    loader = Connection(test.host, test.port)
    await loader.open()
    for i in range(times):
        path = models[('sigmoid', 'relu')[i % 2]]
        shutil.copy(path, target + '.next')
        os.replace(target + '.next', target)
        before = sum(test.answers.values())
        status, _, body = await loader.post(f'/v2/repository/models/{test.name}/load', b'')
        if status != 200:
            test.failures.append(f'load {i}: {status} {body[:200]!r}')
        while sum(test.answers.values()) < before + ANSWERS_BETWEEN and not test.failures:
            await asyncio.sleep(0)


async def main():
    url, name, target, times, connections, relu, sigmoid = sys.argv[1:]
    models = {'relu': relu, 'sigmoid': sigmoid}
    test = Test(url, name, models)
    askers = [Connection(test.host, test.port) for _ in range(int(connections))]
    for asker in askers:
        await asker.open()
    asking = [asyncio.create_task(test.ask_on(asker)) for asker in askers]
    begin = time.monotonic()
    await reload(test, target, models, int(times))
    test.over = True
    await asyncio.gather(*asking)
    taken = time.monotonic() - begin
    print(f'{times} loads in {taken:.1f} s under {connections} connections: {sum(test.answers.values())} answers '
          f'({test.answers}), {len(test.failures)} failed, slowest {1000 * test.slowest:.0f} ms', *test.failures[:5], sep='\n')
    sys.exit(1 if test.failures or 0 in test.answers.values() else 0)


asyncio.run(main())
