#include "runtime/by_shape.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "runtime/cpu/build.h"
#include "runtime/cpu/model.h"
#include "runtime/optimize.h"
#include "runtime/ref/interpreter.h"

namespace hf::runtime {
namespace {

const Shape& shape_of(const Shape& shape) {
    return shape;
}
const Shape& shape_of(const Tensor& tensor) {
    return tensor.shape();
}

// The latest few of something, by the shapes of a run's inputs. Owned by its user.
template <typename T, std::size_t kMost>
class Latest {
public:
    // Null when there is none; else it becomes the latest.
    template <typename Inputs>  // shapes, or tensors
    T* find(const Inputs& inputs) {
        const auto same = [](const Shape& shape, const auto& input) {
            return shape == shape_of(input);
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
    ByShapeModel(graph::Graph graph, CompileOptions options, ModelPtr reference)
        : graph_(std::move(graph)),
          options_(std::move(options)),
          reference_(std::move(reference)),
          weights_(std::make_shared<cpu::WeightPool>(weight_room(graph_))) {}

    const Signature& signature() const override { return reference_->signature(); }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<Session>> new_session() const override;

    // Where open extents are 1. Errors as compile_by_shape() says.
    Status compile_first(const env::Clock* clock, CompileReport& report) {
        CompileOptions options = options_;
        options.clock = clock;
        ModelPtr model = HF_TRY(compile_with(options, report));
        std::vector<Shape> shapes;
        for (const Port& port : model->signature().inputs) shapes.push_back(port.shape);
        const MutexLock lock(mutex_);
        models_.add(std::move(shapes), std::move(model));
        return {};
    }

    // REQUIRES: shapes that fit the signature.
    ModelPtr model_for(const std::vector<Shape>& shapes) const {
        {
            const MutexLock lock(mutex_);
            if (const ModelPtr* known = models_.find(shapes)) return *known;
        }
        // Others may compile the same meanwhile; the first to end is kept.
        ModelPtr model = compile_for(shapes);
        const MutexLock lock(mutex_);
        if (const ModelPtr* known = models_.find(shapes)) return *known;
        return models_.add(shapes, std::move(model));
    }

    bool plans_by_shape() const override { return true; }
    void prepare(const std::vector<Shape>& shapes) const override {
        static_cast<void>(model_for(shapes));
    }

private:
    // Plans of few rows and of many pack most weights alike.
    static std::uint64_t weight_room(const graph::Graph& graph) {
        constexpr std::uint64_t kLeast = 64 << 10;
        constexpr std::uint64_t kTimes = 3;
        std::uint64_t bytes = 0;
        for (const graph::Value& value : graph.values) {
            if (value.constant) bytes += cpu::WeightPool::room_for(value.constant->bytes().size());
        }
        return std::min(kTimes * bytes + kLeast, cpu::kMaxWeightBytes);
    }

    Result<ModelPtr> compile_with(const CompileOptions& options, CompileReport& report) const {
        graph::Graph graph = graph_;
        HF_TRY(optimize(graph, options, report));
        return cpu::CpuDevice::compile_into(weights_, graph, options, report);
    }

    // The reference device answers for what cpu refuses, errors of the inputs among it.
    ModelPtr compile_for(const std::vector<Shape>& shapes) const {
        CompileOptions options = options_;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            options.input_shapes.emplace_back(signature().inputs[i].name, shapes[i]);
        }
        CompileReport report;
        Result<ModelPtr> model = compile_with(options, report);
        return model.ok() ? std::move(model).value() : reference_;
    }

    const graph::Graph graph_;  // after the passes, its ends open
    const CompileOptions options_;
    const ModelPtr reference_;
    const std::shared_ptr<cpu::WeightPool> weights_;
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
            started.model = model_->model_for(shapes_of(inputs));
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

// Times of passes that ran twice add up.
void add_passes(std::vector<CompileReport::PassRow>& to,
                const std::vector<CompileReport::PassRow>& first) {
    for (std::size_t i = 0; i < to.size() && i < first.size(); ++i) {
        to[i].milliseconds += first[i].milliseconds;
        to[i].changed |= first[i].changed;
        to[i].nodes_before = first[i].nodes_before;
    }
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
    // Passes change weights most, and those of a batch are those of a row. What they can only do
    // once shapes are known is left to each shape.
    graph::Graph open = std::move(graph);
    CompileReport opened;
    HF_TRY(optimize(open, options, opened));
    ModelPtr reference = HF_TRY(ref::compile_reference(open));
    CompileOptions on_cpu = options;
    on_cpu.device = "cpu";
    on_cpu.clock = nullptr;  // it may not live as long
    const auto model =
        std::make_shared<ByShapeModel>(std::move(open), std::move(on_cpu), std::move(reference));
    CompileReport closed;
    HF_TRY(model->compile_first(options.clock, closed));
    add_passes(closed.passes, opened.passes);
    report = std::move(closed);
    report.device = "cpu";
    report.by_shape = true;
    return model;
}

}  // namespace hf::runtime
