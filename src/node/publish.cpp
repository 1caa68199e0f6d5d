#include "node/publish.h"

#include "api/conditions.h"
#include "api/kinds.h"
#include "api/names.h"
#include "node/agent.h"

namespace hf::node {
namespace {

constexpr std::size_t kDigestPrefix = std::string_view("sha256:").size();
constexpr std::size_t kShortDigest = 12;

void set_conditions(api::Object& service, const Slot& slot) {
    // Conditions of steps that the present wish has not come to are left out.
    json::Array kept;
    if (const json::Array* old = json::find_array(service.status(), "conditions")) {
        for (const json::Value& condition : *old) {
            if (slot.condition(json::get_string(condition, "type"))) kept.push_back(condition);
        }
    }
    service.edit_status()["conditions"] = kept;
    for (const Condition& condition : slot.conditions) {
        api::set_condition(service,
                           {condition.type,
                            condition.truth ? api::Truth::kTrue : api::Truth::kFalse,
                            condition.reason,
                            condition.message,
                            slot.wish.generation,
                            {}},
                           condition.changed);
    }
}

}  // namespace

Publisher::Publisher(resources::Resources& resources, std::string node)
    : resources_(resources),
      node_(std::move(node)),
      who_(api::Identity::of_system("node:" + node_)) {}

Status Publisher::publish_service(const api::Object& service, const Slot& slot,
                                  const Running& running) {
    resources::WriteOptions options;
    options.who = who_;
    const Result<api::Object> written = resources_.modify_status(
        resources::key_of(api::service_kind(), service), options, [&](api::Object& now) -> Status {
            if (json::get_string(now.status(), "node") != node_) return {};
            json::Object& status = now.edit_status();
            status["observedGeneration"] = slot.wish.generation;
            if (!slot.active_digest.empty()) {
                status["digest"] = slot.active_digest;
                status["url"] = running.url;
                status["device"] = running.device;
            }
            set_conditions(now, slot);
            return {};
        });
    return written.status().code() == Code::kNotFound ? Status() : written.status();
}

Status Publisher::create_unless_there(api::Object object) {
    resources::WriteOptions options;
    options.who = who_;
    const Status status = resources_.create(std::move(object), options).status();
    return status.code() == Code::kAlreadyExists ? Status() : status;
}

void Publisher::publish_version(const api::Object& service, const Running& verified) {
    const std::string reference(json::get_string(service.spec(), "model"));
    const auto parsed = api::parse_model_reference(reference);
    if (!parsed.ok()) return;
    api::Object model = api::Object::make("Model", service.ns(), parsed->name);
    model.edit_spec();
    const std::string name =
        fmt::format("{}-{}", parsed->name, verified.digest.substr(kDigestPrefix, kShortDigest));
    api::Object version = api::Object::make("ModelVersion", service.ns(), name);
    json::Object& spec = version.edit_spec();
    spec["model"] = parsed->name;
    spec["digest"] = verified.digest;
    spec["reference"] = reference;
    if (!verified.format.empty()) spec["format"] = verified.format;
    spec["size"] = static_cast<std::int64_t>(verified.size_bytes);
    if (!verified.signer.empty()) spec["signer"] = verified.signer;
    Status status = create_unless_there(std::move(model));
    if (status.ok()) status = create_unless_there(std::move(version));
    if (status.ok()) return;
    Action event;
    event.warning = true;
    event.reason = "NotRecorded";
    event.message = fmt::format("the version could not be recorded: {}", status.message());
    tell(service, event);
}

Status Publisher::publish_node(const NodeFacts& facts,
                               const std::map<std::string, Running>& running, Instant now) {
    HF_TRY(create_unless_there(api::Object::make("Node", "", node_)));
    resources::WriteOptions options;
    options.who = who_;
    const auto change = [&](api::Object& node) -> Status {
        json::Object& status = node.edit_status();
        status["capacity"] = {{"cpus", facts.cpus}, {"memoryBytes", facts.memory_bytes}};
        status["architecture"] = facts.architecture;
        status["version"] = facts.version;
        status["url"] = facts.url;
        status["heartbeatTime"] = format_rfc3339(now);
        status["devices"] = json::Array{"cpu", "ref"};
        status["instructionSets"] =
            json::Array(facts.instruction_sets.begin(), facts.instruction_sets.end());
        json::Array services;
        for (const auto& [key, each] : running) {
            const std::size_t slash = key.find('/');
            services.push_back({{"namespace", key.substr(0, slash)},
                                {"name", key.substr(slash + 1)},
                                {"digest", each.digest}});
        }
        status["services"] = std::move(services);
        api::set_condition(node,
                           {"Ready",
                            api::Truth::kTrue,
                            "AgentRuns",
                            "the agent takes services",
                            node.generation(),
                            {}},
                           now);
        return {};
    };
    return resources_.modify_status({&api::node_kind(), "", node_}, options, change).status();
}

void Publisher::tell(const api::Object& service, const Action& event) {
    resources::EventNote note;
    note.type = event.warning ? "Warning" : "Normal";
    note.reason = event.reason;
    note.message = event.message;
    note.component = "node";
    note.host = node_;
    const Status ignored = resources_.record_event(service, note);
    (void)ignored;
}

}  // namespace hf::node
