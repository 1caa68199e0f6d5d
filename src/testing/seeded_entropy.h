// Entropy that repeats: from the seed of this run. Thread-safe; never for keys that leave the test.

#pragma once

#include "base/mutex.h"
#include "base/rng.h"
#include "env/entropy.h"
#include "testing/script.h"

namespace hf::testing {

class SeededEntropy final : public env::Entropy {
public:
    void fill(std::span<std::uint8_t> bytes) override {
        const MutexLock lock(mutex_);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng_.next());
    }

private:
    Mutex mutex_;
    Rng rng_ HF_GUARDED_BY(mutex_){seed()};
};

}  // namespace hf::testing
