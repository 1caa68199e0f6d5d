#include "base/status.h"

namespace hf {

std::string_view code_name(Code code) {
    switch (code) {
        case Code::kOk: return "OK";
        case Code::kCancelled: return "CANCELLED";
        case Code::kUnknown: return "UNKNOWN";
        case Code::kInvalidArgument: return "INVALID_ARGUMENT";
        case Code::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
        case Code::kNotFound: return "NOT_FOUND";
        case Code::kAlreadyExists: return "ALREADY_EXISTS";
        case Code::kPermissionDenied: return "PERMISSION_DENIED";
        case Code::kResourceExhausted: return "RESOURCE_EXHAUSTED";
        case Code::kFailedPrecondition: return "FAILED_PRECONDITION";
        case Code::kAborted: return "ABORTED";
        case Code::kOutOfRange: return "OUT_OF_RANGE";
        case Code::kUnimplemented: return "UNIMPLEMENTED";
        case Code::kInternal: return "INTERNAL";
        case Code::kUnavailable: return "UNAVAILABLE";
        case Code::kDataLoss: return "DATA_LOSS";
        case Code::kUnauthenticated: return "UNAUTHENTICATED";
    }
    return "UNKNOWN";
}

Status::Status(Code code, std::string message)
    : error_(std::make_shared<const Error>(Error{code, std::move(message)})) {
    HF_CHECK(code != Code::kOk, "an error needs an error code");
}

std::string Status::to_string() const {
    if (ok()) return "OK";
    return fmt::format("{}: {}", code_name(code()), message());
}

Status Status::with_context(std::string_view context) const {
    if (ok()) return *this;
    return Status(code(), fmt::format("{}: {}", context, message()));
}

}  // namespace hf
