"""What tests/interop/tritonclient.sh runs against a server of the model relu over FP32[3,4,5] that has what is off by
default: shared memory, traces, a cache; and of a model that keeps state. Over REST and over gRPC, with Triton's own clients and its shared memory utilities.
"""

import os
import queue
import sys

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

address, log_file = sys.argv[1:]
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
        output = answer.get_output('y')
        if isinstance(output, dict):
            assert 'data' not in output and output['parameters']['shared_memory_byte_size'] == size, output
        else:
            assert output.parameters['shared_memory_byte_size'].int64_param == size, output
            assert list(answer.get_response().raw_output_contents) == [b''], answer.get_response()
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


def log_settings_of(answer):
    if isinstance(answer, dict):
        return answer
    return {key: getattr(setting, setting.WhichOneof('parameter_choice')) for key, setting in answer.settings.items()}


def check_logging(client):
    start = {'log_file': log_file, 'log_info': True, 'log_warning': True, 'log_error': True,
             'log_verbose_level': 0, 'log_format': 'JSON'}
    assert log_settings_of(client.get_log_settings()) == start, client.get_log_settings()
    changed = client.update_log_settings({'log_info': False, 'log_verbose_level': 0, 'log_file': log_file})
    assert log_settings_of(changed) == start | {'log_info': False}, changed
    assert log_settings_of(client.get_log_settings()) == start | {'log_info': False}
    assert log_settings_of(client.update_log_settings(start)) == start
    assert '/log_file: is said when' in refused(lambda: client.update_log_settings({'log_file': '/tmp/x'}))
    assert '/log_verbose_level: is 0' in refused(lambda: client.update_log_settings({'log_verbose_level': 1}))
    assert '/log_format: is JSON' in refused(lambda: client.update_log_settings({'log_format': 'ISO8601'}))
    assert '/log_color: is no setting' in refused(lambda: client.update_log_settings({'log_color': True}))
    # All or nothing.
    refused(lambda: client.update_log_settings({'log_error': False, 'log_format': 'ISO8601'}))
    assert log_settings_of(client.get_log_settings()) == start


def check_cache(triton, client, first):
    def infer(number):
        tensor = triton.InferInput('x', [3, 4, 5], 'FP32')
        tensor.set_data_from_numpy(np.full([3, 4, 5], number, np.float32))
        return client.infer('relu', [tensor]).as_numpy('y')

    def counts():
        answer = client.get_inference_statistics('relu', **({'as_json': True} if triton is grpc_client else {}))
        stats = answer['model_stats'][0]['inference_stats']
        return [int(stats[name].get('count', 0)) for name in ('success', 'cache_hit', 'cache_miss', 'compute_infer')]

    before = counts()
    for number in (first, first, first + 1, first):
        np.testing.assert_array_equal(infer(number), np.full([3, 4, 5], number, np.float32))
    assert [after - base for after, base in zip(counts(), before)] == [4, 2, 2, 2], (before, counts())


def check_sequences(triton, client, name):
    def add(value, sequence_id, start=False, end=False):
        tensor = triton.InferInput('x', [2], 'FP32')
        tensor.set_data_from_numpy(np.array([value, 1], np.float32))
        answer = client.infer('sum', [tensor], sequence_id=sequence_id, sequence_start=start, sequence_end=end)
        return answer.as_numpy('y').tolist()

    assert add(1, 42, start=True) == [1, 1]
    assert add(5, name, start=True) == [5, 1]
    assert add(2, 42) == [3, 2]
    assert add(5, name) == [10, 2]
    assert add(3, 42, end=True) == [6, 3]
    assert 'begin again' in refused(lambda: add(3, 42))
    assert 'sequence_id' in refused(lambda: add(3, 0))
    assert add(0, name, end=True) == [10, 3]


def check_sequence_in_a_stream(client):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for step in range(20):
        tensor = grpc_client.InferInput('x', [2], 'FP32')
        tensor.set_data_from_numpy(np.array([step, 1], np.float32))
        client.async_stream_infer('sum', [tensor], sequence_id=43, sequence_start=step == 0, sequence_end=step == 19)
    for step in range(20):
        result, error = answers.get(timeout=60)
        assert error is None, error
        assert result.as_numpy('y').tolist() == [step * (step + 1) / 2, step + 1], (step, result.as_numpy('y'))
    client.stop_stream()


for triton in (http_client, grpc_client):
    client = triton.InferenceServerClient(address)
    metadata = client.get_server_metadata()
    extensions = metadata['extensions'] if isinstance(metadata, dict) else metadata.extensions
    assert {'system_shared_memory', 'trace', 'logging', 'sequence', 'sequence(string_id)'} <= set(extensions), extensions
    check_shared_memory(triton, client)
    check_trace(client)
    check_logging(client)
    check_cache(triton, client, 10 if triton is http_client else 20)
    check_sequences(triton, client, 'text-' + triton.__name__)
    if triton is grpc_client:
        check_sequence_in_a_stream(client)
    client.close()
print('tritonclient agrees on shared memory, trace and log settings, the cache and sequences')
