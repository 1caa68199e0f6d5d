#include "serve/ensemble/graph.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "crypto/hash.h"
#include "serve/ensemble/flow.h"

namespace hf::serve::ensemble {
namespace {

Member member_of(const ModelHost& host) {
    Member member;
    member.signature = host.signature();
    member.keeps_state = host.sequences() != nullptr;
    member.rows_apart = host.runs_together();
    if (const auto* const graph = dynamic_cast<const Graph*>(host.composite())) {
        member.depth = graph->plan().depth;
        member.runs = graph->plan().runs;
    }
    return member;
}

// The steps one after the other, by members that do not count it.
class Quietly final : public runtime::Session {
public:
    explicit Quietly(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
        HF_TRY(runtime::check_inputs(graph_->plan().signature, inputs));
        Flow flow(graph_->plan(), inputs);
        while (!flow.done()) {
            for (const Flow::Ready& ready : HF_TRY(flow.take_ready())) {
                ModelHost& host = *graph_->host(ready.step);
                std::vector<Tensor> outputs = HF_TRY(host.run_uncounted(ready.inputs));
                outputs.resize(host.signature().outputs.size());  // a guard's layer is behind them
                HF_TRY(flow.finish(ready.step, std::move(outputs)));
            }
        }
        return flow.take_outputs();
    }

private:
    const std::shared_ptr<const Graph> graph_;
};

}  // namespace

Result<std::shared_ptr<const Graph>> Graph::make(const Declaration& declaration,
                                                 const std::map<std::string, Host>& hosts) {
    Members members;
    for (const auto& [name, host] : hosts) members.emplace(name, member_of(*host));
    Plan plan = HF_TRY(make_plan(declaration, members));
    std::vector<Host> of_steps;
    for (const Plan::Step& step : plan.steps) of_steps.push_back(hosts.find(step.model)->second);
    return std::make_shared<const Graph>(Private{}, std::move(plan), std::move(of_steps));
}

Graph::Graph(Private, Plan plan, std::vector<Host> hosts)
    : plan_(std::move(plan)), hosts_(std::move(hosts)) {
    std::set<std::string> devices;
    std::string all = "holdfast.dev/ensemble-members/v1\n";
    for (const Host& host : hosts_) {
        devices.emplace(host->device());
        all.append(host->receipt_json()).append("\n");
    }
    device_ = join(std::vector<std::string>(devices.begin(), devices.end()), "+");
    members_digest_ = crypto::sha256(as_bytes(all)).to_string();
}

bool Graph::has(const ModelHost* member) const {
    return std::any_of(hosts_.begin(), hosts_.end(),
                       [member](const Host& host) { return host.get() == member; });
}

bool Graph::rows_apart() const {
    const auto open = [](const runtime::Port& port) {
        return port.shape.rank() > 0 && port.shape[0] == Shape::kUnknown;
    };
    const auto of_request = [](const Plan::Step& step) { return step.when && !step.when->by_row; };
    const auto apart = [](const Host& host) { return host->runs_together(); };
    return std::all_of(plan_.signature.inputs.begin(), plan_.signature.inputs.end(), open) &&
           std::all_of(plan_.signature.outputs.begin(), plan_.signature.outputs.end(), open) &&
           std::none_of(plan_.steps.begin(), plan_.steps.end(), of_request) &&
           std::all_of(hosts_.begin(), hosts_.end(), apart);
}

bool Graph::may_be_cached() const {
    return std::all_of(hosts_.begin(), hosts_.end(),
                       [](const Host& host) { return host->may_be_cached() && !host->guard(); });
}

Result<std::unique_ptr<runtime::Session>> EnsembleModel::new_session() const {
    return std::make_unique<Quietly>(graph_);
}

}  // namespace hf::serve::ensemble
