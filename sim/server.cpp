#include "sim/server.h"

#include <algorithm>

#include "api/conditions.h"
#include "control/server/policy_admission.h"
#include "node/local_control_plane.h"
#include "store/memory.h"

namespace hf::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kNodesPrefix = "/objects/nodes/";
constexpr std::string_view kRolloutsPrefix = "/objects/rollouts/";
constexpr std::string_view kLeaderKey = "/leader";
constexpr std::string_view kServicesPrefix = "/objects/services/";
constexpr Duration kLongCertificate = std::chrono::hours(24 * 365);
constexpr std::size_t kPutsAtOnce = 100;

control::ShownSvid svid_of(const control::EnrolmentRecord& record) {
    return {record.current, record.key, record.until};
}

resources::WriteOptions as_admin() {
    resources::WriteOptions options;
    options.who = api::Identity::of_system("admin");
    return options;
}

}  // namespace

Server::Server(Context& context)
    : context_(context),
      entropy_(context.dice.next()),
      checks_(context),
      rollout_checks_(context),
      store_(store::make_memory_store(context.time)) {}

void Server::start() {
    if (is_up()) return;
    ++life_;
    context_.trace.note("server starts, life {}", life_);
    HookedStore::Hooks hooks{
        [this](store::Transaction& transaction) { before_commit(transaction); },
        [this](const store::Transaction& transaction) { after_commit(transaction); },
        [this] {
            context_.trace.note("another server takes the lead");
            deposed_ = true;
            const Status put = claim_lead().status();
            HF_CHECK(put.ok());
        }};
    hooked_ = std::make_unique<HookedStore>(*store_, std::move(hooks));
    resources_ = std::make_unique<resources::Resources>(*hooked_, context_.time, entropy_);
    resources_->set_admission(control::admission_of(*resources_));
    take_lead();
}

Result<store::Revision> Server::claim_lead() {
    store::Transaction claim;
    claim.puts.push_back({std::string(kLeaderKey), fmt::format("{}", ++leads_), {}});
    return store_->commit(claim);
}

// Whoever leads from now on knows nothing but what is stored.
void Server::take_lead() {
    deposed_ = false;
    const Result<store::Revision> claimed = claim_lead();
    HF_CHECK(claimed.ok());
    fence_ = store::Compare{std::string(kLeaderKey), *claimed};
    round_.reset();
    lead_.reset();
    fenced_ = std::make_unique<control::FencedStore>(*hooked_, [this] { return fence_; });
    lead_ = std::make_unique<resources::Resources>(*fenced_, context_.time, entropy_);
    control::RoundOptions options;
    options.resolve = [this](const std::string& reference) {
        // Now and then a server does not know, and leaves it to the machines.
        return context_.dice.chance(1, 16) ? "" : context_.models.resolve(reference);
    };
    options.on_events = [this] { schedule(5ms); };
    round_ = std::make_unique<control::Round>(*lead_, std::move(options));
    due_ = Duration::max();
    schedule(10ms);
}

void Server::kill() {
    if (!is_up()) return;
    context_.trace.note("server is killed");
    ++ticket_;
    streams_.clear();
    planes_.clear();
    round_.reset();
    lead_.reset();
    fenced_.reset();
    resources_.reset();
    hooked_.reset();
    if (on_kill) on_kill();
}

void Server::restart_within(Duration most) {
    context_.time.after(context_.dice.between(100ms, most), [this] { start(); });
}

void Server::schedule(Duration delay) {
    const Duration when = context_.time.monotonic() + delay;
    if (when >= due_) return;
    due_ = when;
    context_.time.after(delay, [this, ticket = ++ticket_] {
        if (ticket == ticket_ && is_up()) round();
    });
}

void Server::round() {
    due_ = Duration::max();
    checks_.round_begins();
    rollout_checks_.round_begins();
    if (context_.dice.strikes(Fault::kServerCutShort, 1, 80)) {
        hooked_->die_after(context_.dice.below(6));
    } else if (context_.dice.strikes(Fault::kLeadLost, 1, 80)) {
        hooked_->overtake_after(context_.dice.below(6));
    }
    const Status done = round_->reconcile(context_.time.monotonic());
    const Status kept = round_->maintain(context_.time.monotonic());
    if (hooked_->is_dead()) {
        kill();
        restart_within(5s);
        return;
    }
    hooked_->overtake_after(std::nullopt);
    if (deposed_) return take_lead();
    // What the store refuses for another reason than a fault is a bug.
    for (const Status& status : {done, kept}) {
        if (!status.ok()) context_.trace.breach("round", "{}", status.message());
    }
    checks_.look();
    rollout_checks_.round_ends();
    const Duration now = context_.time.monotonic();
    schedule(round_->next(now) - now);
}

void Server::before_commit(store::Transaction& transaction) {
    if (context_.plant == Plant::kNone) return;
    for (store::Put& put : transaction.puts) plant(put);
}

void Server::plant(store::Put& put) const {
    const bool node = context_.plant == Plant::kEpoch && put.key.starts_with(kNodesPrefix);
    const bool scale = context_.plant == Plant::kScale && put.key.starts_with(kServicesPrefix);
    const bool limits = context_.plant == Plant::kBudget || context_.plant == Plant::kAbort;
    if (!node && !scale && !(limits && put.key.starts_with(kRolloutsPrefix))) return;
    api::Object object = api::Object::from_json(json::parse(put.value).value()).value();
    if (scale) {
        const auto scaled = api::find_condition(object, "Scaled");
        if (!scaled || scaled->reason != "SignalsMissing") return;
        const json::Value* range = json::find(object.spec(), "scale");
        if (range) object.edit_status()["wantedReplicas"] = json::get_int(*range, "min", 1);
    } else if (!node) {
        const bool budget = context_.plant == Plant::kBudget;
        object.edit_spec().erase(budget ? "disruptionBudget" : "abort");
    } else {
        json::Array orders = items_of(object.spec(), "services");
        for (json::Value& order : orders) {
            if (json::get_int(order, "epoch") == 3) order.get_object()["epoch"] = 2;
        }
        object.edit_spec()["services"] = std::move(orders);
    }
    put.value = json::write(object.json());
}

// To the checks.
void Server::show(const store::Transaction& transaction) {
    for (const store::Put& put : transaction.puts) {
        const bool is_node = put.key.starts_with(kNodesPrefix);
        const bool is_rollout = put.key.starts_with(kRolloutsPrefix);
        if (!is_node && !is_rollout && !put.key.starts_with(kServicesPrefix)) continue;
        const api::Object object = api::Object::from_json(json::parse(put.value).value()).value();
        rollout_checks_.written(object);
        if (is_rollout) continue;
        checks_.written(object);
        if (is_node) note_orders(object);
    }
    for (const std::string& key : transaction.removes) {
        checks_.removed(key);
        if (key.starts_with(kNodesPrefix)) {
            rollout_checks_.removed(std::string_view(key).substr(kNodesPrefix.size()));
        }
    }
}

void Server::after_commit(const store::Transaction& transaction) {
    show(transaction);
    if (pumping_) return;
    pumping_ = true;
    context_.time.after(1ms, [this] {
        pumping_ = false;
        if (is_up()) pump();
    });
}

// When they changed.
void Server::note_orders(const api::Object& node) {
    std::string text = fmt::format("{} generation {}{}{}:", node.name(), node.generation(),
                                   json::get_bool(node.spec(), "drain") ? ", drains" : "",
                                   api::is_true(node, "Ready") ? "" : ", not ready");
    for (const json::Value& order : items_of(node.spec(), "services")) {
        text +=
            fmt::format(" {}@{}", json::get_string(order, "name"), json::get_int(order, "epoch"));
    }
    std::string& known = noted_[std::string(node.name())];
    if (known != text) context_.trace.note("ordered: {}", text);
    known = std::move(text);
}

void Server::pump() {
    for (auto stream = streams_.begin(); stream != streams_.end();) {
        const auto events = stream->second.watch->next(Duration::zero());
        bool ended = !events.ok();
        const auto on_node = stream->second.on_node;
        for (const resources::WatchEvent& event :
             events.ok() ? *events : std::vector<resources::WatchEvent>()) {
            const bool gone = event.type == resources::WatchEvent::Type::kRemoved;
            on_node(gone ? nullptr : &event.object);
            ended = ended || gone;
        }
        stream = ended ? streams_.erase(stream) : std::next(stream);
    }
}

void Server::enrol(const std::string& node, const std::string& site) {
    control::EnrolmentRecord record;
    record.node = node;
    record.site = site;
    record.current = std::string("1");
    record.until = context_.time.now() + kLongCertificate;
    enrolled_[node] = std::move(record);
}

void Server::revoke(const std::string& node) {
    enrolled_[node] = control::revoked(enrolled_[node], "by the workload");
}

Status Server::admit(const std::string& node) {
    if (!is_up()) return unavailable("no server answers");
    const control::EnrolmentRecord& record = enrolled_[node];
    return control::decide_use(&record, svid_of(record), context_.time.now()).verdict;
}

Result<api::Object> Server::enlist(const std::string& node) {
    HF_TRY(admit(node));
    HF_TRY(send(node, [](node::ControlPlane& plane) { return plane.enlist().status(); }));
    // As enrolment does: the join token says where the machine stands. (That people also label it,
    // at once, is simpler.)
    const std::string& site = enrolled_[node].site;
    return resources_->modify({&api::node_kind(), "", node}, as_admin(),
                              [&](api::Object& object) -> Status {
                                  object.edit_spec()["site"] = site;
                                  object.set_label("ring", node.back() % 2 == 0 ? "a" : "b");
                                  return {};
                              });
}

Status Server::send(const std::string& node,
                    const std::function<Status(node::ControlPlane&)>& what) {
    HF_TRY(admit(node));
    std::unique_ptr<node::ControlPlane>& plane = planes_[node];
    if (!plane) {
        plane = node::make_local_control_plane(*resources_, node, [this](const std::string& name) {
            round_->heard(name, context_.time.monotonic());
            if (round_->lost().contains(name)) schedule(5ms);
        });
    }
    return what(*plane);
}

Status Server::follow(const std::string& node, std::function<void(const api::Object*)> on_node) {
    HF_TRY(admit(node));
    resources::WatchOptions options;
    options.selection.fields = HF_TRY(api::FieldSelector::parse("metadata.name=" + node));
    Stream stream;
    stream.watch = HF_TRY(resources_->watch(api::node_kind(), "", options));
    HF_TRY(resources_->get({&api::node_kind(), "", node}));
    stream.on_node = std::move(on_node);
    streams_[node] = std::move(stream);
    context_.time.after(1ms, [this] {
        if (is_up()) pump();
    });
    return {};
}

void Server::take_backup() {
    backup_.clear();
    const store::ListResult all = store_->list("", {}).value();
    for (const store::KeyValue& item : all.items) {
        backup_.push_back({item.key, item.value, store::LeaseId{}});
    }
    context_.trace.note("a backup of {} keys", backup_.size());
}

bool Server::restore_backup() {
    if (backup_.empty()) return false;
    kill();
    context_.trace.note("the backup is restored");
    store_ = store::make_memory_store(context_.time);
    checks_.forget();
    rollout_checks_.forget();
    for (std::size_t i = 0; i < backup_.size(); i += kPutsAtOnce) {
        store::Transaction part;
        for (std::size_t j = i; j < std::min(i + kPutsAtOnce, backup_.size()); ++j) {
            part.puts.push_back(backup_[j]);
        }
        const Status put = store_->commit(part).status();
        if (!put.ok()) context_.trace.breach("backup", "{}", put.message());
        show(part);
    }
    checks_.begin();
    rollout_checks_.begin();
    ++restored_;
    return true;
}

}  // namespace hf::sim
