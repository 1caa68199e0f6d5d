"""That tools/attacks.py notices what it is there for."""

import unittest

import attacks

TESTS = {'Suite.Works'}


def row(case, test='`Suite.Works`', path='`a.cpp`', reason='`no-way`'):
    return f'| A{case} | attack | {path} | {reason} | audit | {test} |'


def problems(lines):
    return list(attacks.check('\n'.join(lines), TESTS, lambda path: path == 'a.cpp',
                              lambda reason: reason == 'no-way'))


def whole(**changed):
    rows = {case: row(case) for case in range(1, attacks.CASES + 1)}
    rows.update({int(case[1:]): text for case, text in changed.items()})
    return [text for text in rows.values() if text]


class Attacks(unittest.TestCase):
    def test_a_whole_page_is_clean(self):
        self.assertEqual(problems(whole()), [])
        self.assertEqual(problems(whole(A17='| A17 | attack | not built | TUF |')), [])

    def test_what_rots_is_named(self):
        cases = {
            'A7 has no row': whole(A7=None),
            'has a row already': whole() + [row(3)],
            'is no case': whole() + [row(86)],
            'there is no test Suite.Gone': whole(A7=row(7, test='`Suite.Gone`')),
            'names no test': whole(A7=row(7, test='none')),
            'there is no file src/b.cpp': whole(A7=row(7, path='`b.cpp`')),
            'no source says the reason some-way': whole(A7=row(7, reason='`some-way`')),
            'an empty one': whole(A7='| A7 | attack | | `no-way` | audit | `Suite.Works` |'),
        }
        for want, lines in cases.items():
            found = problems(lines)
            self.assertEqual(len(found), 1, (want, found))
            self.assertIn(want, found[0])


if __name__ == '__main__':
    unittest.main()
