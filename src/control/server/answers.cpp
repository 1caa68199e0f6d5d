#include "control/server/answers.h"

#include "base/text.h"
#include "store/transaction.h"

namespace hf::control {
namespace {

struct HttpReason {
    int code;
    std::string_view reason;
};

HttpReason reason_of(const Status& status, bool has_causes) {
    switch (status.code()) {
        case Code::kInvalidArgument:
            return has_causes ? HttpReason{422, "Invalid"} : HttpReason{400, "BadRequest"};
        case Code::kFailedPrecondition: return {422, "Invalid"};
        case Code::kUnauthenticated: return {401, "Unauthorized"};
        case Code::kPermissionDenied: return {403, "Forbidden"};
        case Code::kNotFound: return {404, "NotFound"};
        case Code::kAlreadyExists: return {409, "AlreadyExists"};
        case Code::kAborted: return {409, "Conflict"};
        case Code::kOutOfRange: return {410, "Expired"};
        case Code::kResourceExhausted:
            return status.message().find(store::kNoRoom) == std::string_view::npos
                       ? HttpReason{413, "RequestEntityTooLarge"}
                       : HttpReason{507, "InsufficientStorage"};
        case Code::kUnavailable: return {503, "ServiceUnavailable"};
        case Code::kDeadlineExceeded: return {504, "Timeout"};
        default: return {500, "InternalError"};
    }
}

json::Object details_of(const About& about) {
    json::Object details;
    if (!about.name.empty()) details["name"] = about.name;
    if (!about.group.empty()) details["group"] = about.group;
    if (!about.kind.empty()) details["kind"] = about.kind;
    if (!about.uid.empty()) details["uid"] = about.uid;
    return details;
}

json::Object status_with(const HttpReason& reason, std::string_view message, json::Object details) {
    return {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::Object()},
            {"status", "Failure"}, {"message", message}, {"reason", reason.reason},
            {"details", details},  {"code", reason.code}};
}

// "v1" of "application/json;as=Table;v=v1;g=meta.k8s.io".
std::string_view parameter(const std::vector<std::string_view>& parts, std::string_view name) {
    for (std::string_view part : parts) {
        const std::string_view text = trim(part);
        if (text.starts_with(name) && text.substr(name.size()).starts_with('='))
            return text.substr(name.size() + 1);
    }
    return {};
}

bool is_json(std::string_view type) {
    return type == "application/json" || type == "*/*" || type == "application/*";
}

json::Value partial_metadata(const Form& form, const json::Value& metadata, std::string_view kind) {
    return json::Object{
        {"kind", kind}, {"apiVersion", "meta.k8s.io/" + form.version}, {"metadata", metadata}};
}

}  // namespace

json::Value status_object(const Status& status, const About& about,
                          const std::vector<api::Cause>& causes) {
    json::Object details = details_of(about);
    if (!causes.empty()) {
        json::Array list;
        for (const api::Cause& cause : causes) {
            list.push_back(json::Object{
                {"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
        }
        details["causes"] = std::move(list);
    }
    return status_with(reason_of(status, !causes.empty()), status.message(), std::move(details));
}

http::Response failure(const Status& status, const About& about,
                       const std::vector<api::Cause>& causes) {
    const int code = reason_of(status, !causes.empty()).code;
    http::Response response = json_answer(code, status_object(status, about, causes));
    if (code == 401) response.headers.set("WWW-Authenticate", "Bearer");
    if (code == 503) response.headers.set("Retry-After", "1");
    return response;
}

http::Response http_failure(int code, std::string_view message) {
    const std::string_view reason = code == 405   ? "MethodNotAllowed"
                                    : code == 406 ? "NotAcceptable"
                                    : code == 413 ? "RequestEntityTooLarge"
                                                  : "UnsupportedMediaType";
    return json_answer(code, status_with({code, reason}, message, {}));
}

http::Response success(const About& about) {
    return json_answer(200, json::Object{{"kind", "Status"},
                                         {"apiVersion", "v1"},
                                         {"metadata", json::Object()},
                                         {"status", "Success"},
                                         {"details", details_of(about)}});
}

http::Response json_answer(int code, const json::Value& value) {
    return http::Response::json(code, json::write(value) + "\n");
}

Result<Form> parse_form(const http::Request& request) {
    Form form;
    const std::string_view include = request.query_value("includeObject").value_or("");
    if (include == "Object") form.include = api::IncludeObject::kObject;
    if (include == "None") form.include = api::IncludeObject::kNone;
    const std::string_view accept = request.headers.get("Accept").value_or("*/*");
    for (std::string_view entry : split(accept, ',')) {
        const std::vector<std::string_view> parts = split(trim(entry), ';');
        if (!is_json(trim(parts.front()))) continue;
        const std::string_view as = parameter(parts, "as");
        const std::string_view version = parameter(parts, "v");
        if (as.empty()) return form;
        if (version != "v1" && version != "v1beta1") continue;
        form.version = std::string(version);
        const bool partial = as == "PartialObjectMetadata" || as == "PartialObjectMetadataList";
        if (as != "Table" && !partial) continue;
        form.shape = partial ? Form::Shape::kPartialMetadata : Form::Shape::kTable;
        return form;
    }
    return unimplemented(
        "only application/json can be given here, also as Table or "
        "PartialObjectMetadata; asked for was {}",
        accept.substr(0, 200));
}

json::Value shaped(const Form& form, const api::Kind& kind, api::Object object, Instant now) {
    switch (form.shape) {
        case Form::Shape::kObject: break;
        case Form::Shape::kPartialMetadata:
            return partial_metadata(form, object.metadata(), "PartialObjectMetadata");
        case Form::Shape::kTable: {
            api::TableOptions options;
            options.now = now;
            options.include = form.include;
            options.resource_version = std::string(object.resource_version());
            options.api_version = "meta.k8s.io/" + form.version;
            return api::to_table(kind, {object}, options);
        }
    }
    return std::move(object.fields());
}

json::Value shaped_list(const Form& form, const api::Kind& kind, const resources::ObjectList& list,
                        Instant now) {
    if (form.shape == Form::Shape::kTable) {
        api::TableOptions options;
        options.now = now;
        options.include = form.include;
        options.resource_version = list.resource_version;
        options.next_page = list.continue_token;
        options.api_version = "meta.k8s.io/" + form.version;
        return api::to_table(kind, list.items, options);
    }
    json::Object metadata{{"resourceVersion", list.resource_version}};
    if (!list.continue_token.empty()) metadata["continue"] = list.continue_token;
    json::Array items;
    for (const api::Object& object : list.items) items.push_back(shaped(form, kind, object, now));
    const bool partial = form.shape == Form::Shape::kPartialMetadata;
    return json::Object{
        {"apiVersion", partial ? "meta.k8s.io/" + form.version : std::string(api::kApiVersion)},
        {"kind", partial ? "PartialObjectMetadataList" : kind.name + "List"},
        {"metadata", std::move(metadata)},
        {"items", std::move(items)}};
}

}  // namespace hf::control
