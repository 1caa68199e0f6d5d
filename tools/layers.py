#!/usr/bin/env python3
"""Checks every #include against the map in src/modules.txt.

A module includes its own headers and those of the modules its line lists, all of a strictly lower layer.
Tests (thing_test.cpp) may also include "testing/...". Foreign headers belong to the modules that name the
library. Exit 1 with one line a violation.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)

# Header prefix -> the name of the library in modules.txt.
FOREIGN = {
    'fmt/': 'fmt', 'boost/json': 'boost_json', 'boost/': 'boost', 'openssl/': 'openssl',
    'spdlog/': 'spdlog', 'sqlite3.h': 'sqlite', 'yaml-cpp/': 'yaml', 'CLI/': 'cli11',
    'protozero/': 'protozero', 'hwy/': 'hwy', 'nghttp2/': 'nghttp2',
    'jpeglib.h': 'jpeg', 'jerror.h': 'jpeg', 'png.h': 'png', 'sndfile.h': 'sndfile', 'utf8proc.h': 'utf8proc',
    'zlib.h': 'zlib', 'zstd.h': 'zstd', 'zstd_errors.h': 'zstd', 'oneapi/': 'onednn', 'simdjson': 'simdjson',
}
EVERYWHERE = {'fmt', 'boost_json'}  # base's own, seen through its headers


class Module:
    def __init__(self, layer, name, kind, uses, foreign, text):
        self.layer, self.name, self.kind = layer, name, kind
        self.uses, self.foreign, self.text = uses, foreign, text


def read_map(text):
    modules = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        fields = [field.strip() for field in line.split('|')]
        if len(fields) != 3:
            raise SystemExit(f'src/modules.txt:{number}: want three fields between "|"')
        layer, name, kind, *uses = fields[0].split()
        uses = [use for use in uses if use != '-']
        foreign = [library for library in fields[1].split() if library != '-']
        modules[name] = Module(int(layer), name, kind, uses, foreign, fields[2])
    return modules


def check_map(modules):
    for module in modules.values():
        for use in module.uses:
            if use == '*':
                continue
            if use not in modules:
                yield f'src/modules.txt: {module.name} lists unknown module {use}'
            elif modules[use].layer >= module.layer:
                yield (f'src/modules.txt: {module.name} (layer {module.layer}) may not use '
                       f'{use} (layer {modules[use].layer}): only strictly lower layers')


def foreign_of(header):
    for prefix, library in FOREIGN.items():
        if header.startswith(prefix):
            return library
    return None


def check_source(path, text, module, modules):
    """Yields violations of one file; path is relative to src/."""
    is_test = path.endswith('_test.cpp') or path.endswith('_test.h')
    for match in INCLUDE.finditer(text):
        quote, header = match.groups()
        line = text.count('\n', 0, match.start()) + 1
        where = f'src/{path}:{line}'
        if quote == '"':
            target = header.split('/')[0]
            if target == module.name or (is_test and target in ('testing', 'gtest')):
                continue
            if target not in modules and target != 'testing':
                yield f'{where}: "{header}" is not a path from src/'
            elif target not in module.uses and '*' not in module.uses:
                yield f'{where}: {module.name} may not include {target} (see src/modules.txt)'
        else:
            library = foreign_of(header)
            if library and library not in EVERYWHERE and library not in module.foreign:
                yield f'{where}: {module.name} may not include <{header}> ({library})'


def main():
    modules = read_map((ROOT / 'src/modules.txt').read_text())
    problems = list(check_map(modules))
    for folder in sorted((ROOT / 'src').iterdir()):
        if not folder.is_dir() or folder.name == 'testing':
            continue
        if folder.name not in modules:
            problems.append(f'src/{folder.name}: not in src/modules.txt')
            continue
        for source in sorted([*folder.rglob('*.h'), *folder.rglob('*.cpp')]):
            path = str(source.relative_to(ROOT / 'src'))
            problems += check_source(path, source.read_text(), modules[folder.name], modules)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
