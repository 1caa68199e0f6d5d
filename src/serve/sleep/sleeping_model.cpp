#include "serve/sleep/sleeping_model.h"

namespace hf::serve::sleep {
namespace {

// Keeps the model that it runs on.
class KeepingSession final : public runtime::Session {
public:
    KeepingSession(SleepingModel::ModelPtr model, std::unique_ptr<runtime::Session> session)
        : model_(std::move(model)), session_(std::move(session)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        return session_->run(inputs);
    }
    void observe(runtime::StepObserver* observer) override { session_->observe(observer); }
    void use(std::shared_ptr<runtime::Crew> crew) override { session_->use(std::move(crew)); }

private:
    const SleepingModel::ModelPtr model_;  // goes after the session
    const std::unique_ptr<runtime::Session> session_;
};

}  // namespace

SleepingModel::SleepingModel(ModelPtr model, Make make, const env::Clock& clock)
    : signature_(model->signature()),
      device_(model->device()),
      plans_by_shape_(model->plans_by_shape()),
      make_(std::move(make)),
      clock_(clock),
      model_(std::move(model)) {}

Result<std::unique_ptr<runtime::Session>> SleepingModel::new_session() const {
    ModelPtr model = HF_TRY(awake());
    std::unique_ptr<runtime::Session> session = HF_TRY(model->new_session());
    return std::make_unique<KeepingSession>(std::move(model), std::move(session));
}

SleepingModel::ModelPtr SleepingModel::if_awake() const {
    const MutexLock lock(mutex_);
    return model_;
}

std::vector<runtime::StepInfo> SleepingModel::steps() const {
    const ModelPtr model = if_awake();
    return model ? model->steps() : std::vector<runtime::StepInfo>();
}

void SleepingModel::prepare(const std::vector<Shape>& shapes) const {
    if (const ModelPtr model = if_awake()) model->prepare(shapes);
}

bool SleepingModel::asleep() const {
    return if_awake() == nullptr;
}

SleepingModel::ModelPtr SleepingModel::let_go() {
    const MutexLock lock(mutex_);
    return std::exchange(model_, nullptr);
}

// One try to wake, and what comes of it; also where it is left by an exception.
class SleepingModel::Try final {
public:
    explicit Try(const SleepingModel& of) : of_(of), start_(of.clock_.monotonic()) {}
    ~Try() {
        const std::chrono::duration<double> took = of_.clock_.monotonic() - start_;
        const MutexLock lock(of_.mutex_);
        of_.waking_ = false;
        ++of_.tries_;
        of_.last_ = made.status();
        if (made.ok()) {
            of_.model_ = *made;
            ++of_.wakes_.count;
            of_.wakes_.seconds += took.count();
        } else {
            ++of_.wakes_.failed;
        }
        of_.woken_.notify_all();
    }
    Try(const Try&) = delete;
    Try& operator=(const Try&) = delete;

    Result<ModelPtr> made = resource_exhausted("the model could not be made again");

private:
    const SleepingModel& of_;
    const Duration start_;
};

Result<SleepingModel::ModelPtr> SleepingModel::awake() const {
    {
        MutexLock lock(mutex_);
        while (!model_ && waking_) {
            const std::uint64_t of = tries_;
            woken_.wait(lock, [&]() HF_REQUIRES(mutex_) { return tries_ != of; });
            if (!last_.ok()) return last_;
        }
        if (model_) return model_;
        waking_ = true;
    }
    Try attempt(*this);
    attempt.made = make_();
    return attempt.made;
}

Wakes SleepingModel::wakes() const {
    const MutexLock lock(mutex_);
    return wakes_;
}

std::string SleepingModel::trouble() const {
    const MutexLock lock(mutex_);
    return std::string(model_ ? "" : last_.message());
}

}  // namespace hf::serve::sleep
