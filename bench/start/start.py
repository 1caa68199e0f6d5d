"""Prints what a start costs: see run.sh. Aims are those of docs/adr/0013."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess

TINY = {'ad fp32': 'ad01_fp32', 'kws fp32': 'kws_ref_model_float32', 'ic fp32': 'pretrainedResnet',
        'vww fp32': 'vww_96_float', 'ad int8': 'ad01_int8', 'kws int8': 'kws_ref_model',
        'ic int8': 'pretrainedResnet_quant', 'vww int8': 'vww_96_int8'}


def processor():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def shared_libraries(program):
    """The bytes of each library that the loader brings along, but for those of glibc and the vDSO."""
    out = subprocess.run(['ldd', str(program)], check=True, capture_output=True, text=True).stdout
    pairs = [line.split(' => ') for line in out.splitlines() if ' => ' in line]
    found = {name.strip(): rest.split(' (')[0] for name, rest in pairs}
    return {name: os.path.getsize(path) for name, path in found.items()
            if not name.startswith(('libc.', 'libm.', 'libdl.', 'libpthread.'))}


class Bench:
    def __init__(self, build, models, starts):
        self.build, self.models, self.starts = build, models, starts
        self.folder = build / 'bench-start'
        self.holdfast, self.runner = str(build / 'holdfast'), str(build / 'holdfast-run')
        self.micro = str(build / 'holdfast-micro')

    def compile(self, source, name):
        path = self.folder / name
        where = ('--executable',) if name.endswith('.exe') else ('-o',)
        subprocess.run([self.holdfast, 'compile', str(source), *where, str(path)], check=True,
                       stdout=subprocess.DEVNULL)
        return str(path)

    def measure(self, *words):
        command = [str(self.folder / 'measure'), *map(str, words)]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        return [[float(word) for word in line.split()] for line in out.stdout.splitlines()]

    def start_ms(self, command, starts):
        """The median of the times to the first output, and the least."""
        self.measure('time', 2, *command)
        times = [row[0] / 1e3 for row in self.measure('time', starts, *command)]
        return {'ms': statistics.median(times), 'least_ms': min(times)}

    def row(self, what, command, starts):
        resident, dirty, peak = self.measure('memory', *command)[0]
        return {'what': what, **self.start_ms(command, starts), 'resident_kib': resident, 'dirty_kib': dirty,
                'peak_kib': peak}

    def tiny(self):
        for label, stem in TINY.items():
            plan = self.compile(self.models / f'mlperf-tiny/{stem}.tflite', f'{stem}.plan')
            words = ['--input', 'zeros']
            yield self.row(f'holdfast run {label}', [self.holdfast, 'run', plan, *words], self.starts)
            yield self.row(f'holdfast-run {label}', [self.runner, plan, *words], self.starts)
            program = self.compile(self.models / f'mlperf-tiny/{stem}.tflite', f'{stem}.exe')
            yield self.row(f'own program {label}', [program, *words], self.starts)

    def large(self):
        source = self.models / 'onnx-light/light_resnet50.onnx'
        few = max(3, self.starts // 10)
        plan = self.compile(source, 'resnet50.plan')
        pathlib.Path(plan).read_bytes()  # into the page cache
        yield self.row('holdfast run resnet50', [self.holdfast, 'run', plan, '--input', 'zeros'], few)
        yield self.row('holdfast-run resnet50', [self.runner, plan, '--input', 'zeros'], few)
        yield {'what': 'holdfast-run resnet50, opened only', **self.start_ms([self.runner, plan, '--steps'], few)}

    def sizes(self):
        program = self.folder / 'kws_ref_model.exe'
        for path in (self.runner, self.micro, program):
            yield {'what': pathlib.Path(path).name, 'bytes': os.path.getsize(path)}
        for name in ('holdfast-agent', 'holdfast'):
            stripped = self.folder / f'{name}.stripped'
            subprocess.run(['strip', '-o', str(stripped), str(self.build / name)], check=True)
            row = {'what': f'{name}, stripped', 'bytes': os.path.getsize(stripped)}
            libraries = shared_libraries(stripped)
            yield {**row, 'libraries': libraries, 'libraries_bytes': sum(libraries.values())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('models', type=pathlib.Path)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--starts', type=int, default=100)
    given = parser.parse_args()
    bench = Bench(given.build, given.models, given.starts)
    os.sync()  # pages of a file that is not on the disk yet would count as dirty
    empty = {'what': 'holdfast-run --help', **bench.start_ms([bench.runner, '--help'], given.starts)}
    result = {'how': 'measured', 'machine': processor(), 'cpus': os.cpu_count(), 'load': os.getloadavg()[0],
              'starts': given.starts, 'rows': [empty, *bench.tiny(), *bench.large(), *bench.sizes()]}
    if given.json:
        print(json.dumps(result))
        return
    print(f'machine  {result["machine"]}, {result["cpus"]} CPUs, load {result["load"]:.2f}')
    print(f'method   {given.starts} starts, a tenth of them for resnet50; warm page cache; all figures measured\n')
    print(f'{"":36}{"median":>9}{"least":>9}{"resident":>10}{"dirty":>9}{"peak":>9}')
    print(f'{"":36}{"ms":>9}{"ms":>9}{"KiB":>10}{"KiB":>9}{"KiB":>9}')
    for row in result['rows']:
        if 'bytes' in row:
            beside = f', beside {row["libraries_bytes"]} bytes of {", ".join(row["libraries"])}' \
                if row.get('libraries') else ''
            print(f'{row["what"]:36}{row["bytes"]:>9} bytes{beside}')
            continue
        memory = ''.join(f'{row[key]:>{width}.0f}' for key, width in
                         (('resident_kib', 10), ('dirty_kib', 9), ('peak_kib', 9)) if key in row)
        print(f'{row["what"]:36}{row["ms"]:>9.2f}{row["least_ms"]:>9.2f}{memory}')


if __name__ == '__main__':
    main()
