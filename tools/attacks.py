#!/usr/bin/env python3
"""Checks docs/reference/attacks.md against the source.

Every case A1 to A85 has exactly one row; every file, reason and test that a row names is there. A
row whose proof names no test stands among what is not built.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = 'docs/reference/attacks.md'
CASES = 85

TEST = re.compile(r'^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)', re.M)
ROW = re.compile(r'^\|\s*A(\d+)\s*\|')
TICKED = re.compile(r'`([^`]+)`')
TEST_NAME = re.compile(r'[A-Z]\w+\.[A-Z]\w+')
REASON = re.compile(r'[a-z][a-z0-9]*(?:-[a-z0-9]+)*')


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip('|').split('|')]


def check(page, tests, has_file, has_reason):
    """The problems of the page's text, one line each."""
    seen = {}
    for number, line in enumerate(page.splitlines(), 1):
        row = ROW.match(line)
        if not row:
            continue
        where = f'{PAGE}:{number}: A{row[1]}'
        case = int(row[1])
        if case in seen:
            yield f'{where} has a row already, at line {seen[case]}'
        seen[case] = number
        if not 1 <= case <= CASES:
            yield f'{where} is no case; there are A1 to A{CASES}'
        cells = cells_of(line)
        if len(cells) not in (4, 6) or not all(cells):
            yield f'{where} has {len(cells)} cells, or an empty one; want 6, or 4 where nothing is built'
            continue
        named = [name for name in TICKED.findall(line) if TEST_NAME.fullmatch(name)]
        for name in named:
            if name not in tests:
                yield f'{where}: there is no test {name}'
        if len(cells) == 4:
            continue
        if not TEST_NAME.search(cells[5]):
            yield f'{where} names no test'
        for path in TICKED.findall(cells[2]):
            if not has_file(path):
                yield f'{where}: there is no file src/{path}'
        for reason in TICKED.findall(cells[3]):
            if not REASON.fullmatch(reason) or not has_reason(reason):
                yield f'{where}: no source says the reason {reason}'
    for case in range(1, CASES + 1):
        if case not in seen:
            yield f'{PAGE}: A{case} has no row'


def main():
    sources = {path: path.read_text() for path in sorted((ROOT / 'src').rglob('*.*'))
               if path.suffix in ('.h', '.cpp')}
    tests = {f'{suite}.{name}' for path, text in sources.items() if path.name.endswith('_test.cpp')
             for suite, name in TEST.findall(text)}
    product = '\n'.join(text for path, text in sources.items()
                        if not path.name.endswith(('_test.cpp', '_test.h')))
    problems = list(check((ROOT / PAGE).read_text(), tests,
                          lambda path: (ROOT / 'src' / path).is_file(),
                          lambda reason: f'"{reason}"' in product or f'[{reason}]' in product
                          or f'"{reason}:' in product))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
