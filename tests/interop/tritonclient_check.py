"""What tests/interop/tritonclient.sh runs against a server of the model relu over FP32[3,4,5]."""

import sys

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
assert 'binary_tensor_data' in client.get_server_metadata()['extensions']
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
client.close()
print('tritonclient agrees')
