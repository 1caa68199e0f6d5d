"""Prints sizes, times and memory of deltas: see run.sh. Aims are those of docs/reference/delta.md."""

import argparse
import filecmp
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

GENERATED = ['int8-1e-3', 'int8-rescaled', 'int8-1e-2', 'bf16-1e-4', 'bf16-1e-3', 'bf16-1e-2', 'fp32-1e-4',
             'fp32-1e-3', 'fp32-5-percent-new']
REAL = [('trained/mobilenet_v2_1.0_224_ptq.tflite', '1e-3'), ('mlperf-tiny/ad01_int8.tflite', '1e-3'),
        ('trained/silero_vad.onnx', '1e-3'), ('trained/face_rfb_320.onnx', '1e-3')]
AIMS = {'int8-1e-3': 6, 'bf16-1e-4': 16, 'bf16-1e-3': 16}
MEMORY_AIM_MIB = 64


def tools(bench):
    """Name, then how to make a delta from the files old and new, and how to apply it."""
    rows = [('holdfast', [bench, 'make', 'old', 'new', 'delta'], [bench, 'apply', 'old', 'delta', 'made'])]
    if shutil.which('zstd'):
        rows.append(('zstd, whole file', ['zstd', '-q', '-q', '-f', '-19', 'new', '-o', 'delta'],
                     ['zstd', '-q', '-q', '-f', '-d', 'delta', '-o', 'made']))
        rows.append(('zstd --patch-from', ['zstd', '-q', '-q', '-f', '-19', '--long=31', '--patch-from=old', 'new', '-o', 'delta'],
                     ['zstd', '-q', '-q', '-f', '-d', '--long=31', '--patch-from=old', 'delta', '-o', 'made']))
    if shutil.which('bsdiff'):
        rows.append(('bsdiff', ['bsdiff', 'old', 'new', 'delta'], ['bspatch', 'old', 'made', 'delta']))
    if shutil.which('xdelta3'):
        rows.append(('xdelta3', ['xdelta3', '-q', '-f', '-9', '-e', '-s', 'old', 'new', 'delta'],
                     ['xdelta3', '-q', '-f', '-d', '-s', 'old', 'delta', 'made']))
    return rows


def processor():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def measure(command, folder):
    """Seconds, and the peak of resident memory in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f'{" ".join(command)}: exit status {process.returncode}')
    return time.monotonic() - start, usage.ru_maxrss / 1024


def compare(label, folder, bench):
    size = os.path.getsize(folder / 'new')
    for name, make, apply in tools(bench):
        for leftover in ('delta', 'made'):
            (folder / leftover).unlink(missing_ok=True)
        make_s, make_mib = measure(make, folder)
        apply_s, apply_mib = measure(apply, folder)
        if not filecmp.cmp(folder / 'made', folder / 'new', shallow=False):
            raise SystemExit(f'{label}, {name}: the result is not the new version')
        yield {'case': label, 'tool': name, 'bytes': size, 'percent': 100 * os.path.getsize(folder / 'delta') / size,
               'make_s': make_s, 'make_mib': make_mib, 'apply_s': apply_s, 'apply_mib': apply_mib}


def all_rows(given, folder):
    bench = str(given.build.resolve() / 'bench/deltas_bench')
    for case in GENERATED:
        if given.only in case:
            subprocess.run([bench, 'generate', case, str(given.mib), 'old', 'new'], cwd=folder, check=True)
            yield from compare(case, folder, bench)
    for path, noise in REAL:
        source = given.models.resolve() / path
        label = f'{source.stem} {noise}'
        if given.only not in label:
            continue
        if not source.exists():
            print(f'left out: {path} is not there; set HF_DATA', file=sys.stderr)
            continue
        (folder / 'old').unlink(missing_ok=True)
        shutil.copyfile(source, folder / 'old')
        subprocess.run([bench, 'tune', 'old', noise, 'new'], cwd=folder, check=True)
        yield from compare(label, folder, bench)


def show(row, last):
    if row['case'] != last:
        aim = f'; aim {AIMS[row["case"]]} %' if row['case'] in AIMS else ''
        print(f'{row["case"]}, {row["bytes"]} bytes{aim}')
    print(f'  {row["tool"]:20}{row["percent"]:>8.2f}{row["make_s"]:>9.2f}{row["make_mib"]:>9.0f}'
          f'{row["apply_s"]:>9.2f}{row["apply_mib"]:>9.0f}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('models', type=pathlib.Path)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--mib', type=int, default=4, help='size of the generated models')
    parser.add_argument('--only', default='', help='cases with this word in their name')
    given = parser.parse_args()
    rows, last = [], ''
    if not given.json:
        print(f'machine  {processor()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}')
        print('method   each a process of its own, once; memory below some 15 MiB shows as the bench\'s own; all measured')
        print('models   generated: normal weights, normal noise of the share that the name ends in; real ones: tuned so\n')
        print(f'{"":22}{"delta":>8}{"make":>9}{"memory":>9}{"apply":>9}{"memory":>9}')
        print(f'{"":22}{"%":>8}{"s":>9}{"MiB":>9}{"s":>9}{"MiB":>9}')
    with tempfile.TemporaryDirectory() as name:
        for row in all_rows(given, pathlib.Path(name)):
            rows.append(row)
            if not given.json:
                show(row, last)
                last = row['case']
    missed = [row for row in rows if row['tool'] == 'holdfast' and
              (row['percent'] > AIMS.get(row['case'], 100.1) or row['apply_mib'] > MEMORY_AIM_MIB)]
    if given.json:
        print(json.dumps({'how': 'measured', 'machine': processor(), 'cpus': os.cpu_count(), 'rows': rows}))
    for row in missed:
        print(f'missed: {row["case"]}: {row["percent"]:.2f} %, {row["apply_mib"]:.0f} MiB', file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == '__main__':
    main()
