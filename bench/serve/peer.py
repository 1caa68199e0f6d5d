"""The server that people write: FastAPI around ONNX Runtime, answering the Open Inference Protocol's JSON.

usage: peer.py MODEL PORT
"""

import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])
app = FastAPI()


@app.get('/v2/health/ready')
async def ready():
    return {'ready': True}


@app.post('/v2/models/tiny/infer')
async def infer(request: Request):
    body = await request.json()
    inputs = {i['name']: np.array(i['data'], np.float32).reshape(i['shape']) for i in body['inputs']}
    outputs = session.run(None, inputs)
    return {'model_name': 'tiny', 'outputs': [
        {'name': o.name, 'datatype': 'FP32', 'shape': list(v.shape), 'data': v.ravel().tolist()}
        for o, v in zip(session.get_outputs(), outputs)]}


uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[2]), log_level='warning', loop='uvloop', http='httptools',
            access_log=False)
