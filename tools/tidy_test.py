import unittest

import layers
import tidy


def rules_of(text, path='src/base/thing.cpp'):
    return [rule for rule, _, _ in tidy.check_text(path, text)]


class Banned(unittest.TestCase):
    def test_each_rule_fires_on_its_offence(self):
        for rule, code in {
                'new': 'auto* p = new Thing;',
                'throw': 'throw 1;',
                'print': 'std::cout << 1;',
                'clock': 'auto t = std::chrono::system_clock::now();',
                'random': 'std::mt19937 generator;',
                'environment': 'std::getenv("HOME");',
                'thread': 'std::thread worker;',
                'lock': 'const std::lock_guard lock(mutex_);',
                'detach': 'worker.detach();',
                'sleep': 'std::this_thread::sleep_for(1s);',
                'get-bool': 'field.get_bool();',
                'fixme': '// FIXME later',
                'todo': '// TODO: later',
                'using-namespace': 'using namespace std;',
                'exit': 'std::abort();',
        }.items():
            self.assertEqual(rules_of(code + '\n'), [rule], code)

    def test_strings_and_comments_are_not_code(self):
        self.assertEqual(rules_of('return "throw new Thing"; // delete this\n'), [])

    def test_lookalikes_pass(self):
        for code in ['Thing(const Thing&) = delete;', 'node.time(3);', 'renew (x);',
                     '// TODO(soon): read the tail.']:
            self.assertEqual(rules_of(code + '\n'), [], code)

    def test_every_lock_of_std_is_banned_but_where_it_is_wrapped(self):
        for name in ['mutex', 'shared_mutex', 'recursive_timed_mutex', 'condition_variable',
                     'condition_variable_any', 'lock_guard', 'unique_lock', 'scoped_lock', 'shared_lock']:
            code = f'std::{name} a;\n'
            self.assertEqual(rules_of(code), ['lock'], name)
            self.assertEqual(rules_of(code, 'src/http/thing_test.cpp'), ['lock'], name)
            self.assertEqual(rules_of(code, 'src/base/mutex.h'), [], name)

    def test_tries_in_braces_behind_something(self):
        for code in ['return Pair{name, HF_TRY(f())};', 'list.push_back({name, HF_TRY(f(a, b))});',
                     'call(x, {a,\n      HF_TRY(f())});', 'Grid g{HF_TRY(f(1)), HF_TRY(f(2))};']:
            self.assertIn('try-in-braces', rules_of(code + '\n'), code)
        for code in ['return Pair{HF_TRY(f()), name};', 'return pair(name, HF_TRY(f()));',
                     'if (x) {\n    const A a = f(1, 2), b = HF_TRY(g());\n}',
                     'return List{head(name, HF_TRY(f()))};', 'g({a, b}, HF_TRY(f()));',
                     'each([&](int) -> Status {\n    A a = f(), b = HF_TRY(g());\n});']:
            self.assertEqual(rules_of(code + '\n'), [], code)

    def test_shells_may_print(self):
        self.assertEqual(rules_of('std::cout << 1;\n', 'src/cli/run.cpp'), [])


class Limits(unittest.TestCase):
    def body(self, lines):
        return 'int f(int a) {\n' + '    a += 1;\n' * lines + '}\n'

    def test_function_length(self):
        self.assertEqual(rules_of(self.body(68)), [])
        self.assertEqual(rules_of(self.body(69)), ['function-length'])

    def test_line_and_file_length(self):
        self.assertEqual(rules_of('x' * 101 + '\n'), ['line-length'])
        self.assertEqual(rules_of('int a;\n' * 501), ['file-length'])

    def test_parameters(self):
        four = 'int f(int a, std::map<int, int> b, int c, int d) {\n    return 1;\n}\n'
        self.assertEqual(rules_of(four), [])
        self.assertEqual(rules_of(four.replace('int d', 'int d, int e')), ['parameters'])

    def test_a_constructor_starts_before_its_initialisers(self):
        for lines, rules in ((66, []), (67, ['function-length'])):
            text = ('    Thing(int a, int b)\n        : a_(a),\n          b_(f(b)) {\n' + '        ++a;\n' * lines +
                    '    }\n' + '    int g();\n' * 70)
            self.assertEqual(rules_of(text), rules)

    def test_head_over_several_lines(self):
        text = 'int f(int a, int b,\n      int c, int d, int e) {\n    return 1;\n}\n'
        self.assertEqual(rules_of(text), ['parameters'])


class Mutexes(unittest.TestCase):
    def store(self, function, member):
        return ('class Store final {\npublic:\n'
                f'    int read(){function};\n\n'
                'private:\n'
                '    mutable Mutex mutex_;\n'
                f'    int value_{member} = 0;\n'
                '};\n\n'
                'class Other final {\n    int value_ HF_GUARDED_BY(mutex_) = 0;\n};\n')

    def test_a_mutex_names_what_it_guards(self):
        self.assertEqual(rules_of(self.store('', ' HF_GUARDED_BY(mutex_)')), [])
        self.assertEqual(rules_of(self.store('', '')), ['mutex'])
        self.assertEqual(rules_of(self.store('', ' HF_GUARDED_BY(other_mutex_)')), ['mutex'])
        self.assertEqual(rules_of(self.store('', '  // HF_GUARDED_BY(mutex_)')), ['mutex'])

    def test_or_the_acts_that_it_keeps_apart(self):
        self.assertEqual(rules_of(self.store(' HF_REQUIRES(mutex_)', '')), [])
        self.assertEqual(rules_of(self.store(' HF_EXCLUDES(mutex_)', '')), ['mutex'])

    def test_nested_classes_have_their_own(self):
        inner = ('    struct Inner {\n        Mutex mutex;\n        int value%s = 0;\n    };\n'
                 '    Mutex mutex;\n    int value%s = 0;\n')
        for one, other, wanted in [(' HF_GUARDED_BY(mutex)', ' HF_GUARDED_BY(mutex)', []),
                                   ('', ' HF_GUARDED_BY(mutex)', ['mutex'])]:
            text = 'struct Outer {\n' + inner % (one, other) + '};\n'
            self.assertEqual(rules_of(text), wanted, text)

    def test_only_members_are_asked(self):
        self.assertEqual(rules_of('void f() {\n    Mutex mutex;\n}\n'), [])


class Scripts(unittest.TestCase):
    def test_a_pipe_does_not_end_in_a_quiet_grep(self):
        self.assertEqual(len(list(tidy.check_script('ldd x | grep -q lib && y\n'))), 1)
        self.assertEqual(list(tidy.check_script('a || grep -q b file\nldd x | grep lib >/dev/null\n')), [])


class Layers(unittest.TestCase):
    MAP = '0 base pure - | fmt | x\n1 env effect base | - | x\n1 obs effect base | - | x\n'

    def violations(self, text, path='env/a.cpp', module='env'):
        modules = layers.read_map(self.MAP)
        return list(layers.check_source(path, text, modules[module], modules))

    def test_down_is_allowed_sideways_is_not(self):
        self.assertEqual(self.violations('#include "base/status.h"\n'), [])
        self.assertEqual(len(self.violations('#include "obs/log.h"\n')), 1)

    def test_testing_is_for_tests(self):
        self.assertEqual(self.violations('#include "testing/script.h"\n', 'env/a_test.cpp'), [])
        self.assertEqual(len(self.violations('#include "testing/script.h"\n')), 1)

    def test_foreign_headers_belong_to_their_module(self):
        self.assertEqual(len(self.violations('#include <openssl/evp.h>\n')), 1)

    def test_the_map_may_not_point_up_or_sideways(self):
        modules = layers.read_map('1 a pure b | - | x\n1 b pure - | - | x\n')
        self.assertEqual(len(list(layers.check_map(modules))), 1)


if __name__ == '__main__':
    unittest.main()
