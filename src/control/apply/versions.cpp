#include "control/apply/versions.h"

#include <fmt/format.h>

#include "api/names.h"
#include "control/reconcile/node_parts.h"

namespace hf::control {
namespace {

constexpr std::size_t kDigestPrefix = std::string_view("sha256:").size();
constexpr std::size_t kShortDigest = 12;

}  // namespace

Status VersionRecorder::record(const Objects& nodes) {
    Status failed;
    for (const auto& [name, node] : nodes) {
        const json::Array* orders = json::find_array(node.spec(), "services");
        if (!orders) continue;
        for (const json::Value& order : *orders) {
            const json::Value* report =
                find_service(node.status(), json::get_string(order, "namespace"),
                             json::get_string(order, "name"));
            if (!report || json::get_string(*report, "digest").empty()) continue;
            const Status status = record_one(order, *report);
            if (!status.ok()) failed = status;
        }
    }
    return failed;
}

Status VersionRecorder::record_one(const json::Value& order, const json::Value& report) {
    const std::string ns(json::get_string(order, "namespace"));
    const std::string digest(json::get_string(report, "digest"));
    const std::string reference(json::get_string(order, "model"));
    // A report that tells of the version before the order names another reference's digest.
    const std::string_view ordered = json::get_string(order, "digest");
    if (!ordered.empty() && ordered != digest) return {};
    const Result<api::ModelReference> parsed = api::parse_model_reference(reference);
    if (!parsed.ok() || digest.size() < kDigestPrefix + kShortDigest) return {};
    const std::string key = fmt::format("{}/{}@{}", ns, parsed->name, digest);
    if (recorded_.contains(key)) return {};
    api::Object model = api::Object::make("Model", ns, parsed->name);
    model.edit_spec();
    const std::string name =
        fmt::format("{}-{}", parsed->name, digest.substr(kDigestPrefix, kShortDigest));
    api::Object version = api::Object::make("ModelVersion", ns, name);
    json::Object& spec = version.edit_spec();
    spec["model"] = parsed->name;
    spec["digest"] = digest;
    spec["reference"] = reference;
    spec["size"] = json::get_int(report, "sizeBytes");
    for (std::string_view part : {"format", "signer"}) {
        const std::string_view value = json::get_string(report, part);
        if (!value.empty()) spec[part] = value;
    }
    HF_TRY(create_unless_there(std::move(model)));
    HF_TRY(create_unless_there(std::move(version)));
    recorded_.insert(key);
    return {};
}

Status VersionRecorder::create_unless_there(api::Object object) {
    const Status status = resources_.create(std::move(object), write_).status();
    return status.code() == Code::kAlreadyExists ? Status() : status;
}

}  // namespace hf::control
