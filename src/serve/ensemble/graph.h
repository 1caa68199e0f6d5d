// Graph: a plan and the hosts that answer its steps, taken once: an ensemble whose member is loaded
// anew is another graph. So a request has all its members from its beginning to its end, whatever
// is loaded and unloaded meanwhile.
//
// Each step runs as any request for its model does: in the turns of the schedule, together with
// others of the same model where that pays, and counted there. No step holds a place while it waits
// for another, so that one place suffices. What its model's guard refuses, the ensemble refuses.
//
// Thread-safety: immutable; from any thread.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "serve/composite.h"
#include "serve/ensemble/plan.h"
#include "serve/models.h"

namespace hf::serve::ensemble {

class Graph final : public Composite, public std::enable_shared_from_this<Graph> {
    struct Private {
        explicit Private() = default;
    };

public:
    using Host = std::shared_ptr<ModelHost>;

    // Holds the declaration against the hosts of its models, by name; errors as make_plan().
    static Result<std::shared_ptr<const Graph>> make(const Declaration& declaration,
                                                     const std::map<std::string, Host>& hosts);
    Graph(Private, Plan plan, std::vector<Host> hosts);

    void run(Scheduler::Job job, const Places& places) const override;
    bool rows_apart() const override;

    const Plan& plan() const { return plan_; }
    const Host& host(std::size_t step) const { return hosts_[step]; }

    bool has(const ModelHost* member) const;

    // What computes: its members' devices.
    const std::string& device() const { return device_; }

    // "sha256:..." of what the members answer by: their files' digests and all that is declared of
    // them.
    const std::string& members_digest() const { return members_digest_; }

    // Whether an answer depends on nothing but that, and no guard looks at each request.
    bool may_be_cached() const;

private:
    class Run;

    const Plan plan_;
    const std::vector<Host> hosts_;  // of the plan's steps
    std::string device_;
    std::string members_digest_;
};

// An ensemble as a model: what has a signature and can be run without being counted (comparisons of
// versions).
class EnsembleModel final : public runtime::CompiledModel {
public:
    explicit EnsembleModel(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)) {}

    const runtime::Signature& signature() const override { return graph_->plan().signature; }
    std::string_view device() const override { return graph_->device(); }
    Result<std::unique_ptr<runtime::Session>> new_session() const override;

private:
    const std::shared_ptr<const Graph> graph_;
};

}  // namespace hf::serve::ensemble
