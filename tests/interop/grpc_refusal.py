"""How a call of gRPC is refused, of whichever client: for the checks beside to import."""

import grpc
from tritonclient.utils import InferenceServerException


def refused(code, call):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == f'StatusCode.{code}', (error.status(), error.message())
        return error.message()
    except grpc.RpcError as error:
        assert error.code().name == code, error
        return error.details()
    raise AssertionError('was not refused')
