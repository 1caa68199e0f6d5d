#!/usr/bin/env python3
"""House rules that a compiler does not check: banned calls, size limits, traps of scripts. See STYLE.md.

Each rule names its replacement. Exceptions stand in tools/tidy_allow.txt, one "rule path reason" a line; an
exception that is no longer needed fails too, so that the list only shrinks.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
LINE_COLUMNS_MAX = 100
PARAMETERS_MAX = 4

PURE = {'base', 'config', 'tensor', 'crypto', 'kernels', 'media', 'api', 'graph', 'trust', 'meter', 'stream',
        'solve', 'spike', 'passes'}
SHELLS = {'posix', 'app', 'cli', 'testing', 'sim'}  # may touch the process's surroundings


class Rule:
    def __init__(self, name, pattern, why, applies=lambda module, path: True):
        self.name, self.pattern, self.why = name, re.compile(pattern), why
        self.applies = applies


def is_test(path):
    return path.endswith('_test.cpp') or path.endswith('_test.h') or path.startswith('src/testing/')


RULES = [
    Rule('new', r'(?<![\w:])new\s+[A-Za-z_(]|(?<![\w:])delete\s+[A-Za-z_*]|(?<!\w)delete\[\]',
         'use std::make_unique, a container or a value'),
    Rule('throw', r'\bthrow\b|\bcatch\s*\(', 'return Status or Result; adapters go on the allow-list',
         lambda module, path: not is_test(path)),
    Rule('print', r'\bstd::(cout|cerr|clog)\b|(?<![\w:.])(std::)?(printf|puts|fprintf)\s*\(',
         'libraries never print: return text, or log an event through obs',
         lambda module, path: module not in SHELLS and not is_test(path)),
    Rule('clock', r'(system|steady|high_resolution)_clock::now|(?<![\w:.>])(time|clock_gettime|'
         r'gettimeofday)\s*\(', 'take Instant now, or an env::Clock',
         lambda module, path: module != 'posix'),
    Rule('random', r'(?<![\w:.>])s?rand\s*\(|std::(mt19937|random_device|default_random_engine)',
         'take hf::Rng& with a seed, or env::Entropy for secrets'),
    Rule('environment', r'(?<![\w.>])(std::)?getenv\s*\(', 'pass the value in from app/ or cli/',
         lambda module, path: module not in SHELLS and not is_test(path)),
    Rule('thread', r'\bstd::j?thread\b|\bstd::async\b', 'pure modules have no threads',
         lambda module, path: module in PURE and not is_test(path)),
    Rule('lock', r'\bstd::((recursive_|shared_)?(timed_)?mutex|condition_variable(_any)?|'
         r'lock_guard|unique_lock|scoped_lock|shared_lock)\b',
         'use Mutex, MutexLock and ConditionVariable of base/mutex.h, which Clang checks',
         lambda module, path: path != 'src/base/mutex.h'),
    Rule('detach', r'\.detach\(\)', 'keep the thread and join it'),
    Rule('sleep', r'\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w:.>])sleep\s*\(',
         'wait for the event itself, or hand time in'),
    Rule('get-bool', r'\b(field|inner)\.get_bool\(\)',
         'protozero reads behind the message where the value is missing: use protobuf::bool_of(field)'),
    Rule('fixme', r'\bFIXME\b', 'mend it, or write TODO(soon|perf|someday): with a sentence'),
    Rule('todo', r'\bTODO\b(?!\((soon|perf|someday)\): \S)', 'write TODO(soon|perf|someday): sentence.'),
    Rule('using-namespace', r'^\s*using namespace\b(?!.*literals)', 'name what you use'),
    Rule('exit', r'(?<![\w:.>])(std::)?(_?exit|quick_exit|abort)\s*\(',
         'return a Status; HF_CHECK for the impossible',
         lambda module, path: module not in SHELLS and not is_test(path)),
]

COMMENT = re.compile(r'//.*$')
STRING = re.compile(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'')
NOT_A_FUNCTION = re.compile(
    r'^\s*(if|for|while|switch|else|do|try|catch|namespace|class|struct|enum|union|extern|return|case|'
    r'static_assert|using|typedef|public|private|protected|default)\b')
MUTEX_MEMBER = re.compile(r'^ +(?:mutable )?(?:hf::)?Mutex (\w+) *[;{,]')
CLASS_HEAD = re.compile(r'^ *(?:template <.*> *)?(?:class|struct)\b')
NO_SCOPE = re.compile(r'^ *(?:public|private|protected):|^#')


def strip(line):
    """The line without string contents and comments."""
    return COMMENT.sub('', STRING.sub('""', line))


def functions(lines):
    """Yields (first line number, line count, head text) of function bodies, by clang-format's layout."""
    index = 0
    while index < len(lines):
        line = lines[index]
        code = strip(line).rstrip()
        starts = code.endswith('{') and not NOT_A_FUNCTION.match(code) and '=' not in code.split('(')[0]
        if not starts:
            index += 1
            continue
        first = index
        while first > 0 and strip(lines[first]).count('(') + 0 < 1 and first > index - 8:
            first -= 1
        while first > 0 and head_is_open(lines[first:index + 1]) and first > index - 12:
            first -= 1
        first = before_initialisers(lines, first)
        head = ' '.join(strip(text).strip() for text in lines[first:index + 1])
        if '(' not in head or NOT_A_FUNCTION.match(head) or head.endswith('= {'):
            index += 1
            continue
        indent = len(lines[first]) - len(lines[first].lstrip())
        close = index + 1
        while close < len(lines) and not re.match(r'^ {%d}\}' % indent, lines[close]):
            close += 1
        yield first + 1, close - first + 1, head
        index = close + 1 if close < len(lines) else index + 1


def before_initialisers(lines, first):
    """The line where a constructor starts whose list of initialisers holds line `first`."""
    start = first
    while start > 0 and not strip(lines[start]).lstrip().startswith(': '):
        if not strip(lines[start - 1]).rstrip().endswith(','):
            return first
        start -= 1
    while start > 0 and (strip(lines[start]).lstrip().startswith(': ')
                         or head_is_open(lines[start:first + 1])):
        start -= 1
    return start


def head_is_open(lines):
    text = ' '.join(strip(line) for line in lines)
    return text.count(')') > text.count('(')


def parameter_count(head):
    """The number of parameters in the first parenthesised list of a function head."""
    start = head.find('(')
    if re.search(r'operator\s*$', head[:start]):
        start = head.find('(', start + 1)
    depth, angle, count, seen = 0, 0, 0, False
    for char in head[start:]:
        if char in '([{':
            depth += 1
        elif char in ')]}':
            depth -= 1
            if depth == 0:
                break
        elif char == '<':
            angle += 1
        elif char == '>':
            angle -= 1
        elif char == ',' and depth == 1 and angle == 0:
            count += 1
        if depth >= 1 and char not in '( ':
            seen = True
    return count + 1 if seen else 0


def class_around(lines, index):
    """The lines of the class whose member stands at `index`, by clang-format's layout; none elsewhere."""
    indent = len(lines[index]) - len(lines[index].lstrip())

    def inside(line):
        return not line.strip() or line.startswith(' ' * indent) or NO_SCOPE.match(line)
    first, last = index, index + 1
    while first > 0 and inside(lines[first]):
        first -= 1
    while last < len(lines) and inside(lines[last]):
        last += 1
    return lines[first:last] if indent > 0 and CLASS_HEAD.match(lines[first]) else []


def idle_mutexes(lines):
    """Yields (line number, name) of Mutex members that nothing in their class needs.

    A lock that only keeps acts apart guards no member; HF_REQUIRES of the act names it then.
    """
    for index, line in enumerate(lines):
        member = MUTEX_MEMBER.match(line)
        body = ' '.join(strip(text) for text in class_around(lines, index)) if member else ''
        if body and not re.search(r'HF_(GUARDED_BY|REQUIRES)\([^()]*\b%s\b' % member[1], body):
            yield index + 1, member[1]


def tries_in_braces(text):
    """Lines with HF_TRY inside braces behind another element, which leaks when HF_TRY returns."""
    for match in re.finditer(r'HF_TRY\(', text):
        depth, behind = 0, False
        for at in range(match.start() - 1, -1, -1):
            char = text[at]
            if char in ')]}':
                depth += 1
            elif char in '([{' and depth > 0:
                depth -= 1
            elif char == '{':
                is_block = re.search(r'[^\s,=(]\s+$', text[:at]) and not re.search(r'\breturn\s+$', text[:at])
                if behind and not is_block:
                    yield text.count('\n', 0, match.start()) + 1
                break
            elif char in '([':
                behind = False  # what is left of it are the arguments of a call
            elif depth == 0 and char == ';':
                break
            elif depth == 0 and char == ',':
                behind = True


def check_text(path, text):
    """Yields (rule, line, message) for one file."""
    module = path.split('/')[path.startswith('src/')] if path.startswith(('src/', 'sim/')) else ''
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield 'line-length', number, f'{len(line)} columns; the limit is {LINE_COLUMNS_MAX}'
        code = strip(line)
        for rule in RULES:
            subject = line if rule.name in ('fixme', 'todo') else code
            if rule.applies(module, path) and rule.pattern.search(subject):
                yield rule.name, number, rule.why
    for number in tries_in_braces('\n'.join(strip(line) for line in lines)):
        yield 'try-in-braces', number, 'leaks the elements before it when it returns: name the value first'
    for number, name in idle_mutexes(lines):
        yield 'mutex', number, f'say what {name} guards with HF_GUARDED_BY({name})'
    if len(lines) > FILE_LINES_MAX:
        yield 'file-length', len(lines), f'{len(lines)} lines; the limit is {FILE_LINES_MAX}: split by idea'
    for number, length, head in functions(lines):
        if length > FUNCTION_LINES_MAX:
            yield 'function-length', number, f'{length} lines; the limit is {FUNCTION_LINES_MAX}'
        count = parameter_count(head)
        if count > PARAMETERS_MAX and not re.match(r'\s*(TEST|TYPED_TEST|BENCHMARK)', head):
            yield 'parameters', number, f'{count} parameters; the limit is {PARAMETERS_MAX}: use a struct'


def check_script(text):
    """Yields (rule, line, message) for one shell script."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r'(?<!\|)\| *grep -\w*q', line):
            yield 'quiet-pipe', number, ('grep -q leaves early, its writer dies of SIGPIPE and pipefail makes '
                                         'a find a failure, now and then: grep ... >/dev/null')


def read_allowed(text):
    allowed = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith('#'):
            rule, path, _reason = line.split(None, 2)
            allowed[(rule, path)] = False
    return allowed


def sources():
    for top in ('src', 'sim', 'fuzz', 'bench', 'examples', 'tests'):
        folder = ROOT / top
        if folder.exists():
            yield from sorted([*folder.rglob('*.h'), *folder.rglob('*.cpp'), *folder.rglob('*.sh')])
    yield ROOT / 'dev'


def main():
    allowed = read_allowed((ROOT / 'tools/tidy_allow.txt').read_text())
    failed = False
    for source in sources():
        path = str(source.relative_to(ROOT))
        text = source.read_text()
        is_code = source.suffix in ('.h', '.cpp')
        for rule, line, message in check_text(path, text) if is_code else check_script(text):
            if (rule, path) in allowed:
                allowed[(rule, path)] = True
                continue
            print(f'{path}:{line}: {rule}: {message}')
            failed = True
    for (rule, path), used in allowed.items():
        if not used:
            print(f'tools/tidy_allow.txt: "{rule} {path}" is no longer needed; well done, remove it')
            failed = True
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
