// The verbs on the kinds of holdfast.dev/v1.

#include "api/yaml.h"
#include "base/text.h"
#include "control/server/api_server.h"
#include "control/server/node_access.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

using api::Object;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kYaml = "application/yaml";
constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kJsonPatch = "application/json-patch+json";
constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";

// Without parameters such as charset.
std::string content_type(const http::Request& request) {
    const std::string_view type = request.headers.get("Content-Type").value_or(kJson);
    return to_lower(trim(type.substr(0, type.find(';'))));
}

http::Response unsupported_type() {
    return http_failure(415,
                        "the body of the request was in an unknown format - accepted media "
                        "types include: application/json, application/yaml");
}

bool is_readable(const http::Request& request) {
    const std::string type = content_type(request);
    return request.body.empty() || type == kJson || type == kYaml;
}

Result<json::Value> parse_body(const http::Request& request) {
    const std::string_view text = as_text(request.body);
    if (content_type(request) == kYaml) return api::parse_yaml(text);
    return json::parse(text, kMaxRequestBodyBytes);
}

http::Response with_warnings(http::Response response, const resources::Report& report) {
    for (const std::string& warning : report.warnings)
        response.headers.add("Warning", fmt::format("299 - {}", json::write(json::Value(warning))));
    return response;
}

Result<api::Selection> parse_selection(const http::Request& request) {
    api::Selection selection;
    selection.labels =
        HF_TRY(api::LabelSelector::parse(request.query_value("labelSelector").value_or("")));
    selection.fields =
        HF_TRY(api::FieldSelector::parse(request.query_value("fieldSelector").value_or("")));
    return selection;
}

Result<bool> parse_dry_run(std::string_view text) {
    if (text.empty()) return false;
    if (text == "All") return true;
    return invalid_argument("dryRun: Unsupported value: \"{}\": supported values: \"All\"", text);
}

Result<std::int64_t> parse_count(std::string_view name, std::string_view text) {
    if (text.empty()) return std::int64_t{0};
    const Result<std::int64_t> number = parse_int(text);
    if (!number.ok() || *number < 0)
        return invalid_argument("{}: Invalid value: \"{}\": want a number", name, text);
    return *number;
}

// What somebody sent must be what the path says.
Status check_address(const RequestPath& path, const api::Kind& kind, Object& object) {
    if (object.kind() != kind.name || object.api_version() != api::kApiVersion) {
        HF_TRY(resources::kind_of(object).status());
        return invalid_argument("the object is a {} of {}, but the path is for {} of {}",
                                object.kind(), object.api_version(), kind.plural, api::kApiVersion);
    }
    if (kind.namespaced && object.ns().empty()) object.edit_metadata()["namespace"] = path.ns;
    if (object.ns() != path.ns) {
        return invalid_argument(
            "the namespace of the provided object does not match the namespace "
            "sent on the request ({} and {})",
            object.ns(), path.ns);
    }
    if (path.name.empty() || object.name() == path.name) return {};
    return invalid_argument("the name of the object ({}) does not match the name on the URL ({})",
                            object.name(), path.name);
}

// The object as the API group of the path gives it: core events are the same under "v1".
Object under(const RequestPath& path, Object object) {
    if (path.group.empty()) object.fields()["apiVersion"] = "v1";
    return object;
}

Result<resources::RemoveOptions> parse_remove_options(const http::Request& request) {
    json::Value body = json::Object();
    if (!request.body.empty()) body = HF_TRY(parse_body(request));
    const auto query = [&](std::string_view name) {
        return request.query_value(name).value_or(json::get_string(body, name));
    };
    resources::RemoveOptions options;
    const std::string_view policy = query("propagationPolicy");
    if (policy == "Foreground") {
        options.propagation = resources::Propagation::kForeground;
    } else if (policy == "Orphan" || json::get_bool(body, "orphanDependents")) {
        options.propagation = resources::Propagation::kOrphan;
    } else if (!policy.empty() && policy != "Background") {
        return invalid_argument(
            "propagationPolicy: Unsupported value: \"{}\": supported values: "
            "\"Foreground\", \"Background\", \"Orphan\"",
            policy);
    }
    std::string_view dry_run = request.query_value("dryRun").value_or("");
    if (const json::Array* list = json::find_array(body, "dryRun"); list && !list->empty())
        dry_run = list->front().is_string() ? json::as_view(list->front().get_string()) : "?";
    options.dry_run = HF_TRY(parse_dry_run(dry_run));
    if (const json::Value* conditions = json::find(body, "preconditions")) {
        options.uid = std::string(json::get_string(*conditions, "uid"));
        options.resource_version = std::string(json::get_string(*conditions, "resourceVersion"));
    }
    return options;
}

}  // namespace

Result<resources::WriteOptions> ApiServer::write_options(const Call& call,
                                                         resources::Report& report) {
    resources::WriteOptions options;
    options.who = call.who;
    options.report = &report;
    options.dry_run = HF_TRY(parse_dry_run(call.query("dryRun")));
    if (const std::string_view validation = call.query("fieldValidation"); !validation.empty())
        options.field_validation = HF_TRY(api::parse_field_validation(validation));
    return options;
}

http::Response ApiServer::get(const Call& call) {
    Result<Object> object = resources_.get({call.kind, call.path.ns, call.path.name});
    if (!object.ok()) return failure(object.status(), call.about());
    return json_answer(200, shaped(call.form, *call.kind, under(call.path, std::move(*object)),
                                   resources_.clock().now()));
}

http::Response ApiServer::list(const Call& call) {
    resources::ListOptions options;
    const Result<api::Selection> selection = parse_selection(call.request);
    if (!selection.ok()) return failure(selection.status(), call.about());
    options.selection = *selection;
    const Result<std::int64_t> limit = parse_count("limit", call.query("limit"));
    if (!limit.ok()) return failure(limit.status(), call.about());
    options.limit = static_cast<std::size_t>(*limit);
    options.continue_token = std::string(call.query("continue"));
    if (call.query("resourceVersionMatch") == "Exact") {
        const auto at = resources::parse_resource_version(call.query("resourceVersion"));
        if (!at.ok()) return failure(at.status(), call.about());
        options.at = *at;
    }
    Result<resources::ObjectList> list = resources_.list(*call.kind, call.path.ns, options);
    if (!list.ok()) return failure(list.status(), call.about());
    for (Object& item : list->items) item = under(call.path, std::move(item));
    json::Value value = shaped_list(call.form, *call.kind, *list, resources_.clock().now());
    if (call.form.shape == Form::Shape::kObject && call.path.group.empty())
        value.get_object()["apiVersion"] = "v1";
    return json_answer(200, value);
}

Result<std::shared_ptr<WatchStream>> ApiServer::open_watch(const Call& call) {
    resources::WatchOptions options;
    options.selection = HF_TRY(parse_selection(call.request));
    const std::string_view version = call.query("resourceVersion");
    const bool initial = is_yes(call.query("sendInitialEvents"));
    if (!version.empty() && version != "0" && !initial)
        options.after = HF_TRY(resources::parse_resource_version(version));
    const std::int64_t seconds =
        HF_TRY(parse_count("timeoutSeconds", call.query("timeoutSeconds")));
    Duration life = kMaxWatchLife;
    if (seconds > 0 && seconds < std::chrono::duration_cast<std::chrono::seconds>(life).count())
        life = std::chrono::seconds(seconds);
    auto wakener = std::make_shared<Wakener>();
    options.on_events = [wakener] { wakener->wake(); };
    {
        const MutexLock lock(mutex_);
        // tick() forgets those that are gone.
        if (watches_.size() >= kMaxWatches)
            std::erase_if(watches_, [](const auto& watch) { return watch.wakener.expired(); });
        if (watches_.size() >= kMaxWatches)
            return unavailable("there are {} watches already; try again", kMaxWatches);
        watches_.push_back({call.who.user, wakener});
    }
    auto watch = HF_TRY(resources_.watch(*call.kind, call.path.ns, options));
    WatchStreamOptions stream{*call.kind,
                              call.form,
                              call.path.group.empty() ? "v1" : std::string(api::kApiVersion),
                              is_yes(call.query("allowWatchBookmarks")),
                              initial,
                              life};
    if (const auto node = node_name(call.who); node && on_node_) {
        on_node_(*node, true);
        stream.on_end = [told = on_node_, node = *node] { told(node, false); };
    }
    return std::make_shared<WatchStream>(std::move(watch), std::move(wakener), resources_.clock(),
                                         std::move(stream));
}

http::Response ApiServer::watch(const Call& call) {
    // One object's watch is the collection's, narrowed.
    if (!call.path.name.empty())
        return http_failure(405, "watch the collection with fieldSelector=metadata.name=NAME");
    Result<std::shared_ptr<WatchStream>> stream = open_watch(call);
    if (!stream.ok()) return failure(stream.status(), call.about());
    http::Response response = http::Response::json(200, "");
    response.stream = std::move(*stream);
    return response;
}

http::Response ApiServer::create(const Call& call) {
    if (!is_readable(call.request)) return unsupported_type();
    resources::Report report;
    About about = call.about();
    const auto work = [&]() -> Result<Object> {
        const resources::WriteOptions options = HF_TRY(write_options(call, report));
        Object object = HF_TRY(Object::from_json(HF_TRY(parse_body(call.request))));
        about = {std::string(api::kGroup), call.kind->plural, std::string(object.name()), ""};
        HF_TRY(check_address(call.path, *call.kind, object));
        if (const auto node = node_name(call.who)) HF_TRY(check_node_object(*node, object));
        HF_TRY(check_sent(call.who, object.json()));
        return resources_.create(std::move(object), options);
    };
    Result<Object> created = work();
    // kubectl names the kind of what is invalid, the resource of the rest.
    if (!report.causes.empty()) about.kind = call.kind->name;
    if (!created.ok()) return refused(call, created.status(), about, report.causes);
    return with_warnings(json_answer(201, shaped(call.form, *call.kind, std::move(*created),
                                                 resources_.clock().now())),
                         report);
}

http::Response ApiServer::update(const Call& call) {
    if (!is_readable(call.request)) return unsupported_type();
    resources::Report report;
    const auto work = [&]() -> Result<Object> {
        const resources::WriteOptions options = HF_TRY(write_options(call, report));
        Object object = HF_TRY(Object::from_json(HF_TRY(parse_body(call.request))));
        HF_TRY(check_address(call.path, *call.kind, object));
        HF_TRY(check_sent(call.who, object.json()));
        if (call.path.subresource == "status")
            return resources_.update_status(std::move(object), options);
        return resources_.update(std::move(object), options);
    };
    Result<Object> updated = work();
    About about = call.about();
    if (!report.causes.empty()) about.kind = call.kind->name;
    if (!updated.ok()) return refused(call, updated.status(), about, report.causes);
    return with_warnings(json_answer(200, shaped(call.form, *call.kind, std::move(*updated),
                                                 resources_.clock().now())),
                         report);
}

http::Response ApiServer::patch(const Call& call) {
    const std::string type = content_type(call.request);
    if (type == kApplyPatch) {
        return http_failure(415,
                            "server-side apply is not served here, because fields have no "
                            "owners: use `kubectl apply` without --server-side");
    }
    if (type != kMergePatch && type != kJsonPatch) {
        return http_failure(415,
                            "the body of the request was in an unknown format - accepted "
                            "media types include: application/json-patch+json, "
                            "application/merge-patch+json (kubectl patch --type=merge)");
    }
    if (type == kJsonPatch && node_name(call.who)) {
        return refused(call,
                       reasons::refuse(Code::kPermissionDenied, reasons::kNodeForbidden,
                                       "a node sends merge patches, which can be judged before "
                                       "they are applied"),
                       {});
    }
    resources::Report report;
    const auto work = [&]() -> Result<Object> {
        const resources::WriteOptions options = HF_TRY(write_options(call, report));
        resources::Patch patch;
        patch.type =
            type == kJsonPatch ? resources::Patch::Type::kJson : resources::Patch::Type::kMerge;
        patch.value = HF_TRY(json::parse(as_text(call.request.body), kMaxRequestBodyBytes));
        if (type == kMergePatch) HF_TRY(check_sent(call.who, patch.value));
        patch.status = call.path.subresource == "status";
        return resources_.patch({call.kind, call.path.ns, call.path.name}, patch, options);
    };
    Result<Object> patched = work();
    About about = call.about();
    if (!report.causes.empty()) about.kind = call.kind->name;
    if (!patched.ok()) return refused(call, patched.status(), about, report.causes);
    return with_warnings(json_answer(200, shaped(call.form, *call.kind, std::move(*patched),
                                                 resources_.clock().now())),
                         report);
}

http::Response ApiServer::remove(const Call& call) {
    if (!is_readable(call.request)) return unsupported_type();
    Result<resources::RemoveOptions> options = parse_remove_options(call.request);
    if (!options.ok()) return failure(options.status(), call.about());
    options->who = call.who;
    const Result<resources::Removal> removal =
        resources_.remove({call.kind, call.path.ns, call.path.name}, *options);
    if (!removal.ok()) return refused(call, removal.status(), call.about());
    if (!removal->gone) return json_answer(200, removal->object.json());
    About about = call.about();
    about.uid = std::string(removal->object.uid());
    return success(about);
}

http::Response ApiServer::remove_collection(const Call& call) {
    if (!is_readable(call.request)) return unsupported_type();
    const auto work = [&]() -> Result<resources::ObjectList> {
        resources::RemoveOptions options = HF_TRY(parse_remove_options(call.request));
        options.who = call.who;
        resources::ListOptions all;
        all.selection = HF_TRY(parse_selection(call.request));
        resources::ObjectList list = HF_TRY(resources_.list(*call.kind, call.path.ns, all));
        for (Object& item : list.items) {
            Result<resources::Removal> removal =
                resources_.remove(resources::key_of(*call.kind, item), options);
            if (removal.ok())
                item = std::move(removal->object);
            else if (removal.status().code() != Code::kNotFound)
                return removal.status();
        }
        return list;
    };
    const Result<resources::ObjectList> removed = work();
    if (!removed.ok()) return refused(call, removed.status(), call.about());
    return json_answer(200, shaped_list({}, *call.kind, *removed, resources_.clock().now()));
}

}  // namespace hf::control
