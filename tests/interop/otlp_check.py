"""Runs `holdfast serve --traces` against a collector that reads what comes as opentelemetry-proto says."""

import base64
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MODEL = '/usr/include/onnx/backend/test/data/node/test_relu/model.onnx'
TRACE, PARENT = '0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'
PATIENCE_S = 30
spans, problems, batches = [], [], []


def with_bytes(message):
    """OTLP writes identifiers in hexadecimal where Protocol Buffers' JSON has base64."""
    for resource in message['resourceSpans']:
        for scope in resource['scopeSpans']:
            for span in scope['spans']:
                for key in ('traceId', 'spanId', 'parentSpanId'):
                    if key in span:
                        span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return message


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    away = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        batches.append(len(body))
        status, answer = (503, b'') if Collector.away else (200, b'{}')
        if not Collector.away:
            self.read(body)
        Collector.away = False
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def read(self, body):
        try:
            if self.path != '/v1/traces' or self.headers['Content-Type'] != 'application/json':
                raise ValueError(f'{self.path} {self.headers["Content-Type"]}')
            request = json_format.ParseDict(with_bytes(json.loads(body)), ExportTraceServiceRequest())
            for resource in request.resource_spans:
                who = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    spans.extend((who, span) for span in scope.spans)
        except Exception as problem:  # pylint: disable=broad-except
            problems.append(f'{type(problem).__name__}: {problem}')

    def log_message(self, *_):
        pass


def infer(url, headers):
    data = {'inputs': [{'name': 'x', 'shape': [3, 4, 5], 'datatype': 'FP32', 'data': list(range(60))}]}
    request = urllib.request.Request(url, json.dumps(data).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.headers['holdfast-receipt']


def check(good, what):
    if not good:
        problems.append(what)


def attributes_of(span):
    return {a.key: getattr(a.value, a.value.WhichOneof('value')) for a in span.attributes}


def judge(receipt):
    check(len(spans) == 6, f'{len(spans)} spans, want 6')
    for who, span in spans:
        check(who.get('service.name') == 'holdfast', f'service.name: {who}')
        check(who.get('service.instance.id') == 'judged', f'service.instance.id: {who}')
        check(len(span.trace_id) == 16 and len(span.span_id) == 8, f'{span.name}: identifiers')
        check(0 < span.start_time_unix_nano <= span.end_time_unix_nano, f'{span.name}: times')
        check(abs(span.end_time_unix_nano / 1e9 - time.time()) < 120, f'{span.name}: not of today')
    ours = [span for _, span in spans if span.trace_id.hex() == TRACE]
    check(len(ours) == 3, f'{len(ours)} spans in the trace that was begun elsewhere')
    own = [span for span in ours if span.kind == Span.SPAN_KIND_SERVER]
    check(len(own) == 1, 'one SERVER span')
    if not own:
        return
    check(own[0].parent_span_id.hex() == PARENT, 'the parent')
    check(own[0].trace_state == 'foo=1', 'the tracestate')
    said = attributes_of(own[0])
    for key, value in (('http.request.method', 'POST'), ('http.response.status_code', 200),
                       ('http.route', '/v2/models/{model}/infer'), ('holdfast.model.name', 'relu'),
                       ('holdfast.receipt', receipt)):
        check(said.get(key) == value, f'{key}: {said.get(key)!r}, want {value!r}')
    for name in ('queue', 'compute'):
        child = [span for span in ours if span.name == name]
        check(len(child) == 1 and child[0].parent_span_id == own[0].span_id, f'the span {name}')


def main():
    collector = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    command = [sys.argv[1], 'serve', MODEL, '--name', 'relu', '--listen', '127.0.0.1:0', '--node', 'judged',
               '--receipts', 'receipts', '--trace-ratio', '1', '--traces',
               f'http://127.0.0.1:{collector.server_port}']
    with tempfile.TemporaryDirectory() as work:
        with subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True) as server:
            url = next(word for word in server.stdout.readline().split() if word.startswith('http'))
            receipt = infer(url + '/infer', {'traceparent': f'00-{TRACE}-{PARENT}-01', 'tracestate': 'foo=1'})
            infer(url + '/infer', {})
            end = time.monotonic() + PATIENCE_S
            while len(spans) < 6 and not problems and time.monotonic() < end:
                threading.Event().wait(0.05)
            server.terminate()
            server.communicate()
    judge(receipt)
    for problem in problems:
        print('FAILED:', problem)
    if not problems:
        print(f'{len(spans)} spans in {len(batches)} requests, as opentelemetry-proto has them')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
