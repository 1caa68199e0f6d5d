"""What tests/interop/tritonclient.sh runs over gRPC against a server of the model relu over FP32[3,4,5].

With `drain PID` after the address: what a client sees while that server is told to end.
"""

import os
import queue
import signal
import sys
import time

import grpc
import numpy as np
import tritonclient.grpc as triton
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2

from grpc_refusal import refused

address = sys.argv[1]
client = triton.InferenceServerClient(address)
values = np.linspace(-3, 3, 60, dtype=np.float32).reshape(3, 4, 5)
relu = np.maximum(values, 0)


def tensor_of(array=values):
    tensor = triton.InferInput('x', list(array.shape), 'FP32')
    tensor.set_data_from_numpy(array)
    return tensor


def infer(name='y', array=values, **options):
    wanted = None if name is None else [triton.InferRequestedOutput(name)]
    return client.infer('relu', [tensor_of(array)], outputs=wanted, **options)


def open_stream():
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    return answers


def check_metadata():
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready('relu') and client.is_model_ready('relu', '1')
    assert 'not served here' in refused('NOT_FOUND', lambda: client.is_model_ready('other'))
    extensions = client.get_server_metadata().extensions
    assert {'binary_tensor_data', 'model_repository', 'statistics'} <= set(extensions), extensions
    metadata = client.get_model_metadata('relu')
    ports = [(port.name, port.datatype, list(port.shape)) for port in metadata.inputs]
    assert ports == [('x', 'FP32', [3, 4, 5])] and list(metadata.versions) == ['1'], metadata
    index = client.get_model_repository_index()
    assert [(row.name, row.state) for row in index.models] == [('relu', 'READY')], index


def check_inferences():
    for compression in (None, 'gzip'):
        result = infer(request_id='r7', compression_algorithm=compression)
        np.testing.assert_array_equal(result.as_numpy('y'), relu)
        answer = result.get_response()
        assert answer.id == 'r7' and answer.model_version == '1', answer
        assert answer.parameters['holdfast-receipt'].string_param, answer
    np.testing.assert_array_equal(infer(name=None, model_version='1').as_numpy('y'), relu)
    answers = queue.Queue()
    for _ in range(100):
        client.async_infer('relu', [tensor_of()], lambda result, error: answers.put((result, error)))
    for _ in range(100):
        result, error = answers.get(timeout=60)
        assert error is None, error
        np.testing.assert_array_equal(result.as_numpy('y'), relu)
    assert '/inputs/0/shape' in refused('INVALID_ARGUMENT', lambda: infer(array=values[:2]))
    assert '/outputs/0/name' in refused('INVALID_ARGUMENT', lambda: infer(name='z'))
    assert 'no version' in refused('NOT_FOUND', lambda: infer(model_version='9'))
    refused('UNIMPLEMENTED', lambda: infer(compression_algorithm='deflate'))


def check_statistics():
    [before] = client.get_inference_statistics('relu', '1').model_stats
    for _ in range(3):
        infer()
    refused('INVALID_ARGUMENT', lambda: infer(name='z'))
    [after] = client.get_inference_statistics('relu').model_stats
    assert list(client.get_inference_statistics().model_stats) == [after]
    assert (after.inference_count, after.execution_count) == \
        (before.inference_count + 3, before.execution_count + 3), (before, after)
    for name, by in (('success', 3), ('fail', 1), ('queue', 3), ('compute_input', 3), ('compute_infer', 3),
                     ('compute_output', 3), ('cache_hit', 0), ('cache_miss', 0)):
        grown = getattr(after.inference_stats, name).count - getattr(before.inference_stats, name).count
        assert grown == by, (name, grown)
    [batch] = after.batch_stats
    assert batch.batch_size == 1 and batch.compute_infer.count == after.execution_count, batch
    assert after.inference_stats.success.ns >= after.inference_stats.compute_infer.ns > 0, after
    assert abs(after.last_inference / 1000 - time.time()) < 60, after.last_inference
    assert 'not served here' in refused('NOT_FOUND', lambda: client.get_inference_statistics('other'))


def check_repository():
    client.unload_model('relu')
    assert not client.is_model_ready('relu')
    assert 'unloaded' in refused('NOT_FOUND', infer)
    [row] = client.get_model_repository_index().models
    assert (row.name, row.version, row.state, row.reason) == ('relu', '1', 'UNAVAILABLE', 'unloaded'), row
    assert client.is_server_ready()
    client.unload_model('relu')
    client.load_model('relu')
    client.load_model('relu')
    assert client.is_model_ready('relu')
    np.testing.assert_array_equal(infer().as_numpy('y'), relu)
    assert 'config' in refused('INVALID_ARGUMENT', lambda: client.load_model('relu', config='{}'))
    assert 'not taken from requests' in refused(
        'INVALID_ARGUMENT', lambda: client.load_model('relu', files={'file:1/model.onnx': b'x'}))
    client.unload_model('relu', unload_dependents=True)
    assert not client.is_model_ready('relu')
    client.load_model('relu')
    refused('NOT_FOUND', lambda: client.load_model('other'))
    with grpc.insecure_channel(address) as channel:
        load = channel.unary_unary('/inference.GRPCInferenceService/RepositoryModelLoad',
                                   request_serializer=service_pb2.RepositoryModelLoadRequest.SerializeToString)
        named = service_pb2.RepositoryModelLoadRequest(repository_name='r', model_name='relu')
        assert 'repository_name' in refused('INVALID_ARGUMENT', lambda: load(named))
    assert client.is_model_ready('relu')


def check_typed():
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary('/inference.GRPCInferenceService/ModelInfer',
                                   request_serializer=service_pb2.ModelInferRequest.SerializeToString,
                                   response_deserializer=service_pb2.ModelInferResponse.FromString)
        request = service_pb2.ModelInferRequest(model_name='relu')
        tensor = request.inputs.add(name='x', datatype='FP32', shape=[3, 4, 5])
        tensor.contents.fp32_contents.extend(values.flatten())
        answer, told = call.with_call(request)
        np.testing.assert_array_equal(np.array(answer.outputs[0].contents.fp32_contents, np.float32),
                                      relu.flatten())
        assert 'holdfast-receipt' in dict(told.initial_metadata()), told.initial_metadata()
        huge = channel.unary_unary('/inference.GRPCInferenceService/ModelInfer')
        assert 'limit' in refused('RESOURCE_EXHAUSTED', lambda: huge(bytes(65 << 20)))
        refused('UNIMPLEMENTED', lambda: channel.unary_unary('/no.Such/Method')(b''))


def check_streams():
    answers = open_stream()
    for number in range(50):
        client.async_stream_infer('relu', [tensor_of()], request_id=str(number),
                                  enable_empty_final_response=True)
    for number in range(50):
        result, error = answers.get(timeout=60)
        assert error is None, error
        assert result.get_response().id == str(number)
        assert result.get_response().parameters['triton_final_response'].bool_param
        np.testing.assert_array_equal(result.as_numpy('y'), relu)
    client.async_stream_infer('other', [tensor_of()])
    _, error = answers.get(timeout=60)
    assert 'not served here' in str(error), error
    client.async_stream_infer('relu', [tensor_of()])
    assert answers.get(timeout=60)[1] is None, 'the stream goes on after an error'
    client.stop_stream()


def check_health_and_reflection():
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ('', 'inference.GRPCInferenceService'):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        refused('NOT_FOUND', lambda: health.Check(health_pb2.HealthCheckRequest(service='other')))
        check_watch(health)
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        assert services == {'inference.GRPCInferenceService', 'grpc.health.v1.Health',
                            'grpc.reflection.v1.ServerReflection',
                            'grpc.reflection.v1alpha.ServerReflection'}, services
        pool = DescriptorPool(database)
        for name in services:
            service = pool.FindServiceByName(name)
            assert service.methods, name
        compare(pool, service_pb2.DESCRIPTOR.message_types_by_name)
        compare(pool, health_pb2.DESCRIPTOR.message_types_by_name)


def watch(health, service, **options):
    """The iterator of a watch, and a function that gives the name of its next status."""
    call = health.Watch(health_pb2.HealthCheckRequest(service=service), **options)
    return call, lambda: health_pb2.HealthCheckResponse.ServingStatus.Name(next(call).status)


def check_watch(health):
    server, of_server = watch(health, '')
    model, of_model = watch(health, 'relu')
    other, of_other = watch(health, 'other')
    assert (of_server(), of_model(), of_other()) == ('SERVING', 'SERVING', 'SERVICE_UNKNOWN')
    started = time.monotonic()
    client.unload_model('relu')
    assert of_model() == 'NOT_SERVING'
    told = time.monotonic() - started
    client.load_model('relu')
    assert of_model() == 'SERVING'
    assert told < 5, told
    print(f'a watcher is told of an unloaded model {1000 * told:.0f} ms after the request to unload it')
    assert 'going' not in refused('DEADLINE_EXCEEDED', lambda: list(watch(health, '', timeout=0.5)[0]))
    for call in server, model, other:
        call.cancel()
        refused('CANCELLED', lambda: next(call))
    # Whoever goes makes room for others: many more than there may be at a time.
    for _ in range(300):
        call, status = watch(health, '')
        assert status() == 'SERVING'
        call.cancel()


def compare(pool, theirs):
    """Every field that we describe is as others have it."""
    def walk(ours, message):
        for field in ours.fields:
            other = message.fields_by_name.get(field.name)
            if other is None and field.name == 'properties':
                continue  # KServe's
            assert other is not None, (ours.full_name, field.name)
            assert (field.number, field.type, field.label) == (other.number, other.type, other.label), \
                (ours.full_name, field.name)
            if field.message_type:
                walk(field.message_type, other.message_type)
    for name, message in theirs.items():
        try:
            ours = pool.FindMessageTypeByName(message.full_name)
        except KeyError:
            continue
        walk(ours, message)


def check_drain(process):
    channel = grpc.insecure_channel(address)
    watched, status = watch(health_pb2_grpc.HealthStub(channel), '')
    assert status() == 'SERVING'
    answers = open_stream()
    client.async_stream_infer('relu', [tensor_of()])
    assert answers.get(timeout=60)[1] is None
    os.kill(process, signal.SIGTERM)
    _, error = answers.get(timeout=60)
    assert 'going away' in str(error), error
    assert status() == 'NOT_SERVING'
    assert 'going away' in refused('UNAVAILABLE', lambda: next(watched))
    channel.close()


if len(sys.argv) > 3:
    check_drain(int(sys.argv[3]))
    print('a drain is seen as one')
else:
    check_metadata()
    check_inferences()
    check_statistics()
    check_repository()
    check_typed()
    check_streams()
    check_health_and_reflection()
    print('tritonclient agrees over gRPC')
client.close()
