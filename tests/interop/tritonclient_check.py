"""What tests/interop/tritonclient.sh runs against a server of the model relu over FP32[3,4,5]."""

import sys
import time

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1], concurrency=4)
values = np.linspace(-3, 3, 60, dtype=np.float32).reshape(3, 4, 5)


def infer(binary_in, binary_out, name='y', array=values, **options):
    tensor = http.InferInput('x', list(array.shape), 'FP32')
    tensor.set_data_from_numpy(array, binary_data=binary_in)
    wanted = None if name is None else [http.InferRequestedOutput(name, binary_data=binary_out)]
    return client.infer('relu', [tensor], outputs=wanted, **options)


def refused(status, call):
    try:
        call()
    except InferenceServerException as error:
        assert str(error.status()) == str(status), error.status()
        return str(error.message())
    raise AssertionError('was not refused')


assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready('relu') and client.is_model_ready('relu', '1')
assert not client.is_model_ready('other')
extensions = client.get_server_metadata()['extensions']
assert {'binary_tensor_data', 'model_repository', 'statistics'} <= set(extensions), extensions
metadata = client.get_model_metadata('relu')
assert metadata['inputs'] == [{'name': 'x', 'datatype': 'FP32', 'shape': [3, 4, 5]}], metadata
assert [row['name'] for row in client.get_model_repository_index()] == ['relu']

for binary_in in (False, True):
    for binary_out in (False, True):
        result = infer(binary_in, binary_out, request_id='r7')
        np.testing.assert_array_equal(result.as_numpy('y'), np.maximum(values, 0))
        answer = result.get_response()
        assert answer['id'] == 'r7' and answer['model_version'] == '1', answer
        assert ('data' in answer['outputs'][0]) != binary_out
np.testing.assert_array_equal(infer(True, True, name=None).as_numpy('y'), np.maximum(values, 0))
np.testing.assert_array_equal(infer(True, True, model_version='1').as_numpy('y'), np.maximum(values, 0))

pending = []
for _ in range(20):
    tensor = http.InferInput('x', [3, 4, 5], 'FP32')
    tensor.set_data_from_numpy(values)
    pending.append(client.async_infer('relu', [tensor]))
for request in pending:
    np.testing.assert_array_equal(request.get_result().as_numpy('y'), np.maximum(values, 0))

assert '/inputs/0/shape' in refused(400, lambda: infer(True, True, array=values[:2]))
assert '/outputs/0/name' in refused(400, lambda: infer(True, True, name='z'))
assert 'no version' in refused(404, lambda: infer(True, True, model_version='9'))
assert 'Content-Encoding' in refused(415, lambda: infer(True, True, request_compression_algorithm='gzip'))
refused(404, lambda: client.get_model_metadata('other'))

[before] = client.get_inference_statistics('relu', '1')['model_stats']
for _ in range(3):
    infer(True, True)
refused(400, lambda: infer(True, True, name='z'))
[after] = client.get_inference_statistics('relu')['model_stats']
assert after == client.get_inference_statistics()['model_stats'][0]
for key in ('inference_count', 'execution_count'):
    assert after[key] == before[key] + 3, (key, before, after)
grown = {key: one['count'] - before['inference_stats'][key]['count'] for key, one in after['inference_stats'].items()}
assert grown == {'success': 3, 'fail': 1, 'queue': 3, 'compute_input': 3, 'compute_infer': 3, 'compute_output': 3,
                 'cache_hit': 0, 'cache_miss': 0}, grown
[batch] = after['batch_stats']
assert batch['batch_size'] == 1 and batch['compute_infer']['count'] == after['execution_count'], batch
assert after['inference_stats']['success']['ns'] >= after['inference_stats']['compute_infer']['ns'] > 0, after
assert abs(after['last_inference'] / 1000 - time.time()) < 60, after['last_inference']
refused(404, lambda: client.get_inference_statistics('other'))

client.unload_model('relu')
assert not client.is_model_ready('relu')
assert 'unloaded' in refused(404, lambda: infer(True, True))
[row] = client.get_model_repository_index()
assert (row['name'], row['state'], row['reason']) == ('relu', 'UNAVAILABLE', 'unloaded'), row
assert client.is_server_ready()
client.unload_model('relu')
client.load_model('relu')
client.load_model('relu')
assert client.is_model_ready('relu')
np.testing.assert_array_equal(infer(True, True).as_numpy('y'), np.maximum(values, 0))
assert 'config' in refused(400, lambda: client.load_model('relu', config='{}'))
assert 'not taken from requests' in refused(
    400, lambda: client.load_model('relu', files={'file:1/model.onnx': b'x'}))
client.unload_model('relu', unload_dependents=True)
assert not client.is_model_ready('relu')
client.load_model('relu')
refused(404, lambda: client.load_model('other'))
assert client.is_model_ready('relu')
client.close()
print('tritonclient agrees')
