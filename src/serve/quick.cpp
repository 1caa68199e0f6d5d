#include "serve/quick.h"

#include "base/bytes.h"

namespace hf::serve {
namespace {

constexpr std::string_view kModels = "/v2/models/";
constexpr std::string_view kInfer = "/infer";
constexpr std::string_view kGrpcInfer = "/inference.GRPCInferenceService/ModelInfer";
constexpr std::string_view kLive = "/v2/health/live";
constexpr std::string_view kGrpcLive = "/inference.GRPCInferenceService/ServerLive";

constexpr std::size_t kPrefixBytes = 5;  // of a message of gRPC
constexpr char kNameField = 0x0a;        // field 1, with a length

// Of a message that begins with the name, as all clients write it, and is not compressed.
std::string_view name_in_message(std::string_view body) {
    if (body.size() < kPrefixBytes + 2) return "";
    if (body[0] != 0 || body[kPrefixBytes] != kNameField) return "";
    const auto length = static_cast<std::uint8_t>(body[kPrefixBytes + 1]);
    if (length >= 0x80 || body.size() < kPrefixBytes + 2 + length) return "";
    return body.substr(kPrefixBytes + 2, length);
}

// Who may run at a time is decided by the schedule, which quick requests do not ask.
bool is_limited(const ModelHost& host) {
    return host.instances() != std::numeric_limits<std::size_t>::max();
}

}  // namespace

std::string_view named_model(const http::Request& request) {
    const std::string_view target = request.target;
    if (target == kGrpcInfer) return name_in_message(as_text(request.body));
    if (!target.starts_with(kModels) || !target.ends_with(kInfer)) return "";
    if (target.size() <= kModels.size() + kInfer.size()) return "";
    const std::string_view name =
        target.substr(kModels.size(), target.size() - kModels.size() - kInfer.size());
    return name.find_first_of("/%?") == std::string_view::npos ? name : "";
}

http::Quick quick_requests(const Services& services) {
    return [services](const http::Request& request) {
        if (request.target == kLive || request.target == kGrpcLive) return true;
        if (request.body.size() > kQuickBytesMax) return false;
        const std::string_view name = named_model(request);
        if (name.empty()) return false;
        // A message of gRPC may name any version, behind the name.
        const std::shared_ptr<ModelHost> host = request.target == kGrpcInfer
                                                    ? services.models.find_only(name)
                                                    : services.models.find(name);
        if (!host || host->sequences() || host->composite() || host->guard() || is_limited(*host) ||
            host->asleep() || host->usual() == Duration::zero() || host->usual() > kQuickMost)
            return false;
        return !services.with.cascades || !services.with.cascades->has(name);
    };
}

}  // namespace hf::serve
