#include "runtime/conform.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "graph/load.h"
#include "graph/onnx/datum_proto.h"
#include "runtime/compile.h"
#include "runtime/optimize.h"
#include "runtime/ref/interpreter.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime {
namespace {

constexpr std::uint64_t kMaxCaseFileBytes = 256u << 20;

bool close(double got, double want, const Tolerance& tolerance) {
    if (std::isnan(want)) return std::isnan(got);
    if (std::isinf(want)) return got == want;
    return std::abs(got - want) <= tolerance.absolute + tolerance.relative * std::abs(want);
}

Status same_strings(const Tensor& got, const Tensor& want) {
    for (std::size_t i = 0; i < want.strings().size(); ++i) {
        if (got.strings()[i] != want.strings()[i]) {
            return failed_precondition("element {}: '{}', want '{}'", i, got.strings()[i],
                                       want.strings()[i]);
        }
    }
    return {};
}

// input_0.pb, input_1.pb, ... as the values say, until one is missing.
Result<std::vector<Datum>> read_data(env::Files& files, const std::string& prefix,
                                     const graph::Graph& graph,
                                     const std::vector<graph::ValueId>& values) {
    std::vector<Datum> data;
    for (;;) {
        const std::string path = fmt::format("{}_{}.pb", prefix, data.size());
        if (!files.exists(path)) return data;
        if (data.size() >= values.size()) {
            return failed_precondition("{}: the model has only {} of these", path, values.size());
        }
        const Bytes bytes = HF_TRY(files.read(path, kMaxCaseFileBytes));
        const graph::ValueKind kind = graph.value(values[data.size()]).kind;
        data.push_back(HF_TRY(graph::onnx::parse_datum_proto(bytes, kind).context("{}", path)));
    }
}

Result<Tolerance> read_tolerance(env::Files& files, const std::string& folder) {
    Tolerance tolerance;
    if (!files.exists(folder + "/data.json")) return tolerance;
    const Bytes bytes = HF_TRY(files.read(folder + "/data.json", 1u << 20));
    const json::Value data = HF_TRY(json::parse(as_text(bytes)));
    const json::Value* relative = json::find(data, "rtol");
    const json::Value* absolute = json::find(data, "atol");
    if (relative && relative->is_number()) tolerance.relative = relative->to_number<double>();
    if (absolute && absolute->is_number()) tolerance.absolute = absolute->to_number<double>();
    return tolerance;
}

// The cases store bf16 as u16, NumPy having no such type: what the model declares as bf16 are bits.
void read_as_declared(std::vector<Datum>& data, const graph::Graph& graph,
                      const std::vector<graph::ValueId>& ids) {
    for (std::size_t i = 0; i < std::min(data.size(), ids.size()); ++i) {
        const Tensor* tensor = data[i].tensor();
        if (!tensor || graph.value(ids[i]).dtype != DType::kBF16 ||
            tensor->dtype() != DType::kU16) {
            continue;
        }
        const auto owner = std::make_shared<const Tensor>(*tensor);
        data[i] = Tensor::borrowed(DType::kBF16, owner->shape(), owner->bytes(), owner);
    }
}

bool has_only_tensors(const graph::Graph& graph, const std::vector<graph::ValueId>& values) {
    return std::all_of(values.begin(), values.end(), [&](graph::ValueId id) {
        return graph.value(id).kind == graph::ValueKind::kTensor;
    });
}

using Run = std::function<Result<std::vector<Datum>>(std::span<const Datum> inputs)>;

Result<Run> run_in_session(graph::Graph graph, const Compiler& compiler) {
    const std::shared_ptr<const CompiledModel> model = HF_TRY(compiler(std::move(graph)));
    std::shared_ptr<Session> session = HF_TRY(model->new_session());
    return Run([model, session](std::span<const Datum> data) -> Result<std::vector<Datum>> {
        std::vector<Tensor> inputs;
        for (const Datum& datum : data) inputs.push_back(*datum.tensor());
        std::vector<Tensor> outputs = HF_TRY(session->run(inputs));
        return std::vector<Datum>(outputs.begin(), outputs.end());
    });
}

// Sessions take and give tensors only.
Result<Run> run_on_reference(graph::Graph graph) {
    CompileReport report;
    HF_TRY(optimize(graph, {}, report));
    return Run([graph = std::move(graph)](std::span<const Datum> inputs) {
        return ref::evaluate_data(graph, inputs);
    });
}

struct Case {
    const graph::Graph& graph;
    const Run& run;
    Tolerance tolerance;
};

Status run_data_set(env::Files& files, const std::string& folder, const Case& one) {
    std::vector<Datum> inputs =
        HF_TRY(read_data(files, folder + "/input", one.graph, one.graph.inputs));
    std::vector<Datum> wanted =
        HF_TRY(read_data(files, folder + "/output", one.graph, one.graph.outputs));
    read_as_declared(inputs, one.graph, one.graph.inputs);
    read_as_declared(wanted, one.graph, one.graph.outputs);
    const std::vector<Datum> outputs = HF_TRY(one.run(inputs));
    if (outputs.size() != wanted.size()) {
        return failed_precondition("{} outputs, want {}", outputs.size(), wanted.size());
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        Tolerance tolerance = one.tolerance;
        // The cases were cut off to bf16 where the standard rounds: one step of the last place.
        const Tensor* tensor = wanted[i].tensor();
        if (tensor && tensor->dtype() == DType::kBF16) tolerance.relative = 0x1p-7;
        HF_TRY(same_datum(outputs[i], wanted[i], tolerance).context("output {}", i));
    }
    return {};
}

Status run_case(env::Files& files, const std::string& folder, const Compiler& compiler) {
    const Bytes bytes = HF_TRY(files.read(folder + "/model.onnx", kMaxCaseFileBytes));
    const graph::Graph graph = HF_TRY(graph::load(bytes, graph::no_external_data()));
    const bool tensors =
        has_only_tensors(graph, graph.inputs) && has_only_tensors(graph, graph.outputs);
    const Run run = HF_TRY(tensors ? run_in_session(graph, compiler) : run_on_reference(graph));
    const auto tolerance = HF_TRY(read_tolerance(files, folder));
    const Case one{graph, run, tolerance};
    for (int set = 0;; ++set) {
        const std::string data = fmt::format("{}/test_data_set_{}", folder, set);
        if (!files.exists(data)) {
            return set > 0 ? Status() : not_found("the case has no test_data_set_0");
        }
        HF_TRY(run_data_set(files, data, one).context("data set {}", set));
    }
}

struct Walk {
    env::Files& files;
    const std::string& filter;
    const Compiler& compiler;
    ConformReport report;
};

void judge(Walk& walk, const std::string& folder, const std::string& name) {
    if (name.find(walk.filter) == std::string::npos) return;
    ConformCase one;
    one.name = name;
    if (!walk.files.exists(folder + "/model.onnx")) {
        one.verdict = ConformCase::Verdict::kSkipped;
        one.reason = "the folder has no model.onnx";
    } else {
        const Status status = run_case(walk.files, folder, walk.compiler);
        one.verdict = status.ok() ? ConformCase::Verdict::kPassed : ConformCase::Verdict::kFailed;
        one.reason = status.message();
    }
    walk.report.cases.push_back(std::move(one));
}

Status walk_folder(Walk& walk, const std::string& folder, const std::string& name, int depth) {
    constexpr int kMaxDepth = 3;
    const std::vector<env::DirectoryEntry> entries = HF_TRY(walk.files.list(folder));
    const bool is_case = std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
        return entry.name == "model.onnx" || entry.name.starts_with("test_data_set_") ||
               entry.name == "data.json";
    });
    if (is_case) {
        judge(walk, folder, name);
        return {};
    }
    for (const env::DirectoryEntry& entry : entries) {
        if (entry.kind != env::FileKind::kDirectory || depth >= kMaxDepth) continue;
        const std::string inner = name.empty() ? entry.name : name + "/" + entry.name;
        HF_TRY(walk_folder(walk, folder + "/" + entry.name, inner, depth + 1));
    }
    return {};
}

}  // namespace

Status same_tensor(const Tensor& got, const Tensor& want, const Tolerance& tolerance) {
    if (got.dtype() != want.dtype() || got.shape() != want.shape()) {
        return failed_precondition("{}[{}], want {}[{}]", dtype_name(got.dtype()),
                                   got.shape().to_string(), dtype_name(want.dtype()),
                                   want.shape().to_string());
    }
    if (want.dtype() == DType::kString) return same_strings(got, want);
    const std::vector<double> x = HF_TRY(ref::to_doubles(got));
    const std::vector<double> y = HF_TRY(ref::to_doubles(want));
    for (std::size_t i = 0; i < y.size(); ++i) {
        if (!close(x[i], y[i], tolerance)) {
            return failed_precondition("element {}: {}, want {}", i, x[i], y[i]);
        }
    }
    return {};
}

Status same_datum(const Datum& got, const Datum& want, const Tolerance& tolerance) {
    if (got.kind() != want.kind()) {
        return failed_precondition("{}, want {}", got.kind(), want.kind());
    }
    if (want.tensor()) return same_tensor(*got.tensor(), *want.tensor(), tolerance);
    if (!want.sequence()) return {};
    const Sequence& x = *got.sequence();
    const Sequence& y = *want.sequence();
    if (x.size() != y.size()) {
        return failed_precondition("a sequence of {}, want {}", x.size(), y.size());
    }
    for (std::size_t i = 0; i < y.size(); ++i) {
        HF_TRY(same_tensor(x[i], y[i], tolerance).context("element {} of the sequence", i));
    }
    return {};
}

std::size_t ConformReport::count(ConformCase::Verdict verdict) const {
    return static_cast<std::size_t>(std::count_if(
        cases.begin(), cases.end(), [&](const auto& one) { return one.verdict == verdict; }));
}

Result<ConformReport> run_conformance(env::Files& files, const std::string& folder,
                                      const std::string& filter, const Compiler& compiler) {
    Walk walk{files, filter, compiler, {}};
    HF_TRY(walk_folder(walk, folder, "", 0));
    if (walk.report.cases.empty()) {
        return not_found(
            "no conformance cases below {}; want folders with model.onnx and "
            "test_data_set_0",
            folder);
    }
    return std::move(walk.report);
}

}  // namespace hf::runtime
