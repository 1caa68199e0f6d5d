"""A bad link: passes TCP connections on, slowly, in fits and starts, and breaks some.

relay.py LISTEN_HOST:PORT TARGET_HOST:PORT [--delay-ms 60] [--jitter-ms 40] [--bytes-per-second 400000] [--stall 0.01]
         [--break 0.001] [--seed 7]

Every piece of data waits the delay and some jitter, in order; with the probability `stall` it waits 400 ms more, as a lost
segment does until it is sent again; with the probability `break` both sides are reset. Prints "relay: N connections, M bytes,
S stalls, B broken" when it is ended with SIGTERM.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import struct


class Link:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.connections = self.bytes = self.stalls = self.broken = 0

    async def serve(self, reader, writer):
        self.connections += 1
        await asyncio.sleep(self.options.delay_ms / 1000)
        try:
            host, port = self.options.target.rsplit(':', 1)
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            reset(writer)
            return
        sides = (writer, there_writer)
        await asyncio.gather(self.carry(reader, there_writer, sides), self.carry(there_reader, writer, sides))

    async def carry(self, source, sink, sides):
        loop = asyncio.get_running_loop()
        queue = asyncio.Queue(maxsize=64)
        sender = asyncio.create_task(self.send(queue, sink, sides))
        free = loop.time()
        try:
            while data := await source.read(16384):
                free = max(free, loop.time()) + len(data) / self.options.bytes_per_second
                await queue.put((free + self.delay(), data))
        except OSError:
            for side in sides:
                reset(side)
        await queue.put((free, b''))
        await sender

    def delay(self):
        delay = self.options.delay_ms + self.rng.uniform(0, self.options.jitter_ms)
        if self.rng.random() < self.options.stall:
            self.stalls += 1
            delay += 400
        return delay / 1000

    async def send(self, queue, sink, sides):
        loop = asyncio.get_running_loop()
        good = True
        while True:
            due, data = await queue.get()
            if not good and data:
                continue
            await asyncio.sleep(max(0, due - loop.time()))
            try:
                if not data:
                    sink.close()
                    return
                if self.rng.random() < getattr(self.options, 'break'):
                    self.broken += 1
                    raise OSError('broken on purpose')
                sink.write(data)
                self.bytes += len(data)
                await sink.drain()
            except OSError:
                good = False
                for side in sides:
                    reset(side)


def reset(writer):
    """Ends a connection by RST, as a link that fails does."""
    raw = writer.get_extra_info('socket')
    if raw and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('listen')
    parser.add_argument('target')
    for name, value in (('delay-ms', 60.0), ('jitter-ms', 40.0), ('bytes-per-second', 400000.0), ('stall', 0.01), ('break', 0.001)):
        parser.add_argument('--' + name, type=float, default=value)
    parser.add_argument('--seed', type=int, default=7)
    link = Link(parser.parse_args())
    host, port = link.options.listen.rsplit(':', 1)
    server = await asyncio.start_server(link.serve, host, int(port))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print('relay: ready', flush=True)
    await ended.wait()
    print(f'relay: {link.connections} connections, {link.bytes} bytes, {link.stalls} stalls, {link.broken} broken', flush=True)
    os._exit(0)  # whatever is under way is cut off


asyncio.run(main())
