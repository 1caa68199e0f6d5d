"""Checks a Grafana dashboard against the metrics that a server shows, and writes its expressions as Prometheus' rules.

usage: dashboard.py DASHBOARD RULES METRICS SOURCES

Every metric in an expression must be in METRICS (what /metrics answered) with the labels that the expression names.
Those of a gateway or a cascade, which that server has not, must stand in SOURCES by their names.
"""

import json
import pathlib
import re
import sys

ELSEWHERE = re.compile(r'holdfast_(gateway|cascade)_')
NAME = re.compile(r'\bholdfast_[a-z0-9_]+')
VARIABLES = {'$__rate_interval': '5m', '$__range': '1h', '$instance': '.*', '$model': '.*', '$service': '.*'}


def expressions(node):
    """Every query of the panels, rows included, and of the variables."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == 'expr':
                yield value
            elif key == 'definition':
                yield from re.findall(r'label_values\((.+), *\w+\)$', value)
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for item in node:
            yield from expressions(item)


def labels_of(text):
    """The labels of each metric that /metrics shows."""
    found = {}
    for line in text.splitlines():
        match = re.match(r'(\w+)(?:\{(.*)\})? \S+$', line)
        if match:
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ''))
    return found


def gateway_names(sources):
    """Metrics of gateways and cascades as the sources write them; their counters are put together there."""
    text = '\n'.join(path.read_text() for path in sources.glob('serve/*/*.cpp') if not path.name.endswith('_test.cpp'))
    names = set(NAME.findall(text))
    counters = re.search(r'Counter kCounters\[\] = \{(.*?)\n\};', text, re.S)
    return names | {f'holdfast_gateway_{name}_total' for name in re.findall(r'\{"(\w+)",', counters[1])}


def main():
    dashboard, rules, metrics, sources = (pathlib.Path(name) for name in sys.argv[1:])
    known, elsewhere = labels_of(metrics.read_text()), gateway_names(sources)
    problems, lines, shown = [], [], set()
    for expression in expressions(json.loads(dashboard.read_text())):
        for name, braces in re.findall(r'\b(holdfast_[a-z0-9_]+)(?:\{([^}]*)\})?', expression):
            shown.add(name)
            if ELSEWHERE.match(name):
                if name not in elsewhere:
                    problems.append(f'{name} is not in the sources')
                continue
            if name not in known:
                problems.append(f'{name} is not among the metrics')
                continue
            asked = set(re.findall(r'(\w+)\s*[=!]~?"', braces)) - {'instance', 'job'}
            if asked - known[name]:
                problems.append(f'{name} has no label {", ".join(sorted(asked - known[name]))}')
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        lines.append(f'  - record: holdfast:{len(lines)}\n    expr: {json.dumps(expression)}\n')
    unseen = sorted(name for name in known if name.startswith('holdfast_') and name not in shown
                    and not name.endswith(('_seconds_sum', '_seconds_count')))
    if unseen:
        problems.append(f'the dashboard shows nothing of {", ".join(unseen)}')
    rules.write_text('groups:\n- name: dashboard\n  rules:\n' + ''.join(lines))
    for problem in problems:
        print('dashboard:', problem)
    print(f'{len(lines)} expressions, {len(shown)} metrics')
    return 1 if problems or not lines else 0


if __name__ == '__main__':
    sys.exit(main())
