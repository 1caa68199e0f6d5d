"""Sends malformed requests to a server of models, from a seed, and looks whether it lives.

hostile_http.py URL MODEL REQUESTS SEED [CONNECTIONS]: each request is a good one that was damaged: bytes changed, cut,
doubled or moved, in the head or in the body, or JSON that asks for nonsense. An answer must be HTTP, with a status
that is known; no answer is good as well, when the connection ends. Prints one line; exits with 1 when anything was
otherwise, or the server does not answer a good request at the end.
"""

import asyncio
import collections
import json
import random
import sys
import urllib.parse
import urllib.request

HTTP2_SETTINGS = b'\0\0\x18\x04\0'  # the head of the frame that a server begins with (RFC 9113, 3.4)
PATIENCE = 10
NONSENSE = [b'{', b'[', b'}', b']', b'"', b'\\u0000', b'\\ud800', b'null', b'-1', b'1e999', b'9' * 40, b'[' * 200, b'\x00',
            b'\xff\xfe', b'\r\n', b'\r\n\r\n', b'Transfer-Encoding: chunked\r\n', b'Content-Length: 5\r\n', b'Host: b\r\n',
            b'Expect: 100-continue\r\n', b'Inference-Header-Content-Length: 7\r\n', b'%00', b'%2e%2e/', b'../', b' HTTP/2.0',
            b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'\x16\x03\x01', b'{"shape":[4611686018427387904,4]}', b'"binary_data_size":1e18']


def damaged(rng, good):
    data = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            data[at:at] = rng.choice(NONSENSE)
        elif kind == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at:at + rng.randint(1, 20)]
        elif kind == 3:
            data[at:at] = data[at:at + rng.randint(1, 40)]
        else:
            del data[at:]
        if not data:
            data = bytearray(b'\n')
    return bytes(data)


class Load:
    def __init__(self, url, model, count, seed):
        self.url, self.count, self.rng = url, count, random.Random(seed)
        with urllib.request.urlopen(f'{url.geturl()}/v2/models/{model}') as answer:
            inputs = json.load(answer)['inputs']
        tensors = []
        for tensor in inputs:
            shape = [1 if extent < 0 else extent for extent in tensor['shape']]
            size = 1
            for extent in shape:
                size *= extent
            tensors.append({'name': tensor['name'], 'datatype': tensor['datatype'], 'shape': shape, 'data': [0] * size})
        body = json.dumps({'id': 'a', 'inputs': tensors}).encode()
        host = f'Host: {url.netloc}\r\n'.encode()
        path = f'/v2/models/{model}'.encode()
        self.good = [
            b'POST ' + path + b'/infer HTTP/1.1\r\n' + host + f'Content-Length: {len(body)}\r\n\r\n'.encode() + body,
            b'POST ' + path + b'/infer HTTP/1.1\r\n' + host + b'Transfer-Encoding: chunked\r\n\r\n' + f'{len(body):x}\r\n'.encode() + body + b'\r\n0\r\n\r\n',
            b'GET ' + path + b' HTTP/1.1\r\n' + host + b'Accept: */*\r\n\r\n',
            b'GET /v2/repository/index?x=%20 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
        ]
        self.body = body
        self.infer = b'POST ' + path + b'/infer HTTP/1.1\r\n' + host
        self.statuses = collections.Counter()
        self.wrong = []

    def next(self):
        """A malformed request, and whether its framing is whole, so that an answer must come."""
        self.count -= 1
        if self.rng.random() < 0.5:
            body = damaged(self.rng, self.body)
            return self.infer + f'Content-Length: {len(body)}\r\n\r\n'.encode() + body, True
        return damaged(self.rng, self.rng.choice(self.good)), False

    async def work(self):
        while self.count > 0:
            reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port)
            try:
                while self.count > 0 and await self.ask(reader, writer):
                    pass
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            except ValueError as error:
                self.wrong.append(f'no HTTP: {error}')
            finally:
                writer.close()

    async def ask(self, reader, writer):
        """True when the connection goes on."""
        request, whole = self.next()
        writer.write(request)
        if not whole:
            writer.write_eof()
        status, headers = await asyncio.wait_for(self.answer(reader), PATIENCE)
        if status is None:
            self.statuses['closed'] += 1
            if whole:
                self.wrong.append(f'closed without an answer: {request!r}')
            return False
        self.statuses[status] += 1
        if status not in ('HTTP/2', 200, 400, 404, 405, 413, 415, 417, 431, 499, 501, 503, 505):
            self.wrong.append(f'status {status}: {request!r}')
        return whole and headers.get('connection') != 'close'

    @staticmethod
    async def answer(reader):
        line = await reader.readline()
        if line.startswith(HTTP2_SETTINGS):  # an answer to what begins as HTTP/2 does, damaged behind that
            return 'HTTP/2', {'connection': 'close'}
        if not line:
            return None, {}
        if line == b'HTTP/1.1 100 Continue\r\n':
            await reader.readline()
            return await Load.answer(reader)
        if not line.startswith(b'HTTP/1.'):
            raise ValueError(line)
        headers = {}
        while (field := await reader.readline()) != b'\r\n':
            if not field:
                raise ValueError('half of a head')
            name, value = field.decode().split(':', 1)
            headers[name.lower()] = value.strip()
        await reader.readexactly(int(headers.get('content-length', 0)))
        return int(line.split()[1]), headers


async def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    load = Load(url, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    await asyncio.gather(*(load.work() for _ in range(int(sys.argv[5]) if len(sys.argv) > 5 else 64)))
    with urllib.request.urlopen(f'{url.geturl()}/v2/health/ready', timeout=5) as answer:
        good = answer.status == 200
    print(f'{sum(load.statuses.values())} malformed requests:', dict(sorted(load.statuses.items(), key=str)), f'{len(load.wrong)} wrong')
    print(*load.wrong[:5], sep='\n', end='')
    sys.exit(0 if good and not load.wrong else 1)


asyncio.run(main())
