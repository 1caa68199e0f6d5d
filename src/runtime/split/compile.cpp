#include "runtime/split/compile.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "runtime/optimize.h"
#include "runtime/split/assign.h"
#include "runtime/split/backend.h"
#include "runtime/split/model.h"
#include "runtime/split/partition.h"

namespace hf::runtime {
namespace {

using Model = std::shared_ptr<const CompiledModel>;

// After so many parts were declined, a back end that declines another loses all of its nodes.
constexpr int kMaxDeclined = 8;

// Of a part's refusals the report names so many.
constexpr std::size_t kMaxReasons = 8;

struct MadePart {
    Part part;
    PartGraph graph;
    Model model;
    CompileReport report;  // of a part of ours
};

// Each reason once, with the first node that it met.
std::vector<std::string> reasons_of(const graph::Graph& graph, const Part& part,
                                    const Assignment& assignment) {
    std::vector<std::string> order;
    std::map<std::string, std::pair<std::string, std::size_t>> first;
    for (std::size_t n : part.nodes) {
        const std::string& why = assignment.refused[n];
        if (why.empty()) continue;
        const auto [place, added] = first.try_emplace(why, graph.nodes[n].describe(), 0);
        if (added) order.push_back(why);
        ++place->second.second;
    }
    std::vector<std::string> reasons;
    for (const std::string& why : order) {
        if (reasons.size() == kMaxReasons) {
            reasons.push_back(fmt::format("and {} other reasons", order.size() - kMaxReasons));
            break;
        }
        const auto& [node, count] = first.at(why);
        reasons.push_back(count == 1 ? fmt::format("{}: {}", node, why)
                                     : fmt::format("{} and {} more: {}", node, count - 1, why));
    }
    return reasons;
}

// Times add up over the parts.
void merge_passes(const std::vector<CompileReport::PassRow>& rows, CompileReport& into) {
    for (const CompileReport::PassRow& row : rows) {
        const auto same = std::find_if(into.passes.begin(), into.passes.end(),
                                       [&](const auto& one) { return one.name == row.name; });
        if (same == into.passes.end()) {
            into.passes.push_back(row);
        } else {
            same->milliseconds += row.milliseconds;
            same->changed |= row.changed;
        }
    }
}

class Splitter final {
public:
    Splitter(graph::Graph graph, const CompileOptions& options, CompileReport& report)
        : graph_(std::move(graph)), options_(options), report_(report) {}

    Result<Model> compile() {
        HF_TRY(check_operators(graph_, options_.offers));
        HF_TRY(optimize_standard(graph_, options_, wants_fixed_inputs(), report_));
        assignment_ = HF_TRY(assign(graph_, options_.offers));
        HF_TRY(check_ends());
        HF_TRY(compile_foreign());
        Status rest = compile_rest();
        if (rest.code() == Code::kUnimplemented && !is_whole()) {
            // A sequence, say, that one part of ours would hand to another.
            refuse_all(fmt::format("the rest does not run in parts: {}", rest.message()));
            cut();
            rest = compile_rest();
        }
        HF_TRY(std::move(rest));
        for (const MadePart& made : parts_) {
            is_foreign(made.part) ? report_foreign(made) : report_local(made);
        }
        report_.device = device_name();
        if (is_whole()) return parts_[0].model;
        return std::make_shared<const SplitModel>(HF_TRY(write_plan()));
    }

private:
    bool is_foreign(const Part& part) const { return part.owner != assignment_.nobody; }
    const Backend& backend_of(const Part& part) const {
        return *options_.offers[part.owner].backend;
    }
    bool is_whole() const {
        return parts_.size() == 1 && parts_[0].part.nodes.size() == graph_.nodes.size();
    }

    bool wants_fixed_inputs() const {
        const auto& offers = options_.offers;
        return options_.device == "cpu" || !options_.input_shapes.empty() ||
               std::any_of(offers.begin(), offers.end(),
                           [](const Offer& offer) { return offer.backend->needs_known_types(); });
    }

    // A model in parts has a signature; one whose ends have no tensor type runs as a whole here.
    Status check_ends() {
        for (const auto* ids : {&graph_.inputs, &graph_.outputs}) {
            for (graph::ValueId id : *ids) {
                const graph::Value& value = graph_.value(id);
                const bool typed = value.kind == graph::ValueKind::kTensor && value.dtype &&
                                   (value.shape || ids == &graph_.outputs);
                if (!typed) refuse_all(fmt::format("'{}' has no known tensor type", value.name));
            }
        }
        return {};
    }

    // Of one owner, or of each.
    void refuse_all(const std::string& why, std::optional<std::size_t> only = {}) {
        for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
            const std::size_t owner = assignment_.owners[n];
            if (owner == assignment_.nobody || owner != only.value_or(owner)) continue;
            assignment_.refuse(n, options_.offers[owner].backend->name(), why);
        }
    }

    // A graph that one owner has as a whole keeps its inputs and outputs as they are.
    void cut() {
        parts_.clear();
        const std::vector<std::size_t> reads = count_reads(graph_);
        std::vector<Part> parts = partition(graph_, assignment_.owners);
        if (parts.empty()) parts.push_back({assignment_.nobody, {}});
        for (Part& part : parts) {
            MadePart made{std::move(part), {}, nullptr, {}};
            if (made.part.nodes.size() == graph_.nodes.size()) {
                made.graph = {graph_, graph_.inputs, graph_.outputs};
            } else {
                made.graph = extract(graph_, made.part, reads);
            }
            if (!made.graph.outputs.empty()) parts_.push_back(std::move(made));
        }
    }

    // Until no back end declines one of its parts.
    Status compile_foreign() {
        for (int declined = 0;; ++declined) {
            cut();
            const MadePart* refused = nullptr;
            Status why;
            for (MadePart& made : parts_) {
                if (!is_foreign(made.part)) continue;
                const Backend& backend = backend_of(made.part);
                Result<Model> model = backend.compile(made.graph.graph);
                if (model.ok()) {
                    made.model = std::move(model).value();
                    continue;
                }
                why = model.status();
                if (why.code() != Code::kUnimplemented) return why.context("{}", backend.name());
                refused = &made;
                break;
            }
            if (!refused) return {};
            HF_TRY(give_up(*refused, why, declined));
        }
    }

    // Takes the nodes at fault from their owner, or all of the part's when none is.
    Status give_up(const MadePart& made, const Status& why, int declined) {
        const Backend& backend = backend_of(made.part);
        if (declined >= kMaxDeclined) {
            refuse_all(fmt::format("it declined {} parts; the last: {}", declined, why.message()),
                       made.part.owner);
            return {};
        }
        const Refusals alone =
            HF_TRY(backend.refusals_alone(made.graph.graph).context("{}", backend.name()));
        HF_CHECK(alone.size() == made.part.nodes.size(), "{}", backend.name());
        const bool found = std::any_of(alone.begin(), alone.end(),
                                       [](const std::string& text) { return !text.empty(); });
        for (std::size_t i = 0; i < alone.size(); ++i) {
            if (found && alone[i].empty()) continue;
            assignment_.refuse(made.part.nodes[i], backend.name(),
                               found ? std::string_view(alone[i]) : why.message());
        }
        return {};
    }

    void report_foreign(const MadePart& made) {
        const std::string name(backend_of(made.part).name());
        for (const graph::Node& node : made.graph.graph.nodes) {
            report_.nodes.push_back({node.describe(), name + "." + node.op, ""});
        }
        for (const graph::Value& value : made.graph.graph.values) {
            if (value.constant) report_.weight_bytes += value.constant->bytes().size();
        }
        report_.parts.push_back({name, made.part.nodes.size(), {}});
    }

    Status compile_rest() {
        for (MadePart& made : parts_) {
            if (is_foreign(made.part)) continue;
            CompileOptions local = options_;
            local.offers.clear();
            if (!is_whole()) {
                // Its inputs are what other parts made: an open extent of theirs is open.
                local.input_shapes.clear();
                if (local.device == "cpu") local.device = "auto";
            }
            made.model = HF_TRY(runtime::compile(made.graph.graph, local, &made.report));
        }
        return {};
    }

    void report_local(const MadePart& made) {
        const CompileReport& report = made.report;
        merge_passes(report.passes, report_);
        report_.nodes.insert(report_.nodes.end(), report.nodes.begin(), report.nodes.end());
        report_.arena_bytes += report.arena_bytes;
        report_.weight_bytes += report.weight_bytes;
        report_.macs += report.macs;
        if (report_.device_refusal.empty()) report_.device_refusal = report.device_refusal;
        report_.parts.push_back(
            {report.device, made.part.nodes.size(), reasons_of(graph_, made.part, assignment_)});
    }

    std::string device_name() const {
        std::string name;
        std::set<std::string_view> seen;
        for (const MadePart& made : parts_) {
            if (!seen.insert(made.model->device()).second) continue;
            name += (name.empty() ? "" : "+") + std::string(made.model->device());
        }
        return name;
    }

    Result<SplitPlan> write_plan() {
        SplitPlan plan;
        plan.device = device_name();
        plan.slots = graph_.values.size();
        const auto slot = [](graph::ValueId id) { return static_cast<Slot>(id.value()); };
        for (graph::ValueId id : graph_.inputs) {
            const graph::Value& value = graph_.value(id);
            plan.inputs.push_back(slot(id));
            plan.signature.inputs.push_back({value.name, *value.dtype, *value.shape});
        }
        for (graph::ValueId id : graph_.outputs) {
            const graph::Value& value = graph_.value(id);
            plan.outputs.push_back(slot(id));
            plan.signature.outputs.push_back(
                {value.name, *value.dtype, value.shape.value_or(Shape())});
            if (value.constant) plan.constants.emplace_back(slot(id), *value.constant);
        }
        for (MadePart& made : parts_) {
            SplitPart part{made.model, {}, {}, made.part.nodes.size()};
            for (graph::ValueId id : made.graph.inputs) part.inputs.push_back(slot(id));
            for (graph::ValueId id : made.graph.outputs) part.outputs.push_back(slot(id));
            plan.parts.push_back(std::move(part));
        }
        return plan;
    }

    graph::Graph graph_;
    const CompileOptions& options_;
    CompileReport& report_;
    Assignment assignment_;
    std::vector<MadePart> parts_;
};

}  // namespace

Result<std::shared_ptr<const CompiledModel>> compile_split(graph::Graph graph,
                                                           const CompileOptions& options,
                                                           CompileReport& report) {
    return Splitter(std::move(graph), options, report).compile();
}

}  // namespace hf::runtime
