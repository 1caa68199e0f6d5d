"""Many machines at once, as a control plane sees them: each has its own key, certificate and TLS connection, watches its
Node, and reports what it is ordered to run as running. Nothing is pulled or computed.

agents.py URL ROOT_PEM TOKENS N: TOKENS is a file of join tokens, a line each, for at most 1,000 uses. Commands come on
standard input, one a line, and each is answered with one line of JSON: `join`, `orders COUNT` (until so many machines
follow a version that they did not have before), `connected` (until all watches are open again), `end`.
"""

import asyncio
import json
import os
import random
import ssl
import sys
import tempfile
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ENROLMENTS_AT_A_TIME = 32
CONNECTS_AT_A_TIME = 64
REPORTS_AT_A_TIME = 64


class Fleet:
    def __init__(self, url, root, tokens, count):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.root = parts.hostname, parts.port, root
        self.tokens, self.folder = tokens, tempfile.mkdtemp(prefix='fleet')
        self.machines = [Machine(self, i) for i in range(count)]
        self.connecting = asyncio.Semaphore(CONNECTS_AT_A_TIME)
        self.reporting = asyncio.Semaphore(REPORTS_AT_A_TIME)
        self.news = asyncio.Condition()
        self.tasks = set()  # which nobody else holds

    def spawn(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def told(self):
        async with self.news:
            self.news.notify_all()

    async def until(self, ready):
        async with self.news:
            await self.news.wait_for(ready)


class Machine:
    def __init__(self, fleet, index):
        self.fleet, self.index, self.name = fleet, index, f'm{index:05}'
        self.context, self.versions, self.open, self.reported = None, {}, False, {}
        self.line, self.speaking = None, asyncio.Lock()  # the connection on which it speaks

    def plain(self):
        return ssl.create_default_context(cafile=self.fleet.root)

    async def exchange(self, context, method, path, body, headers=''):
        fleet = self.fleet
        reader, writer = await asyncio.open_connection(fleet.host, fleet.port, ssl=context, server_hostname=fleet.host)
        data = json.dumps(body).encode()
        writer.write(f'{method} {path} HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\nContent-Length: {len(data)}\r\n{headers}\r\n'
                     .encode() + data)
        answer = await reader.read()
        writer.close()
        head, _, text = answer.partition(b'\r\n\r\n')
        return int(head.split()[1]), text

    async def join(self, token):
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        csr = request.public_bytes(serialization.Encoding.PEM).decode()
        status, text = await self.exchange(self.plain(), 'POST', '/v1/enrol', {'node': self.name, 'csr': csr},
                                           f'Authorization: Bearer {token}\r\n')
        if status != 200:
            raise RuntimeError(f'{self.name}: {status} {text[:200]!r}')
        path = os.path.join(self.fleet.folder, self.name)
        with open(path, 'wb') as file:
            file.write(json.loads(text)['certificateChain'].encode())
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
        self.context = self.plain()
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(path)
        os.remove(path)

    async def say(self, method, path, body, content_type='application/json'):
        """Over a connection that is kept, as the agent has it."""
        fleet = self.fleet
        data = json.dumps(body).encode()
        async with self.speaking:
            try:
                if not self.line:
                    async with fleet.connecting:
                        self.line = await asyncio.open_connection(fleet.host, fleet.port, ssl=self.context,
                                                                  server_hostname=fleet.host)
                reader, writer = self.line
                writer.write(f'{method} {path} HTTP/1.1\r\nHost: fleet\r\nContent-Type: {content_type}\r\n'
                             f'Content-Length: {len(data)}\r\n\r\n'.encode() + data)
                head = (await reader.readuntil(b'\r\n\r\n')).decode().lower()
                size = int(head.partition('content-length: ')[2].partition('\r')[0] or 0)
                return int(head.split()[1]), await reader.readexactly(size)
            except BaseException:
                if self.line:
                    self.line[1].close()
                self.line = None
                raise

    async def beat(self):
        while True:
            pause = 0.5
            try:
                code, text = await self.say('POST', '/v1/node/heartbeat', {})
                if code == 200:
                    pause = json.loads(text)['nextMilliseconds'] / 1000
            except (OSError, asyncio.IncompleteReadError, ValueError):
                pause = random.uniform(0.5, 2)
            await asyncio.sleep(pause)

    async def live(self):
        """Watches for ever; after a loss it comes again with a pause as the real agent has."""
        failures = 0
        while True:
            try:
                await self.watch()
            except (OSError, asyncio.IncompleteReadError, ValueError, ssl.SSLError):
                pass
            if self.open:
                failures = 0
            self.open = False
            failures += 1
            whole = min(30, 0.5 * 2 ** min(failures - 1, 10))
            await asyncio.sleep(whole * random.uniform(0.5, 1))

    async def watch(self):
        fleet = self.fleet
        path = f'/apis/holdfast.dev/v1/nodes?watch=true&fieldSelector=metadata.name%3D{self.name}&sendInitialEvents=true'
        async with fleet.connecting:
            reader, writer = await asyncio.open_connection(fleet.host, fleet.port, ssl=self.context,
                                                           server_hostname=fleet.host, limit=1 << 20)
            writer.write(f'GET {path} HTTP/1.1\r\nHost: fleet\r\nAccept: application/json\r\n\r\n'.encode())
            head = await reader.readuntil(b'\r\n\r\n')
        if b' 200 ' not in head.split(b'\r\n')[0]:
            raise ValueError(head)
        self.open = True
        await fleet.told()
        pending = b''
        while True:
            size = int(await reader.readline(), 16)
            if size == 0:
                return
            pending += (await reader.readexactly(size + 2))[:-2]
            *lines, pending = pending.split(b'\n')
            for line in lines:
                self.take(json.loads(line)['object'])

    def take(self, node):
        orders = node.get('spec', {}).get('services', [])
        versions = {f"{o['namespace']}/{o['name']}": (o.get('digest') or o['model'].partition('@')[2], o) for o in orders}
        if {k: v[0] for k, v in versions.items()} != {k: v[0] for k, v in self.versions.items()} or \
                [v[1].get('rollout') for v in versions.values()] != [v[1].get('rollout') for v in self.versions.values()]:
            self.versions = versions
            self.fleet.spawn(self.report(node.get('metadata', {}).get('generation', 0)))

    async def report(self, generation):
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        services = []
        for digest, order in self.versions.values():
            ready = {'type': 'Ready', 'status': 'True', 'reason': 'Serving', 'message': 'simulated', 'lastTransitionTime': now}
            services.append({'namespace': order['namespace'], 'name': order['name'], 'digest': digest, 'settled': True,
                             'epoch': order.get('epoch', 0), 'observedGeneration': order.get('generation', 0),
                             'url': 'http://127.0.0.1:1/v2/models/x', 'conditions': [ready],
                             **({'rollout': order['rollout']} if 'rollout' in order else {})})
        status = {'capacity': {'cpus': 2, 'memoryBytes': 4 << 30}, 'services': services, 'observedGeneration': generation}
        async with self.fleet.reporting:
            for _ in range(5):
                try:
                    code, text = await self.say('PATCH', f'/apis/holdfast.dev/v1/nodes/{self.name}/status',
                                                {'status': status}, 'application/merge-patch+json')
                    if code == 200:
                        self.reported = {k: v[0] for k, v in self.versions.items()}
                        break
                    print(self.name, code, text[:200], file=sys.stderr)
                except (OSError, asyncio.IncompleteReadError, ValueError):
                    pass
                await asyncio.sleep(random.uniform(0.5, 1))
        await self.fleet.told()


async def main():
    url, root, tokens, count = sys.argv[1], sys.argv[2], open(sys.argv[3]).read().split(), int(sys.argv[4])
    fleet = Fleet(url, root, tokens, count)
    begin = time.monotonic()
    slots = asyncio.Semaphore(ENROLMENTS_AT_A_TIME)

    async def join(machine):
        async with slots:
            await machine.join(tokens[machine.index // 1000])

    await asyncio.gather(*(join(machine) for machine in fleet.machines))
    answer = {'enrolled': count, 'enrol_s': round(time.monotonic() - begin, 2)}
    loop = asyncio.get_running_loop()
    for line in iter(lambda: None, 1):
        text = (await loop.run_in_executor(None, sys.stdin.readline)).split()
        begin = time.monotonic()
        if not text or text[0] == 'end':
            return
        if text[0] == 'join':
            for machine in fleet.machines:
                fleet.spawn(machine.live())
                fleet.spawn(machine.report(0))
                fleet.spawn(machine.beat())
            await fleet.until(lambda: all(m.open for m in fleet.machines))
        elif text[0] == 'orders':
            before = [dict(m.reported) for m in fleet.machines]
            await fleet.until(lambda: sum(m.reported != b and bool(m.reported)
                                          for m, b in zip(fleet.machines, before)) >= int(text[1]))
        elif text[0] == 'connected':
            await fleet.until(lambda: not all(m.open for m in fleet.machines))
            await fleet.until(lambda: all(m.open for m in fleet.machines))
        answer['seconds'] = round(time.monotonic() - begin, 2)
        print(json.dumps(answer), flush=True)
        answer = {}


asyncio.run(main())
