#include "api/client.h"

#include "base/text.h"

namespace hf::api {
namespace {

Code code_of(int http_status, std::string_view reason) {
    switch (http_status) {
        case 400:
        case 422: return Code::kInvalidArgument;
        case 401: return Code::kUnauthenticated;
        case 403: return Code::kPermissionDenied;
        case 404: return Code::kNotFound;
        case 409: return reason == "AlreadyExists" ? Code::kAlreadyExists : Code::kAborted;
        case 410: return Code::kOutOfRange;
        case 412: return Code::kFailedPrecondition;
        case 413:
        case 429:
        case 507: return Code::kResourceExhausted;
        case 501: return Code::kUnimplemented;
        case 502:
        case 503: return Code::kUnavailable;
        case 504: return Code::kDeadlineExceeded;
        default: return Code::kUnknown;
    }
}

}  // namespace

Status refusal(int http_status, std::string_view body) {
    const Result<json::Value> parsed = json::parse(body);
    const json::Value value = parsed.ok() ? *parsed : json::Value();
    std::string message(json::get_string(value, "message"));
    if (message.empty()) message = json::get_string(value, "error");
    if (message.empty()) message = fmt::format("the server answered HTTP status {}", http_status);
    return Status(code_of(http_status, json::get_string(value, "reason")), message);
}

Status EventReader::take(ByteView piece) {
    pending_ += as_text(piece);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending_.find('\n', begin)) != std::string::npos;) {
        HF_TRY(line(std::string_view(pending_).substr(begin, end - begin)));
        begin = end + 1;
    }
    pending_.erase(0, begin);
    if (pending_.size() > kMaxEventBytes) {
        return resource_exhausted("an event of the watch exceeds {} bytes", kMaxEventBytes);
    }
    return {};
}

Status EventReader::line(std::string_view text) {
    if (trim(text).empty()) return {};
    const json::Value event =
        HF_TRY(json::parse(text, kMaxEventBytes).context("an event of the watch"));
    const std::string_view type = json::get_string(event, "type");
    const json::Value* object = json::find(event, "object");
    if (!object) return invalid_argument("an event of the watch has no object");
    if (type == "ERROR") {
        const int status = static_cast<int>(json::get_int(*object, "code", 500));
        return refusal(status, json::write(*object));
    }
    const json::Value* metadata = json::find(*object, "metadata");
    if (metadata && !json::get_string(*metadata, "resourceVersion").empty()) {
        version_ = json::get_string(*metadata, "resourceVersion");
    }
    return type == "BOOKMARK" ? Status() : on_event_(type, *object);
}

}  // namespace hf::api
