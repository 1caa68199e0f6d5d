#!/usr/bin/env python3
"""./dev new MODULE/NAME: a header, a source and a test, side by side, ready to fill in."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

HEADER = '''// {title}: what it is, the one idea. Who owns it. Thread-safety. How it fails.

#pragma once

#include "base/status.h"

namespace hf::{module} {{

}}  // namespace hf::{module}
'''
SOURCE = '''#include "{path}.h"

namespace hf::{module} {{

}}  // namespace hf::{module}
'''
TEST = '''#include "{path}.h"

#include <gtest/gtest.h>

namespace hf::{module} {{
namespace {{

TEST({title}, SaysWhatItPromises) {{ FAIL() << "write the promise first"; }}

}}  // namespace
}}  // namespace hf::{module}
'''


def main():
    if len(sys.argv) != 2 or '/' not in sys.argv[1]:
        sys.exit('usage: ./dev new MODULE/NAME   for example: ./dev new tensor/npy')
    path = sys.argv[1].strip('/')
    module, name = path.split('/')[0], path.split('/')[-1]
    known = [line.split()[1] for line in (ROOT / 'src/modules.txt').read_text().splitlines()
             if line[:1].isdigit()]
    if module not in known:
        sys.exit(f"'{module}' is not a module; src/modules.txt has: {' '.join(known)}")
    title = ''.join(part.capitalize() for part in name.split('_'))
    for suffix, template in (('.h', HEADER), ('.cpp', SOURCE), ('_test.cpp', TEST)):
        target = ROOT / 'src' / (path + suffix)
        if target.exists():
            sys.exit(f'{target.relative_to(ROOT)} exists already')
    for suffix, template in (('.h', HEADER), ('.cpp', SOURCE), ('_test.cpp', TEST)):
        target = ROOT / 'src' / (path + suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(template.format(path=path, module=module, title=title))
        print(f'wrote {target.relative_to(ROOT)}')


if __name__ == '__main__':
    main()
