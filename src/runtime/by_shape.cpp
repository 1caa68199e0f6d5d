#include "runtime/by_shape.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "runtime/cpu/model.h"
#include "runtime/optimize.h"
#include "runtime/ref/interpreter.h"

namespace hf::runtime {
namespace {

// The latest few of something, by the shapes of a run's inputs. Owned by its user.
template <typename T, std::size_t kMost>
class Latest {
public:
    // Null when there is none; else it becomes the latest.
    T* find(std::span<const Tensor> inputs) {
        const auto same = [](const Shape& shape, const Tensor& input) {
            return shape == input.shape();
        };
        for (std::size_t i = entries_.size(); i-- > 0;) {
            const std::vector<Shape>& shapes = entries_[i].shapes;
            if (!std::equal(shapes.begin(), shapes.end(), inputs.begin(), inputs.end(), same)) {
                continue;
            }
            std::rotate(entries_.begin() + static_cast<std::ptrdiff_t>(i),
                        entries_.begin() + static_cast<std::ptrdiff_t>(i) + 1, entries_.end());
            return &entries_.back().value;
        }
        return nullptr;
    }

    // In place of the one that was not used for longest, when there are kMost.
    T& add(std::vector<Shape> shapes, T value) {
        if (entries_.size() == kMost) entries_.erase(entries_.begin());
        entries_.push_back({std::move(shapes), std::move(value)});
        return entries_.back().value;
    }

    template <typename F>
    void for_each(F f) {
        for (Entry& entry : entries_) f(entry.value);
    }

private:
    struct Entry {
        std::vector<Shape> shapes;
        T value;
    };
    std::vector<Entry> entries_;  // the latest last
};

std::vector<Shape> shapes_of(std::span<const Tensor> inputs) {
    std::vector<Shape> shapes;
    for (const Tensor& input : inputs) shapes.push_back(input.shape());
    return shapes;
}

using ModelPtr = std::shared_ptr<const CompiledModel>;

class ByShapeModel final : public CompiledModel, public std::enable_shared_from_this<ByShapeModel> {
public:
    // `first` is for the shapes of its own signature.
    ByShapeModel(graph::Graph graph, CompileOptions options, ModelPtr reference, ModelPtr first)
        : graph_(std::move(graph)), options_(std::move(options)), reference_(std::move(reference)) {
        std::vector<Shape> shapes;
        for (const Port& port : first->signature().inputs) shapes.push_back(port.shape);
        const MutexLock lock(mutex_);
        models_.add(std::move(shapes), std::move(first));
    }

    const Signature& signature() const override { return reference_->signature(); }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<Session>> new_session() const override;

    // REQUIRES: inputs that fit the signature.
    ModelPtr model_for(std::span<const Tensor> inputs) const {
        {
            const MutexLock lock(mutex_);
            if (const ModelPtr* known = models_.find(inputs)) return *known;
        }
        // Others may compile the same meanwhile; the first to end is kept.
        ModelPtr model = compile_for(inputs);
        const MutexLock lock(mutex_);
        if (const ModelPtr* known = models_.find(inputs)) return *known;
        return models_.add(shapes_of(inputs), std::move(model));
    }

private:
    // The reference device answers for what cpu refuses, errors of the inputs among it.
    ModelPtr compile_for(std::span<const Tensor> inputs) const {
        CompileOptions options = options_;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            options.input_shapes.emplace_back(signature().inputs[i].name, inputs[i].shape());
        }
        graph::Graph graph = graph_;
        CompileReport report;
        if (!optimize(graph, options, report).ok()) return reference_;
        Result<ModelPtr> model = cpu::CpuDevice().compile(graph, options, report);
        return model.ok() ? std::move(model).value() : reference_;
    }

    const graph::Graph graph_;
    const CompileOptions options_;
    const ModelPtr reference_;
    mutable Mutex mutex_;
    mutable Latest<ModelPtr, kMostShapes> models_ HF_GUARDED_BY(mutex_);
};

class ByShapeSession final : public Session {
public:
    explicit ByShapeSession(std::shared_ptr<const ByShapeModel> model) : model_(std::move(model)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        HF_TRY(check_inputs(model_->signature(), inputs));
        Running* running = sessions_.find(inputs);
        if (!running) {
            Running started;
            started.model = model_->model_for(inputs);
            started.session = HF_TRY(started.model->new_session());
            started.session->use(crew_);
            running = &sessions_.add(shapes_of(inputs), std::move(started));
        }
        return running->session->run(inputs);
    }

    void use(std::shared_ptr<Crew> crew) override {
        crew_ = std::move(crew);
        sessions_.for_each([this](Running& running) { running.session->use(crew_); });
    }

private:
    struct Running {
        ModelPtr model;
        std::unique_ptr<Session> session;  // goes before its model
    };

    std::shared_ptr<Crew> crew_;

    std::shared_ptr<const ByShapeModel> model_;
    Latest<Running, kMostShapedSessions> sessions_;
};

Result<std::unique_ptr<Session>> ByShapeModel::new_session() const {
    return std::make_unique<ByShapeSession>(shared_from_this());
}

}  // namespace

bool has_open_inputs(const graph::Graph& graph) {
    return std::any_of(graph.inputs.begin(), graph.inputs.end(), [&](graph::ValueId id) {
        const std::optional<Shape>& shape = graph.value(id).shape;
        return shape && !shape->is_known();
    });
}

Result<std::shared_ptr<const CompiledModel>> compile_by_shape(graph::Graph graph,
                                                              const CompileOptions& options,
                                                              CompileReport& report) {
    for (const graph::ValueId id : graph.inputs) {
        if (graph.value(id).shape) continue;
        return unimplemented("the rank of '{}' is not known before it runs", graph.value(id).name);
    }
    CompileOptions on_cpu = options;
    on_cpu.device = "cpu";
    graph::Graph closed = graph;
    CompileReport trial;
    HF_TRY(optimize(closed, on_cpu, trial));
    ModelPtr model = HF_TRY(cpu::CpuDevice().compile(closed, on_cpu, trial));

    graph::Graph open = graph;
    CompileReport unread;
    HF_TRY(optimize(open, options, unread));
    ModelPtr reference = HF_TRY(ref::compile_reference(std::move(open)));
    on_cpu.clock = nullptr;  // it may not live as long
    report = std::move(trial);
    report.device = "cpu";
    report.by_shape = true;
    return std::make_shared<const ByShapeModel>(std::move(graph), std::move(on_cpu),
                                                std::move(reference), std::move(model));
}

}  // namespace hf::runtime
