"""fp32 networks as int8 QDQ models, quantised by ONNX Runtime's own tool: int8 weights a channel, uint8 activations.

Every bias has the scale x_scale * w_scale, without which ONNX Runtime leaves convolutions in fp32 and says nothing.
"""

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

CALIBRATION_RUNS = 8


class Draws(quantization.CalibrationDataReader):
    """Seeded inputs; what is calibrated computes nothing that means anything either."""

    def __init__(self, path, seed):
        self.inputs = onnx.load(path, load_external_data=False).graph.input
        self.rng, self.left = np.random.default_rng(seed), CALIBRATION_RUNS

    def get_next(self):
        if self.left == 0:
            return None
        self.left -= 1
        return {i.name: self.rng.uniform(-1, 1, [d.dim_value for d in i.type.tensor_type.shape.dim]).astype(np.float32)
                for i in self.inputs}


def quantize(source, target, seed):
    prepared = target.with_suffix('.prepared.onnx')
    shape_inference.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantization.quantize_static(str(prepared), str(target), Draws(str(prepared), seed),
                                 quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
    prepared.unlink()
    return target
