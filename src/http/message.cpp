#include "http/message.h"

#include <algorithm>

#include "base/json.h"
#include "http/framing.h"

namespace hf::http {
namespace {

constexpr std::size_t kUsualFields = 8;  // one growth instead of four

}  // namespace

void Headers::add(std::string name, std::string value) {
    if (entries_.empty()) entries_.reserve(kUsualFields);
    entries_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
    std::erase_if(entries_, [&](const auto& entry) { return same_word(entry.first, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& [key, value] : entries_) {
        if (same_word(key, name)) return value;
    }
    return std::nullopt;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    for (const auto& [key, value] : query) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::string_view Request::path_parameter(std::string_view name) const {
    for (const auto& [key, value] : path_parameters) {
        if (key == name) return value;
    }
    return {};
}

Response Response::text(int status, std::string_view body) {
    Response response;
    response.status = status;
    response.headers.set("Content-Type", "text/plain; charset=utf-8");
    response.body = to_bytes(body);
    return response;
}

Response Response::json(int status, std::string_view body) {
    Response response;
    response.status = status;
    response.headers.set("Content-Type", "application/json");
    response.body = to_bytes(body);
    return response;
}

Response Response::error(int status, std::string_view message) {
    return json(status, hf::json::write(hf::json::Object{{"error", message}}) + "\n");
}

Response Response::error(const Status& status) {
    return error(http_status(status.code()), status.message());
}

int http_status(Code code) {
    switch (code) {
        case Code::kOk: return 200;
        case Code::kInvalidArgument: return 400;
        case Code::kUnauthenticated: return 401;
        case Code::kPermissionDenied: return 403;
        case Code::kNotFound: return 404;
        case Code::kAlreadyExists:
        case Code::kAborted: return 409;
        case Code::kOutOfRange: return 410;
        case Code::kFailedPrecondition: return 412;
        case Code::kResourceExhausted: return 429;
        case Code::kCancelled: return 499;
        case Code::kUnimplemented: return 501;
        case Code::kUnavailable: return 503;
        case Code::kDeadlineExceeded: return 504;
        case Code::kUnknown:
        case Code::kInternal:
        case Code::kDataLoss: return 500;
    }
    return 500;
}

}  // namespace hf::http
