#!/usr/bin/env python3
"""Has Clang prove what base/mutex.h's annotations say: guarded members are touched with their lock held.

Every .cpp that sees base/mutex.h is parsed, none is compiled. Without clang++-14 nothing is proven, and this
says so. Exit 1 with Clang's findings.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tidy

ROOT = tidy.ROOT
CLANG = 'clang++-14'
FLAGS = ['-std=c++20', f'-I{ROOT}/src', f'-I{ROOT}', '-Wthread-safety', '-Werror=thread-safety']
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)

# What nearly every file includes, parsed once: a third of the time.
PRELUDE = ['fuzz/source_location.h', 'src/base/json.h', 'src/base/mutex.h']


def includers(header, texts):
    """The .cpp files that include the header, themselves or through others; `texts` by path from the root."""
    reach = {'src/' + header}
    includes = {path: {'src/' + name for name in INCLUDE.findall(text)} for path, text in texts.items()}
    grown = True
    while grown:
        more = {path for path, names in includes.items() if names & reach} - reach
        grown = bool(more)
        reach |= more
    return sorted(path for path in reach if path.endswith('.cpp'))


def parse_prelude(folder):
    """The flags that bring the prelude into a file."""
    header, parsed = folder / 'prelude.h', folder / 'prelude.pch'
    header.write_text(''.join(f'#include "{ROOT / path}"\n' for path in PRELUDE))
    subprocess.run([CLANG, *FLAGS, '-fpch-instantiate-templates', '-x', 'c++-header', header, '-o', parsed],
                   check=True)
    return ['-include-pch', str(parsed)]


def findings(source, prelude):
    """What Clang says against the file; empty when it has no finding."""
    run = subprocess.run([CLANG, *FLAGS, *prelude, '-fsyntax-only', '-x', 'c++', str(source)],
                         capture_output=True, text=True, cwd=ROOT)
    return run.stderr if run.returncode else ''


def main():
    if not shutil.which(CLANG):
        print(f'locks: skipped, for {CLANG} is not installed; ./dev setup brings it')
        return
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in tidy.sources()}
    paths = includers('base/mutex.h', texts)
    with tempfile.TemporaryDirectory() as folder:
        prelude = parse_prelude(pathlib.Path(folder))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = [text for text in pool.map(lambda path: findings(path, prelude), paths) if text]
    print(''.join(found), end='')
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
