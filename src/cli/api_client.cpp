#include "cli/api_client.h"

#include "base/json.h"
#include "base/text.h"
#include "http/url.h"

namespace hf::cli {
namespace {

constexpr std::string_view kBase = "/apis/holdfast.dev/v1";
constexpr std::size_t kMaxEventBytes = 8u << 20;
constexpr auto kReconnectPause = std::chrono::seconds(1);

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
        case 429: return Code::kResourceExhausted;
        case 501: return Code::kUnimplemented;
        case 502:
        case 503: return Code::kUnavailable;
        case 504: return Code::kDeadlineExceeded;
        default: return Code::kUnknown;
    }
}

// Of a metav1.Status, or of whatever text came instead.
Status refusal(int http_status, std::string_view body) {
    const Result<json::Value> parsed = json::parse(body);
    const json::Value value = parsed.ok() ? *parsed : json::Value();
    std::string message(json::get_string(value, "message"));
    if (message.empty()) message = json::get_string(value, "error");
    if (message.empty()) message = fmt::format("the server answered HTTP status {}", http_status);
    return Status(code_of(http_status, json::get_string(value, "reason")), message);
}

// Splits what arrives into lines and hands each over as an event.
class EventReader {
public:
    EventReader(std::string& revision, const ApiClient::OnEvent& on_event)
        : revision_(revision), on_event_(on_event) {}

    Status take(ByteView piece) {
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

private:
    Status line(std::string_view text) {
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
            revision_ = json::get_string(*metadata, "resourceVersion");
        }
        return type == "BOOKMARK" ? Status() : on_event_(type, *object);
    }

    std::string& revision_;
    const ApiClient::OnEvent& on_event_;
    std::string pending_;
};

}  // namespace

std::vector<Option> api_options() {
    return {
        {"--kubeconfig", "which server, and as whom; else HOLDFAST_CONFIG or KUBECONFIG", "FILE"},
        {"-n,--namespace", "the namespace; else the kubeconfig's", "NAME"}};
}

Result<Target> parse_target(const std::string& kind, const std::string& name) {
    const std::size_t slash = kind.find('/');
    if (slash == std::string::npos) {
        return Target{HF_TRY(api::find_kind_by_any_name(kind)), name};
    }
    if (!name.empty()) return invalid_argument("'{} {}': want KIND NAME or KIND/NAME", kind, name);
    Target target{HF_TRY(api::find_kind_by_any_name(kind.substr(0, slash))),
                  kind.substr(slash + 1)};
    if (target.name.empty()) return invalid_argument("'{}' has no name after the '/'", kind);
    return target;
}

Result<std::unique_ptr<ApiClient>> ApiClient::open(World& world, const Arguments& arguments) {
    const std::string path = HF_TRY(kubeconfig_path(world, arguments));
    Kubeconfig config = HF_TRY(read_kubeconfig(world, path));
    http::ClientOptions options;
    options.ca_pem = config.ca_pem;
    options.certificate_pem = config.certificate_pem;
    options.key_pem = config.key_pem;
    std::unique_ptr<http::Client> client =
        HF_TRY(http::Client::create(std::move(options)).context("{}", path));
    if (arguments.has("namespace")) config.default_namespace = arguments.get("namespace");
    return std::make_unique<ApiClient>(ApiClient(world, std::move(config), std::move(client)));
}

std::string ApiClient::path(const api::Kind& kind, std::string_view ns, std::string_view name) {
    std::string path(kBase);
    if (kind.namespaced && !ns.empty()) path += "/namespaces/" + http::percent_encode(ns);
    path += "/" + kind.plural;
    if (!name.empty()) path += "/" + http::percent_encode(name);
    return path;
}

Result<http::Response> ApiClient::send(http::ClientRequest request) {
    const http::Url to = HF_TRY(http::parse_url(request.url));
    const http::Url api =
        HF_TRY(http::parse_url(config_.server).context("the kubeconfig's server"));
    if (to.origin() == api.origin() && !config_.token.empty()) {
        request.headers.set("Authorization", "Bearer " + config_.token);
    }
    if (!request.pulse) {
        request.pulse = [this] {
            return world_.wait_for_signal(Duration(0)) ? cancelled("interrupted") : Status();
        };
    }
    Result<http::Response> response = client_->send(request);
    if (response.status().code() == Code::kUnavailable) {
        return response.status().context("is the server up?");
    }
    return response;
}

Result<json::Value> ApiClient::call(const Call& call) {
    http::ClientRequest request;
    request.method = call.method;
    request.url = config_.server + call.path;
    request.headers.set("Accept", call.accept);
    if (!call.body.empty()) request.headers.set("Content-Type", call.content_type);
    request.body = to_bytes(call.body);
    const http::Response response = HF_TRY(send(std::move(request)));
    const std::string_view body = as_text(response.body);
    if (response.status >= 300) return refusal(response.status, body);
    return json::parse(body, body.size()).context("what the server answered to {}", call.path);
}

Result<api::Object> ApiClient::get(const Target& target) {
    Call get;
    get.path = path(*target.kind, default_namespace(), target.name);
    return api::Object::from_json(HF_TRY(call(get))).context("{}", target.to_string());
}

Status ApiClient::watch_once(const Call& call, std::string& revision, const OnEvent& on_event,
                             std::optional<Duration> deadline) {
    http::ClientRequest request;
    const char* joint = call.path.find('?') == std::string::npos ? "?" : "&";
    request.url = fmt::format("{}{}{}watch=true&allowWatchBookmarks=true&resourceVersion={}",
                              config_.server, call.path, joint, http::percent_encode(revision));
    request.headers.set("Accept", call.accept);
    EventReader reader(revision, on_event);
    request.sink = [&](ByteView piece) { return reader.take(piece); };
    request.pulse = [&]() -> Status {
        if (world_.wait_for_signal(Duration(0))) return cancelled("interrupted");
        if (deadline && world_.clock.monotonic() >= *deadline) return cancelled("too late");
        return {};
    };
    const Result<http::Response> response = send(std::move(request));
    // A watch on which nothing happens is silent; it is asked for again.
    if (response.status().code() == Code::kDeadlineExceeded) return {};
    HF_TRY(response.status());
    if (response->status >= 300) return refusal(response->status, as_text(response->body));
    return {};
}

Status ApiClient::watch(Call call, std::string revision, const OnEvent& on_event,
                        std::optional<Duration> deadline) {
    for (;;) {
        const Status status = watch_once(call, revision, on_event, deadline);
        if (deadline && world_.clock.monotonic() >= *deadline) {
            return deadline_exceeded("time is up");
        }
        HF_TRY(status);
        // The server ended the stream; one that does so always is not asked in a hurry.
        if (world_.wait_for_signal(kReconnectPause)) return cancelled("interrupted");
    }
}

}  // namespace hf::cli
