// A host for tests of the agent: remembers who answers and whom they ask. Thread-safe.

#pragma once

#include <map>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "node/model_host.h"

namespace hf::node {

// Remembers who answers.
class RecordingHost final : public ModelHost {
public:
    Result<std::string> activate(const Activation& activation) override {
        {
            const MutexLock lock(mutex_);
            active_[activation.service] = activation;
        }
        changed_.notify_all();
        return "http://here/" + activation.service;
    }
    std::optional<Answers> answers(const std::string& service) override {
        const MutexLock lock(mutex_);
        const auto at = active_.find(service);
        if (at == active_.end()) return std::nullopt;
        return answers_[at->second.digest.to_string()];
    }
    std::optional<Traffic> traffic(const std::string& service) override {
        const MutexLock lock(mutex_);
        if (!active_.contains(service)) return std::nullopt;
        return Traffic();
    }
    void set_cascade(const std::string& service, const Cascade* cascade) override {
        {
            const MutexLock lock(mutex_);
            cascades_.erase(service);
            if (cascade) cascades_.emplace(service, *cascade);
            ++cascades_set_;
        }
        changed_.notify_all();
    }
    void retire(const std::string& service) override {
        const MutexLock lock(mutex_);
        active_.erase(service);
        cascades_.erase(service);
    }
    // The cascade once set_cascade() was called so many times; nullopt for none.
    std::optional<Cascade> cascade(const std::string& service, int times) {
        MutexLock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&]() HF_REQUIRES(mutex_) {
            return cascades_set_ >= times;
        }));
        const auto at = cascades_.find(service);
        return at == cascades_.end() ? std::nullopt : std::optional(at->second);
    }
    // How the version answers from now on.
    void let_answer(const std::string& digest, const Answers& answers) {
        const MutexLock lock(mutex_);
        answers_[digest] = answers;
    }
    std::optional<Activation> active(const std::string& service) {
        const MutexLock lock(mutex_);
        const auto at = active_.find(service);
        return at == active_.end() ? std::nullopt : std::optional(at->second);
    }

    bool await(const std::string& service) {
        MutexLock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(20),
                                 [&]() HF_REQUIRES(mutex_) { return active_.contains(service); });
    }

private:
    Mutex mutex_;
    ConditionVariable changed_;
    std::map<std::string, Activation> active_ HF_GUARDED_BY(mutex_);
    std::map<std::string, Cascade> cascades_ HF_GUARDED_BY(mutex_);
    int cascades_set_ HF_GUARDED_BY(mutex_) = 0;
    std::map<std::string, Answers> answers_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::node
