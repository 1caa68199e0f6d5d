// SleepingModel: a compiled model that can be let go, and is made again by the function that it was
// given. Asleep it takes the memory of its signature. To whoever runs it, it is the model: the
// first session that is asked for while it sleeps wakes it.
//
// A session keeps what it runs on, so that none is cut off by a model that falls asleep.
//
// Thread-safety: all methods from any thread. A wake runs on the thread that asks, without a lock.

#pragma once

#include <functional>

#include "base/mutex.h"
#include "env/clock.h"
#include "serve/sleep/resting.h"

namespace hf::serve::sleep {

class SleepingModel final : public runtime::CompiledModel, public Resting {
public:
    using ModelPtr = std::shared_ptr<const runtime::CompiledModel>;

    // The same model again, to the bit, or why not. One thread at a time.
    using Make = std::function<Result<ModelPtr>()>;

    // `model` is what `make` makes. REQUIRES: the clock outlives it.
    SleepingModel(ModelPtr model, Make make, const env::Clock& clock);

    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return device_; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override;
    std::vector<runtime::StepInfo> steps() const override;  // none while it sleeps
    bool plans_by_shape() const override { return plans_by_shape_; }
    void prepare(const std::vector<Shape>& shapes) const override;  // nothing, while it sleeps

    bool asleep() const override;
    ModelPtr let_go() override;
    Status wake() override { return awake().status(); }
    Wakes wakes() const override;
    std::string trouble() const override;

private:
    class Try;
    Result<ModelPtr> awake() const;
    ModelPtr if_awake() const;

    const runtime::Signature signature_;
    const std::string device_;
    const bool plans_by_shape_;
    const Make make_;
    const env::Clock& clock_;
    mutable Mutex mutex_;
    mutable ConditionVariable woken_;
    mutable ModelPtr model_ HF_GUARDED_BY(mutex_);  // null: it sleeps
    mutable bool waking_ HF_GUARDED_BY(mutex_) = false;
    mutable std::uint64_t tries_ HF_GUARDED_BY(mutex_) = 0;
    mutable Status last_ HF_GUARDED_BY(mutex_);  // what came of the last try
    mutable Wakes wakes_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve::sleep
