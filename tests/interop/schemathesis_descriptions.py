"""Makes what tests/interop/schemathesis.sh judges by, from docs/openapi/inference.yaml.

closed.yaml: answers have no fields but those that are described, and a token is needed. neg.yaml: the same, and inference requests are those
that the model neg takes, which has one input x and one output y over FP32[2].
"""

import copy
import sys

import yaml

REQUESTS = ('InferenceRequest', 'RequestInput', 'RequestOutput')


def close(schema):
    """No property but those that are listed, where any are."""
    if isinstance(schema, list):
        for part in schema:
            close(part)
    elif isinstance(schema, dict):
        for part in schema.values():
            close(part)
        if schema.get('type') == 'object' and 'properties' in schema:
            schema.setdefault('additionalProperties', False)


def closed(description):
    description = copy.deepcopy(description)
    for name, schema in description['components']['schemas'].items():
        if name not in REQUESTS:
            close(schema)
    close(description['components']['responses'])
    description['security'].remove({})
    return description


def narrowed(description):
    description = copy.deepcopy(description)
    components = description['components']
    schemas = components['schemas']
    properties = schemas['RequestInput']['properties']
    properties['name'] = {'const': 'x'}
    properties['shape'] = {'const': [2]}
    properties['datatype'] = {'const': 'FP32'}
    properties['data'] = {'type': 'array', 'items': {'type': ['number', 'null']}, 'minItems': 2, 'maxItems': 2}
    schemas['InferenceRequest']['properties']['inputs'].update(minItems=1, maxItems=1)
    schemas['RequestOutput']['properties']['name'] = {'const': 'y'}
    schemas['InferenceRequest']['properties']['outputs']['maxItems'] = 1
    del components['requestBodies']['Inference']['content']['application/octet-stream']
    for path in description['paths'].values():
        for operation in path.values():
            if isinstance(operation, dict) and operation['operationId'].startswith('infer'):
                operation['parameters'] = []
    return description


with open(sys.argv[1], encoding='utf-8') as file:
    whole = closed(yaml.safe_load(file))
for name, made in (('closed', whole), ('neg', narrowed(whole))):
    with open(f'{sys.argv[2]}/{name}.yaml', 'w', encoding='utf-8') as file:
        yaml.safe_dump(made, file, sort_keys=False)
