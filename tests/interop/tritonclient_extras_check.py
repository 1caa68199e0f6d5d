"""What tests/interop/tritonclient.sh runs against a server of the model relu over FP32[3,4,5] that has what is off by
default: shared memory, traces. Over REST and over gRPC, with Triton's own clients and its shared memory utilities.
"""

import os
import sys

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

address = sys.argv[1]
values = np.linspace(-3, 3, 60, dtype=np.float32).reshape(3, 4, 5)
relu = np.maximum(values, 0)
size = values.nbytes


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return str(error.message())
    raise AssertionError('was not refused')


def regions(client):
    rows = client.get_system_shared_memory_status()
    if isinstance(rows, list):
        return {row['name']: (row['key'], row['offset'], row['byte_size']) for row in rows}
    return {name: (row.key, row.offset, row.byte_size) for name, row in rows.regions.items()}


def placed_input(triton, region='in', offset=0, byte_size=size):
    tensor = triton.InferInput('x', [3, 4, 5], 'FP32')
    tensor.set_shared_memory(region, byte_size, offset)
    return [tensor]


def placed_output(triton, region='out', byte_size=size, offset=0):
    wanted = triton.InferRequestedOutput('y')
    wanted.set_shared_memory(region, byte_size, offset)
    return [wanted]


def plain_input(triton):
    tensor = triton.InferInput('x', [3, 4, 5], 'FP32')
    tensor.set_data_from_numpy(values)
    return [tensor]


def check_shared_memory(triton, client):
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    assert regions(client) == {}
    source = shm.create_shared_memory_region('in', '/holdfast_test_in', 2 * size)
    target = shm.create_shared_memory_region('out', '/holdfast_test_out', size)
    try:
        shm.set_shared_memory_region(source, [np.zeros_like(values), values])
        client.register_system_shared_memory('in', '/holdfast_test_in', 2 * size)
        client.register_system_shared_memory('out', '/holdfast_test_out', size)
        assert regions(client) == {'in': ('/holdfast_test_in', 0, 2 * size), 'out': ('/holdfast_test_out', 0, size)}

        # In and out, out alone, in alone.
        answer = client.infer('relu', placed_input(triton, offset=size), outputs=placed_output(triton))
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target, np.float32, [3, 4, 5]), relu)
        assert answer.as_numpy('y') is None or answer.as_numpy('y').size == 0
        shm.set_shared_memory_region(target, [np.zeros_like(values)])
        client.infer('relu', plain_input(triton), outputs=placed_output(triton))
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target, np.float32, [3, 4, 5]), relu)
        answer = client.infer('relu', placed_input(triton, offset=size))
        np.testing.assert_array_equal(answer.as_numpy('y'), relu)

        assert 'registered' in refused(
            lambda: client.register_system_shared_memory('in', '/holdfast_test_in', size))
        assert 'not within' in refused(
            lambda: client.register_system_shared_memory('big', '/holdfast_test_in', 2 * size + 1))
        assert 'not within' in refused(
            lambda: client.register_system_shared_memory('far', '/holdfast_test_in', 1, offset=1 << 62))
        for key in ('/holdfast_test_nothing', '/../../etc/hostname', '/..', '/'):
            refused(lambda key=key: client.register_system_shared_memory('bad', key, 1))
        assert 'not within region' in refused(lambda: client.infer('relu', placed_input(triton, offset=size + 1)))
        assert 'byte_size' in refused(lambda: client.infer('relu', placed_input(triton, byte_size=size - 4)))
        assert 'no shared memory region' in refused(lambda: client.infer('relu', placed_input(triton, region='gone')))
        assert 'and the output has' in refused(
            lambda: client.infer('relu', plain_input(triton), outputs=placed_output(triton, byte_size=size - 4)))

        # Cut under the server, which must get an error, and no signal.
        os.truncate('/dev/shm/holdfast_test_in', 16)
        os.truncate('/dev/shm/holdfast_test_out', 16)
        assert 'shorter' in refused(lambda: client.infer('relu', placed_input(triton)))
        assert 'shorter' in refused(
            lambda: client.infer('relu', plain_input(triton), outputs=placed_output(triton)))
        assert os.stat('/dev/shm/holdfast_test_out').st_size == 16
        assert client.is_server_live()

        client.unregister_system_shared_memory('in')
        assert set(regions(client)) == {'out'}
        refused(lambda: client.get_system_shared_memory_status('in'))
        client.unregister_system_shared_memory()
        assert regions(client) == {}
        assert 'no shared memory region' in refused(lambda: client.infer('relu', placed_input(triton)))
        assert 'CUDA' in refused(lambda: client.register_cuda_shared_memory('c', b'aGFuZGxl', 0, 8))
    finally:
        os.truncate('/dev/shm/holdfast_test_in', 2 * size)
        os.truncate('/dev/shm/holdfast_test_out', size)
        shm.destroy_shared_memory_region(source)
        shm.destroy_shared_memory_region(target)


def settings_of(answer):
    if isinstance(answer, dict):
        return {key: value if isinstance(value, list) else [value] for key, value in answer.items()}
    return {key: list(setting.value) for key, setting in answer.settings.items()}


def check_trace(client):
    start = {'trace_level': ['TIMESTAMPS'], 'trace_rate': ['10'], 'trace_count': ['-1'],
             'trace_mode': ['opentelemetry']}
    assert settings_of(client.get_trace_settings()) == start, client.get_trace_settings()
    assert settings_of(client.get_trace_settings('relu')) == start
    changed = client.update_trace_settings(model_name='relu', settings={'trace_rate': '1', 'trace_count': '5'})
    assert settings_of(changed) == start | {'trace_rate': ['1'], 'trace_count': ['5']}, changed
    assert settings_of(client.get_trace_settings()) == start
    changed = client.update_trace_settings(settings={'trace_level': ['OFF']})
    assert settings_of(changed)['trace_level'] == ['OFF'], changed
    assert settings_of(client.get_trace_settings('relu'))['trace_level'] == ['TIMESTAMPS']
    changed = client.update_trace_settings(settings={'trace_level': None})
    assert settings_of(changed) == start, changed
    changed = client.update_trace_settings(model_name='relu', settings={'trace_rate': None, 'trace_count': None})
    assert settings_of(changed) == start, changed
    assert 'no file is written' in refused(lambda: client.update_trace_settings(settings={'trace_file': '/tmp/x'}))
    assert 'TENSORS' in refused(lambda: client.update_trace_settings(settings={'trace_level': ['TENSORS']}))
    assert 'not served here' in refused(lambda: client.get_trace_settings('other'))


for triton in (http_client, grpc_client):
    client = triton.InferenceServerClient(address)
    metadata = client.get_server_metadata()
    extensions = metadata['extensions'] if isinstance(metadata, dict) else metadata.extensions
    assert {'system_shared_memory', 'trace'} <= set(extensions), extensions
    check_shared_memory(triton, client)
    check_trace(client)
    client.close()
print('tritonclient agrees on shared memory and trace settings')
