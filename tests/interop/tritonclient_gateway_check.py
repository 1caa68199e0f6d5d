"""What tests/interop/tritonclient_gateway.sh runs against a gateway to the service relu, over FP32[3,4,5].

protocol ADDRESS: each method once. load ADDRESS: calls and a stream until the file `stop` is there; makes the file
`loading` once the machine `two` has answered. node NAME ADDRESS: calls until that machine has answered. away ADDRESS:
what a call gets when no machine is left.
"""

import os
import queue
import sys
import threading
import time

import grpc
import numpy as np
import tritonclient.grpc as triton
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2

from grpc_refusal import refused

mode, address = sys.argv[1], sys.argv[-1]
values = np.linspace(-3, 3, 60, dtype=np.float32).reshape(3, 4, 5)
relu = np.maximum(values, 0)


def tensor_of(array=values):
    tensor = triton.InferInput('x', list(array.shape), 'FP32')
    tensor.set_data_from_numpy(array)
    return tensor


def method(channel, name='ModelInfer'):
    return channel.unary_unary(f'/inference.GRPCInferenceService/{name}',
                               request_serializer=service_pb2.ModelInferRequest.SerializeToString,
                               response_deserializer=service_pb2.ModelInferResponse.FromString)


def typed_request(name='relu'):
    request = service_pb2.ModelInferRequest(model_name=name, id='r8')
    tensor = request.inputs.add(name='x', datatype='FP32', shape=[3, 4, 5])
    tensor.contents.fp32_contents.extend(values.flatten())
    return request


def check_metadata(client):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready('relu')
    assert 'not known here' in refused('NOT_FOUND', lambda: client.is_model_ready('other'))
    assert client.get_server_metadata().name == 'holdfast'
    metadata = client.get_model_metadata('relu')
    ports = [(port.name, port.datatype, list(port.shape)) for port in metadata.inputs]
    assert (metadata.name, ports) == ('relu', [('x', 'FP32', [3, 4, 5])]), metadata
    assert [port.name for port in metadata.outputs] == ['y'] and list(metadata.versions), metadata
    index = {row.name: row.state for row in client.get_model_repository_index().models}
    assert index['relu'] == 'READY', index


def check_inferences(client):
    version = client.get_model_metadata('relu').versions[0]
    for options in ({}, {'compression_algorithm': 'gzip'}, {'model_version': version},
                    {'outputs': [triton.InferRequestedOutput('y')]}, {'headers': {'traceparent': 'none'}}):
        result = client.infer('relu', [tensor_of()], request_id='r7', **options)
        np.testing.assert_array_equal(result.as_numpy('y'), relu)
        answer = result.get_response()
        assert (answer.id, answer.model_name) == ('r7', 'relu'), answer
        assert answer.parameters['holdfast-receipt'].string_param, answer
    assert '/inputs/0/shape' in refused('INVALID_ARGUMENT', lambda: client.infer('relu', [tensor_of(values[:2])]))
    assert '/outputs/0/name' in refused('INVALID_ARGUMENT', lambda: client.infer(
        'relu', [tensor_of()], outputs=[triton.InferRequestedOutput('z')]))
    refused('NOT_FOUND', lambda: client.infer('relu', [tensor_of()], model_version='9'))
    assert 'these are: relu' in refused('NOT_FOUND', lambda: client.infer('other', [tensor_of()]))
    refused('UNIMPLEMENTED', lambda: client.get_inference_statistics('relu'))


def check_calls():
    with grpc.insecure_channel(address) as channel:
        answer, told = method(channel).with_call(typed_request())
        np.testing.assert_array_equal(np.array(answer.outputs[0].contents.fp32_contents, np.float32), relu.flatten())
        metadata = dict(told.initial_metadata())
        assert metadata['x-holdfast-node'] in ('one', 'two'), metadata
        assert metadata['holdfast-model-digest'] == answer.parameters['holdfast-model-digest'].string_param, metadata
        for seconds, metadata in ((1e-6, ()), (30, (('x-holdfast-hops', '9'),))):
            code = 'DEADLINE_EXCEEDED' if seconds < 1 else 'FAILED_PRECONDITION'
            refused(code, lambda: method(channel)(typed_request(), timeout=seconds, metadata=metadata))
        refused('RESOURCE_EXHAUSTED', lambda: channel.unary_unary('/inference.GRPCInferenceService/ModelInfer')(bytes(65 << 20)))
        refused('INVALID_ARGUMENT', lambda: channel.unary_unary('/inference.GRPCInferenceService/ModelInfer')(b'\xff'))
        health = health_pb2_grpc.HealthStub(channel)
        for service in ('', 'inference.GRPCInferenceService'):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        refused('NOT_FOUND', lambda: health.Check(health_pb2.HealthCheckRequest(service='other')))
        assert 'inference.GRPCInferenceService' in ProtoReflectionDescriptorDatabase(channel).get_services()


def check_stream(client):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for number in range(20):
        client.async_stream_infer('relu', [tensor_of()], request_id=str(number), enable_empty_final_response=True)
    for number in range(20):
        result, error = answers.get(timeout=60)
        assert error is None, error
        assert result.get_response().id == str(number)
        assert result.get_response().parameters['triton_final_response'].bool_param
        np.testing.assert_array_equal(result.as_numpy('y'), relu)
    client.async_stream_infer('other', [tensor_of()])
    assert 'not known here' in str(answers.get(timeout=60)[1])
    client.async_stream_infer('relu', [tensor_of()])
    assert answers.get(timeout=60)[1] is None, 'the stream goes on after an error'
    client.stop_stream()


class Load:
    """Calls on connections of their own, and a stream, until `stop` is there."""

    def __init__(self):
        self.lock, self.answered, self.slowest, self.failures, self.nodes = threading.Lock(), 0, 0.0, [], set()

    def note(self, begin, failure, node=None):
        with self.lock:
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.answered += failure is None
            if failure is not None:
                self.failures.append(failure)
            self.nodes.add(node)
            if 'two' in self.nodes and not os.path.exists('loading'):
                open('loading', 'w').close()

    def call(self):
        request = typed_request()
        with grpc.insecure_channel(address, options=[('grpc.use_local_subchannel_pool', 1)]) as channel:
            while not os.path.exists('stop'):
                begin = time.monotonic()
                try:
                    answer, told = method(channel).with_call(request, timeout=30)
                    right = np.array_equal(np.array(answer.outputs[0].contents.fp32_contents, np.float32), relu.flatten())
                    self.note(begin, None if right else 'a wrong answer', dict(told.initial_metadata()).get('x-holdfast-node'))
                except grpc.RpcError as error:
                    self.note(begin, f'{error.code()} {error.details()}')
                time.sleep(0.002)

    def stream(self):
        answers = queue.Queue()
        with triton.InferenceServerClient(address) as client:
            client.start_stream(lambda result, error: answers.put((result, error)))
            while not os.path.exists('stop'):
                begin = time.monotonic()
                client.async_stream_infer('relu', [tensor_of()])
                result, error = answers.get(timeout=60)
                right = error is None and np.array_equal(result.as_numpy('y'), relu)
                self.note(begin, None if right else f'in the stream: {error}')
                time.sleep(0.002)
            client.stop_stream()

    def run(self):
        threads = [threading.Thread(target=self.call) for _ in range(3)] + [threading.Thread(target=self.stream)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f'{self.answered} answered, {len(self.failures)} failed, slowest {self.slowest:.2f} s', *self.failures[:5], sep='\n')
        return not self.failures and self.answered


def check_node(name):
    end = time.monotonic() + 30
    with grpc.insecure_channel(address) as channel:
        while time.monotonic() < end:
            answer, told = method(channel).with_call(typed_request())
            np.testing.assert_array_equal(np.array(answer.outputs[0].contents.fp32_contents, np.float32), relu.flatten())
            if dict(told.initial_metadata())['x-holdfast-node'] == name:
                print(f'{name} has answered')
                return
    raise AssertionError(f'{name} has not answered')


def check_away():
    with grpc.insecure_channel(address) as channel:
        try:
            method(channel)(typed_request(), timeout=30)
        except grpc.RpcError as error:
            again = dict(error.trailing_metadata())['grpc-retry-pushback-ms']
            print(f'{error.code().name}, again in {again} ms')
            return
    raise AssertionError('was answered')


if mode == 'load':
    sys.exit(0 if Load().run() else 1)
elif mode == 'node':
    check_node(sys.argv[2])
elif mode == 'away':
    check_away()
else:
    with triton.InferenceServerClient(address) as each:
        check_metadata(each)
        check_inferences(each)
        check_stream(each)
    check_calls()
    print('tritonclient agrees through a gateway')
