import pathlib
import shutil
import tempfile
import unittest

import locks

ACCOUNT = '''
#include "base/mutex.h"

class Account final {
public:
    void pay(int amount) {
        %s
        add(amount);
        changed_.notify_all();
    }
    void wait() {
        hf::MutexLock lock(mutex_);
        changed_.wait(lock, [this]() %s { return balance_ > 0; });
    }

private:
    void add(int amount) %s { balance_ += amount; }

    hf::Mutex mutex_;
    hf::ConditionVariable changed_;
    int balance_ HF_GUARDED_BY(mutex_) = 0;
};
'''
LOCK = 'const hf::MutexLock lock(mutex_);'
REQUIRES = 'HF_REQUIRES(mutex_)'


class Includers(unittest.TestCase):
    def test_directly_and_through_headers(self):
        texts = {
            'src/base/mutex.h': '#include <mutex>\n',
            'src/a/lock.h': '#include "base/mutex.h"\n',
            'src/a/far.h': '#include "a/lock.h"\n',
            'src/a/near.cpp': '#include "base/mutex.h"\n',
            'src/a/far.cpp': '  #  include "a/far.h"\n',
            'src/a/none.cpp': '#include "base/json.h"\n// #include "base/mutex.h"\n',
            'tests/bench.cpp': '#include "a/lock.h"\n',
        }
        self.assertEqual(locks.includers('base/mutex.h', texts),
                         ['src/a/far.cpp', 'src/a/near.cpp', 'tests/bench.cpp'])


@unittest.skipUnless(shutil.which(locks.CLANG), f'{locks.CLANG} is not installed')
class Findings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.prelude = locks.parse_prelude(cls.folder)

    def findings(self, *annotations):
        source = self.folder / 'account.cpp'
        source.write_text(ACCOUNT % annotations)
        return locks.findings(source, self.prelude)

    def test_a_lock_held_is_no_finding(self):
        self.assertEqual(self.findings(LOCK, REQUIRES, REQUIRES), '')

    def test_a_lock_forgotten_is_found(self):
        self.assertIn("'add' requires holding mutex", self.findings('', REQUIRES, REQUIRES))

    def test_an_annotation_forgotten_is_found(self):
        self.assertIn("'balance_' requires holding mutex", self.findings(LOCK, '', REQUIRES))
        self.assertIn("'balance_' requires holding mutex", self.findings(LOCK, REQUIRES, ''))

    def test_what_does_not_parse_is_found(self):
        self.assertIn('error', self.findings('no code;', REQUIRES, REQUIRES))


if __name__ == '__main__':
    unittest.main()
