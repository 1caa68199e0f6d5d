#include "resources/admission.h"

#include <algorithm>

#include "api/kinds.h"
#include "base/text.h"

namespace hf::resources {
namespace {

using api::Object;

// Members of metadata that only the server writes.
constexpr std::string_view kServerFields[] = {"uid", "creationTimestamp", "deletionTimestamp",
                                              "deletionGracePeriodSeconds", "generation"};

Status prune(const Admission& admission, Object& object) {
    const std::vector<std::string> unknown = api::prune(admission.kind, object);
    if (unknown.empty() || admission.field_validation == api::FieldValidation::kIgnore) return {};
    if (admission.field_validation == api::FieldValidation::kWarn) {
        admission.report.warnings.insert(admission.report.warnings.end(), unknown.begin(),
                                         unknown.end());
        return {};
    }
    return invalid_argument(
        "{0} in version \"v1\" cannot be handled as a {0}: strict decoding error: {1}",
        admission.kind.name, join(unknown, ", "));
}

Status judge(const Admission& admission, const Object& object, std::vector<api::Cause> causes) {
    for (api::Cause& cause : api::validate(admission.kind, object)) {
        if (causes.size() < api::kMaxCauses) causes.push_back(std::move(cause));
    }
    if (causes.empty()) return {};
    admission.report.causes = causes;
    return api::invalid(admission.kind, object.name(), causes);
}

void take_member(const Object& from, Object& to, std::string_view key) {
    const json::Value& value = from.member(key);
    if (value.is_null()) {
        to.fields().erase(key);
    } else {
        to.fields()[key] = value;
    }
}

// A finalizer that appears on an object that is going would hold it for ever.
void check_finalizers(const Object& before, const Object& now, std::vector<api::Cause>& causes) {
    if (!before.being_removed()) return;
    const std::vector<std::string> had = before.finalizers();
    for (const std::string& name : now.finalizers()) {
        if (std::find(had.begin(), had.end(), name) != had.end()) continue;
        causes.push_back({"FieldValueForbidden", "metadata.finalizers",
                          fmt::format("Forbidden: no new finalizers can be added if the object is "
                                      "being deleted, found new finalizer \"{}\"",
                                      name)});
    }
}

// All that says what is wanted: the object without metadata and status.
json::Value wanted_of(const Object& object) {
    json::Object wanted = object.json().get_object();
    wanted.erase("metadata");
    wanted.erase("status");
    return wanted;
}

}  // namespace

Result<const api::Kind*> kind_of(const Object& object) {
    if (object.api_version() != api::kApiVersion) {
        return invalid_argument(
            "no matches for kind \"{}\" in version \"{}\": the version here is "
            "{}",
            object.kind(), object.api_version(), api::kApiVersion);
    }
    if (const api::Kind* kind = api::find_kind(object.kind())) return kind;
    std::vector<std::string> names;
    for (const api::Kind* kind : api::all_kinds()) names.push_back(kind->name);
    const std::string near = nearest(object.kind(), names);
    return invalid_argument("no matches for kind \"{}\" in version \"{}\"{}", object.kind(),
                            api::kApiVersion,
                            near.empty() ? fmt::format("; there are {}", join(names, ", "))
                                         : fmt::format("; did you mean {}?", near));
}

Status admit_new(const Admission& admission, Object& object, const Birth& birth) {
    const api::Kind& kind = admission.kind;
    HF_TRY(prune(admission, object));
    json::Object& metadata = object.edit_metadata();
    if (object.name().empty() && metadata.contains("generateName")) {
        metadata["name"] =
            fmt::format("{}{}", json::get_string(metadata, "generateName"), birth.name_suffix);
    }
    for (std::string_view key : kServerFields) metadata.erase(key);
    metadata.erase("resourceVersion");
    metadata["uid"] = birth.uid;
    metadata["creationTimestamp"] = format_rfc3339(birth.now);
    if (kind.has_spec()) metadata["generation"] = 1;
    object.fields().erase("status");
    api::fill_defaults(kind, object);
    return judge(admission, object, {});
}

Status admit_change(const Admission& admission, const Object& before, Object& now) {
    HF_TRY(prune(admission, now));
    json::Object& metadata = now.edit_metadata();
    std::vector<api::Cause> causes;
    if (now.uid().empty()) metadata["uid"] = before.uid();
    for (std::string_view key : kServerFields) {
        if (key == "uid") continue;
        metadata.erase(key);
        if (const json::Value* value = json::find(before.metadata(), key)) metadata[key] = *value;
    }
    take_member(before, now, "status");
    api::fill_defaults(admission.kind, now);
    if (admission.kind.has_spec() && wanted_of(before) != wanted_of(now))
        metadata["generation"] = before.generation() + 1;
    check_finalizers(before, now, causes);
    for (api::Cause& cause : api::validate_change(admission.kind, before, now))
        causes.push_back(std::move(cause));
    return judge(admission, now, std::move(causes));
}

Status admit_status(const Admission& admission, const Object& before, Object& now) {
    HF_TRY(prune(admission, now));
    Object merged = before;
    take_member(now, merged, "status");
    now = std::move(merged);
    return judge(admission, now, {});
}

}  // namespace hf::resources
