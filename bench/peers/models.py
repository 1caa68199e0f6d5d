"""Which models are measured, and the two files of each: ours and the peer's."""

import pathlib
from dataclasses import dataclass, replace

import numpy as np

import networks
import quantized
from twins import Twin


@dataclass
class Entry:
    kind: str  # of KINDS
    name: str
    ours: str  # a file that Holdfast reads
    peer: str  # the same layers and numbers as ONNX
    nhwc: bool = False  # ours takes images channels-last


TINY = {'fp32': {'ad': 'ad01_fp32', 'kws': 'kws_ref_model_float32', 'ic': 'pretrainedResnet', 'vww': 'vww_96_float'},
        'int8': {'ad': 'ad01_int8', 'kws': 'kws_ref_model', 'ic': 'pretrainedResnet_quant', 'vww': 'vww_96_int8'}}
LARGE = {'fp32': ('mobilenet_v1', 'mobilenet_v2', 'resnet50', 'bert_tiny', 'minilm_l6'),
         'int8': ('mobilenet_v1', 'mobilenet_v2', 'resnet50')}


KINDS = ('fp32', 'int8', 'bf16')
BF16 = ('ic', 'mobilenet_v1', 'mobilenet_v2', 'resnet50', 'bert_tiny', 'minilm_l6')  # the fp32 files, ours in bf16


def once(path, make):
    if not path.exists():
        partial = path.with_name('partial-' + path.name)
        make(partial)
        partial.rename(path)
    return str(path)


def generated(name, data, folder, seed):
    if name == 'resnet50':
        topology = data / 'onnx-light/light_resnet50.onnx'
        return once(folder / f'{name}.onnx', lambda path: networks.resnet50(path, seed, topology))
    return once(folder / f'{name}.onnx', lambda path: networks.GENERATED[name](path, seed))


def entries(data, folder, seed):
    """All of them; makes what is not in `folder` yet."""
    found = []
    for kind, names in TINY.items():
        for name, stem in names.items():
            source = str(data / f'mlperf-tiny/{stem}.tflite')
            twin = once(folder / f'{stem}.onnx', lambda path, source=source: path.write_bytes(Twin(source).build()))
            found.append(Entry(kind, name, source, twin, nhwc=True))
        for name in LARGE[kind]:
            path = generated(name, data, folder, seed)
            if kind == 'int8':
                target = folder / f'{name}_int8.onnx'
                path = once(target, lambda partial, source=path: quantized.quantize(pathlib.Path(source), partial, seed))
            found.append(Entry(kind, name, path, path))
    found += [replace(entry, kind='bf16') for entry in found if entry.kind == 'fp32' and entry.name in BF16]
    return found


def draw(rng, source):
    """A tensor for an input of the peer's session."""
    if source.type == 'tensor(int8)':
        return rng.integers(-128, 128, source.shape).astype(np.int8)
    if source.type == 'tensor(int64)':
        return np.ones(source.shape, np.int64) if 'mask' in source.name else rng.integers(0, 1000, source.shape)
    return rng.uniform(-1, 1, source.shape).astype(np.float32)
