"""What tests/interop/tritonclient.sh runs against a server of a folder of versions: the model m over FP32[3,4,5] is relu
in version 1 and sigmoid in version 2. Over REST and over gRPC. ADDRESS FOLDER RELU: FOLDER is the model's, RELU a file.
"""

import os
import shutil
import sys

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
from tritonclient.utils import InferenceServerException

address, folder, relu_file = sys.argv[1:]
values = np.linspace(-3, 3, 60, dtype=np.float32).reshape(3, 4, 5)
relu, sigmoid = np.maximum(values, 0), 1 / (1 + np.exp(-values))


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return str(error.message())
    raise AssertionError('was not refused')


def check(triton, client):
    as_json = {'as_json': True} if triton is grpc_client else {}

    def infer(version=''):
        tensor = triton.InferInput('x', [3, 4, 5], 'FP32')
        tensor.set_data_from_numpy(values)
        answer = client.infer('m', [tensor], model_version=version)
        response = answer.get_response()
        return answer.as_numpy('y'), response['model_version'] if isinstance(response, dict) else response.model_version

    def index():
        rows = client.get_model_repository_index(**as_json)
        rows = rows if isinstance(rows, list) else rows.get('models', [])
        return [(row['name'], row['version'], row['state']) for row in rows]

    assert index() == [('m', '1', 'READY'), ('m', '2', 'READY')], index()
    assert client.get_model_metadata('m', **as_json)['versions'] == ['1', '2']
    assert client.get_model_metadata('m', '1', **as_json)['versions'] == ['1', '2']
    for version, want, said in (('1', relu, '1'), ('2', sigmoid, '2'), ('', sigmoid, '2')):
        got, by = infer(version)
        np.testing.assert_allclose(got, want, rtol=1e-5)
        assert by == said, (version, by)
        assert client.is_model_ready('m', version)
    assert "it has '2', '1'" in refused(lambda: infer('3'))
    counts = {row['version']: int(row['inference_count'])
              for row in client.get_inference_statistics('m', **as_json)['model_stats']}
    [one] = client.get_inference_statistics('m', '1', **as_json)['model_stats']
    assert set(counts) == {'1', '2'} and int(one['inference_count']) == counts['1'], (counts, one)

    # Another version, and away again.
    os.mkdir(f'{folder}/3')
    shutil.copy(relu_file, f'{folder}/3/model.onnx')
    client.load_model('m')
    assert index() == [('m', '1', 'READY'), ('m', '2', 'READY'), ('m', '3', 'READY')], index()
    np.testing.assert_array_equal(infer()[0], relu)
    shutil.rmtree(f'{folder}/3')
    client.load_model('m')
    assert 'no version' in refused(lambda: infer('3'))
    client.unload_model('m')
    assert index() == [('m', '1', 'UNAVAILABLE'), ('m', '2', 'UNAVAILABLE')], index()
    assert not client.is_model_ready('m') and not client.is_model_ready('m', '1')
    client.load_model('m')
    assert infer()[1] == '2'


for triton in (http_client, grpc_client):
    with triton.InferenceServerClient(address) as client:
        check(triton, client)
print('tritonclient agrees on versions')
