"""Drives the resource API through the Python package kubernetes; exits 1 at the first surprise."""

import sys

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

config.load_kube_config(config_file=sys.argv[1])
api = client.CustomObjectsApi()
WHERE = ('holdfast.dev', 'v1', 'default', 'services')


def service(name):
    return {'apiVersion': 'holdfast.dev/v1', 'kind': 'Service', 'metadata': {'name': name},
            'spec': {'model': name + ':v1'}}


def refusal(code, act, *arguments, **options):
    try:
        act(*arguments, **options)
    except ApiException as error:
        assert error.status == code, (code, error.status, error.body)
        return error
    raise AssertionError(f'{act.__name__} should have been refused with {code}')


created = api.create_namespaced_custom_object(*WHERE, service('saw'))
assert created['spec']['device'] == 'auto' and created['metadata']['uid'], created
refusal(409, api.create_namespaced_custom_object, *WHERE, service('saw'))
refusal(422, api.create_namespaced_custom_object, *WHERE, {**service('bad'), 'spec': {'model': '?'}})
refusal(404, api.get_namespaced_custom_object, *WHERE, 'nothing')
assert client.VersionApi().get_code().major == '1'
assert [n.metadata.name for n in client.CoreV1Api().list_namespace().items][0] == 'default'

listed = api.list_namespaced_custom_object(*WHERE)
names = [item['metadata']['name'] for item in listed['items']]
assert 'saw' in names, names

patched = api.patch_namespaced_custom_object(*WHERE, 'saw', {'metadata': {'labels': {'line': '7'}}})
assert patched['metadata']['labels'] == {'line': '7'}, patched
assert len(api.list_namespaced_custom_object(*WHERE, label_selector='line=7')['items']) == 1
stale = dict(created, spec={'model': 'saw:v2'})
refusal(409, api.replace_namespaced_custom_object, *WHERE, 'saw', stale)
fresh = api.get_namespaced_custom_object(*WHERE, 'saw')
fresh['spec']['model'] = 'saw:v2'
assert api.replace_namespaced_custom_object(*WHERE, 'saw', fresh)['metadata']['generation'] == 2
with_status = api.patch_namespaced_custom_object_status(*WHERE, 'saw', {'status': {'url': 'http://x'}})
assert with_status['status']['url'] == 'http://x' and with_status['metadata']['generation'] == 2

# A watch from the list's version sees all that came after it, in order.
api.delete_namespaced_custom_object(*WHERE, 'saw')
seen = []
for event in watch.Watch().stream(api.list_namespaced_custom_object, *WHERE, timeout_seconds=20,
                                  resource_version=listed['metadata']['resourceVersion']):
    seen.append((event['type'], event['object']['metadata']['name']))
    if event['type'] == 'DELETED':
        break
assert seen == [('MODIFIED', 'saw')] * 3 + [('DELETED', 'saw')], seen
# One that has nothing to tell ends when its time is up.
latest = api.list_namespaced_custom_object(*WHERE)['metadata']['resourceVersion']
assert list(watch.Watch().stream(api.list_namespaced_custom_object, *WHERE, timeout_seconds=1,
                                 resource_version=latest)) == []
access = client.AuthorizationV1Api().create_self_subject_access_review(
    {'spec': {'resourceAttributes': {'verb': 'list', 'group': 'holdfast.dev', 'resource': 'nodes'}}})
assert access.status.allowed
print('the package kubernetes agrees')
