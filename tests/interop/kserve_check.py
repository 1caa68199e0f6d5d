"""What tests/interop/kserve.sh runs against a server of the model relu over FP32[3,4,5]."""

import asyncio
import sys

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.logging import trace_logger
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from kserve.protocol.infer_type import RequestedOutput

address = sys.argv[1]
url = 'http://' + address
values = np.linspace(-3, 3, 60, dtype=np.float32).reshape(3, 4, 5)
relu = np.maximum(values, 0)
trace_logger.disabled = True  # it logs each refusal that is wanted here


def request_of(binary=True, array=values, output='y', model='relu', **options):
    tensor = InferInput('x', list(array.shape), 'FP32')
    tensor.set_data_from_numpy(array, binary_data=binary)
    wanted = None if output is None else [RequestedOutput(output)]
    return InferRequest(model, [tensor], request_outputs=wanted, **options)


def check_answer(answer, request_id=None):
    [output] = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ('y', 'FP32', [3, 4, 5]), output
    np.testing.assert_array_equal(output.as_numpy().reshape(3, 4, 5), relu)
    assert answer.model_name == 'relu', answer.model_name
    assert request_id is None or answer.id == request_id, answer.id


async def refused(status, call):
    try:
        await call
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == status, error
        return error.response.json()['error']
    except grpc.RpcError as error:
        assert error.code().name == status, error
        return error.details()
    raise AssertionError('was not refused')


async def check_rest():
    async with InferenceRESTClient(RESTConfig(protocol='v2')) as client:
        assert await client.is_server_live(url) is True
        assert await client.is_server_ready(url) is True
        assert await client.is_model_ready(url, 'relu') is True
        assert await client.is_model_ready(url, 'other') is False
        for binary in (False, True):
            for binary_output in (False, True):
                headers = {}
                options = {'parameters': {'binary_data_output': True}} if binary_output else {}
                request = request_of(binary, request_id='r7', **options)
                answer = await client.infer(url, request, model_name='relu', response_headers=headers)
                check_answer(answer, 'r7')
                assert ('inference-header-content-length' in headers) == binary_output, headers
                assert headers['holdfast-receipt'] and headers['holdfast-model-digest'], headers
        check_answer(await client.infer(url, request_of(output=None), model_name='relu'))
        plain = {'inputs': [{'name': 'x', 'shape': [3, 4, 5], 'datatype': 'FP32', 'data': values.tolist()}]}
        check_answer(await client.infer(url, plain, model_name='relu'))
        for answer in await asyncio.gather(
                *(client.infer(url, request_of(), model_name='relu') for _ in range(20))):
            check_answer(answer)

        def infer(**options):
            return client.infer(url, request_of(**options), model_name=options.get('model', 'relu'))

        assert '/inputs/0/shape' in await refused(400, infer(array=values[:2]))
        assert '/inputs/0/shape' in await refused(400, infer(array=values[:2], binary=False))
        assert '/outputs/0/name' in await refused(400, infer(output='z'))
        assert 'not served here' in await refused(404, infer(model='other'))


async def check_grpc():
    async with InferenceGRPCClient(address) as client:
        assert await client.is_server_live() is True
        assert await client.is_server_ready() is True
        assert await client.is_model_ready('relu') is True
        assert 'not served here' in await refused('NOT_FOUND', client.is_model_ready('other'))
        for binary in (False, True):
            answer = await client.infer(request_of(binary, request_id='r7', model_version='1'))
            check_answer(answer, 'r7')
            assert answer.model_version == '1', answer.model_version
            assert answer.parameters['holdfast-receipt'].string_param, answer.parameters
        check_answer(await client.infer(request_of(output=None)))
        for answer in await asyncio.gather(*(client.infer(request_of()) for _ in range(20))):
            check_answer(answer)
        assert '/inputs/0/shape' in await refused('INVALID_ARGUMENT', client.infer(request_of(array=values[:2])))
        assert '/outputs/0/name' in await refused('INVALID_ARGUMENT', client.infer(request_of(output='z')))
        assert 'not served here' in await refused('NOT_FOUND', client.infer(request_of(model='other')))
        assert 'no version' in await refused('NOT_FOUND', client.infer(request_of(model_version='9')))


async def check_messages():
    """The calls that KServe's client has no methods for, in KServe's messages."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        server = await stub.ServerMetadata(messages.ServerMetadataRequest())
        assert server.name == 'holdfast' and 'model_repository' in server.extensions, server
        model = await stub.ModelMetadata(messages.ModelMetadataRequest(name='relu', version='1'))
        ports = [(port.name, port.datatype, list(port.shape)) for port in model.inputs]
        assert ports == [('x', 'FP32', [3, 4, 5])] and list(model.versions) == ['1'], model
        assert (await stub.ModelReady(messages.ModelReadyRequest(name='relu', version='1'))).ready

        unload = messages.RepositoryModelUnloadRequest(model_name='relu')
        for _ in range(2):
            unloaded = await stub.RepositoryModelUnload(unload)
            assert (unloaded.model_name, unloaded.isUnloaded) == ('relu', True), unloaded
        assert not (await stub.ModelReady(messages.ModelReadyRequest(name='relu'))).ready
        load = messages.RepositoryModelLoadRequest(model_name='relu')
        for _ in range(2):
            loaded = await stub.RepositoryModelLoad(load)
            assert (loaded.model_name, loaded.isLoaded) == ('relu', True), loaded
        assert (await stub.ModelReady(messages.ModelReadyRequest(name='relu'))).ready
        stranger = messages.RepositoryModelLoadRequest(model_name='other')
        assert 'relu' in await refused('NOT_FOUND', stub.RepositoryModelLoad(stranger))


async def check():
    await check_rest()
    await check_grpc()
    await check_messages()


asyncio.run(check())
print('kserve agrees, over REST and gRPC')
