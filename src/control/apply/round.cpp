#include "control/apply/round.h"

#include <algorithm>

#include "api/conditions.h"
#include "control/reconcile/service_status.h"

namespace hf::control {
namespace {

constexpr std::string_view kComponent = "reconciler";

resources::WriteOptions as_reconciler() {
    resources::WriteOptions options;
    options.who = api::Identity::of_system(kComponent);
    return options;
}

resources::ObjectKey key_of(const api::Kind& kind, const std::string& key) {
    const std::size_t slash = key.find('/');
    if (slash == std::string::npos) return {&kind, "", key};
    return {&kind, key.substr(0, slash), key.substr(slash + 1)};
}

// It went meanwhile: the next round sees that.
Status unless_gone(const Status& written) {
    return written.code() == Code::kNotFound ? Status() : written;
}

resources::EventNote note_of(bool warning, std::string reason, std::string message) {
    resources::EventNote note;
    note.type = warning ? "Warning" : "Normal";
    note.reason = std::move(reason);
    note.message = std::move(message);
    note.component = kComponent;
    return note;
}

api::Condition is_alive() {
    return {"Ready", api::Truth::kTrue, "AgentRuns", "the agent takes services", 0, {}};
}

api::Condition is_lost() {
    return {"Ready", api::Truth::kUnknown, "NodeLost", "no heartbeat has come for a while", 0, {}};
}

}  // namespace

Round::Round(resources::Resources& resources, RoundOptions options)
    : resources_(resources),
      resolve_(std::move(options.resolve)),
      write_(as_reconciler()),
      sites_(resources, api::site_kind(), options.on_events),
      nodes_(resources, api::node_kind(), options.on_events),
      services_(resources, api::service_kind(), options.on_events),
      policies_(resources, api::trust_policy_kind(), options.on_events),
      changes_(resources, api::rollout_kind(), options.on_events),
      shared_(!options.server.empty()),
      elsewhere_(resources.store(), options.server, options.on_events),
      removals_(resources.store()),
      versions_(resources, write_),
      rollouts_({resources, write_, resolve_, std::move(options.time_zone)}),
      scaler_(resources, write_),
      node_term_(options.node_term),
      liveness_(options.node_term) {}

Status Round::maintain(Duration now) {
    if (now - maintained_ < kMaintainEvery) return {};
    maintained_ = now;
    if (HF_TRY(removals_.any())) resources_.expect_garbage();
    HF_TRY(resources_.store().expire_leases());
    return resources_.maintain();
}

Duration Round::next(Duration now) const {
    Duration next = std::min(now + kRoundEvery, liveness_.next(now));
    if (const auto wake = rollouts_.wake()) {
        const Duration left = *wake - resources_.clock().now();
        next = std::min(next, now + std::max(left, Duration::zero()));
    }
    return next;
}

// Roll-outs before nodes: an order that a roll-out's state does not remember any more is on record
// then.
Status Round::read() {
    HF_TRY(changes_.update());
    HF_TRY(sites_.update());
    HF_TRY(nodes_.update());
    HF_TRY(services_.update());
    HF_TRY(policies_.update());
    return {};
}

Status Round::reconcile(Duration now) {
    HF_TRY(read());
    if (HF_TRY(judge_liveness(now))) HF_TRY(read());
    // A roll-out that cannot go on holds up nothing else, nor does a number that cannot be written.
    const Status rolled =
        rollouts_.run({changes_.objects(), nodes_.objects(), services_.objects()});
    HF_TRY(read());
    const Status scaled =
        scaler_.run({services_.objects(), nodes_.objects(), rollouts_.rolling()}, now);
    HF_TRY(read());
    const Orders orders =
        HF_TRY(decide_orders({sites_.objects(), nodes_.objects(), services_.objects(),
                              policies_.objects(), rollouts_.rolling()},
                             resolve_));
    HF_TRY(write_orders(orders));
    HF_TRY(read());
    HF_TRY(write_statuses(orders.plan));
    HF_TRY(versions_.record(nodes_.objects()));
    return rolled.ok() ? scaled : rolled;
}

// Whether any machine was lost or found.
Result<bool> Round::judge_liveness(Duration now) {
    std::map<std::string, bool> known;
    for (const auto& [name, node] : nodes_.objects()) known[name] = api::is_true(node, "Ready");
    const auto nodes = static_cast<std::int64_t>(known.size());
    every_ =
        std::max<Duration>(kHeartbeatEvery, std::chrono::seconds(1) * nodes / kHeartbeatsASecond);
    liveness_.set_term(std::max(node_term_, 3 * every_));
    lost_.clear();
    for (const auto& [name, ready] : known) {
        if (!ready) lost_.insert(name);
    }
    if (shared_) {
        const HeardElsewhere::News news = HF_TRY(elsewhere_.update());
        for (const std::string& node : news.heard) liveness_.heard(node, now);
        for (const std::string& node : news.silent) liveness_.silent(node, now);
    }
    const std::vector<Liveness::Change> changes = liveness_.update(known, now);
    HF_TRY(write_liveness(changes));
    return !changes.empty();
}

Status Round::write_liveness(const std::vector<Liveness::Change>& changes) {
    const Instant now = resources_.clock().now();
    std::vector<Edit> edits;
    for (const Liveness::Change& change : changes) {
        const bool alive = change.alive;
        const auto edit = [alive, now](api::Object& node) -> Status {
            api::set_condition(node, alive ? is_alive() : is_lost(), now);
            return {};
        };
        edits.push_back({{&api::node_kind(), "", change.node}, edit, true});
    }
    const std::vector<Result<api::Object>> written = resources_.modify_each(edits, write_);
    std::vector<resources::Resources::Told> told;
    Status failed;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (!written[i].ok()) {
            if (!unless_gone(written[i].status()).ok()) failed = written[i].status();
            continue;
        }
        const api::Condition condition = changes[i].alive ? is_alive() : is_lost();
        if (changes[i].alive) {
            lost_.erase(changes[i].node);
            told.push_back({*written[i], note_of(false, "NodeReady", "the node is heard")});
        } else {
            lost_.insert(changes[i].node);
            told.push_back({*written[i], note_of(true, "NodeLost", condition.message)});
        }
    }
    const Status recorded = resources_.record_events(told);
    return failed.ok() ? recorded : failed;
}

// Epochs first: a crash leaves one that nobody holds, never two orders with the same.
Status Round::write_orders(const Orders& orders) {
    std::vector<Edit> epochs;
    for (const auto& [service, number] : orders.epochs) {
        const auto edit = [epoch = number](api::Object& object) -> Status {
            json::Object& status = object.edit_status();
            status["epoch"] = std::max(epoch, json::get_int(object.status(), "epoch"));
            return {};
        };
        epochs.push_back({key_of(api::service_kind(), service), edit, true});
    }
    HF_TRY(modify_all(epochs));
    std::vector<Edit> edits;
    for (const NodeOrders& each : orders.nodes) {
        const auto edit = [&each](api::Object& node) -> Status {
            json::Object& spec = node.edit_spec();
            spec["services"] = each.services;
            spec["trustPolicies"] = each.policies;
            return {};
        };
        edits.push_back({{&api::node_kind(), "", each.node}, edit});
    }
    return modify_all(edits);
}

Status Round::modify_all(const std::vector<Edit>& edits) {
    for (const Result<api::Object>& written : resources_.modify_each(edits, write_)) {
        HF_TRY(unless_gone(written.status()));
    }
    return {};
}

Status Round::write_statuses(const place::Plan& plan) {
    for (const place::ServicePlan& each : plan.services) {
        const api::Object* service = services_.find(each.service);
        if (!service) continue;
        const Instant now = resources_.clock().now();
        const api::Object wanted = with_status(*service, each, nodes_.objects(), now);
        if (wanted == *service) continue;
        const auto before = api::find_condition(*service, "Placed");
        const auto edit = [&](api::Object& object) -> Status {
            const bool same = object.resource_version() == wanted.resource_version();
            object = same ? wanted : with_status(object, each, nodes_.objects(), now);
            return {};
        };
        const Result<api::Object> written =
            resources_.modify_status(key_of(api::service_kind(), each.service), write_, edit);
        if (!written.ok()) {
            HF_TRY(unless_gone(written.status()));
            continue;
        }
        const auto after = api::find_condition(*written, "Placed");
        const bool news = !before || before->message != after->message;
        if (news) {
            const bool warning = after->status != api::Truth::kTrue;
            HF_TRY(
                resources_.record_event(*written, note_of(warning, after->reason, after->message)));
        }
    }
    return {};
}

}  // namespace hf::control
