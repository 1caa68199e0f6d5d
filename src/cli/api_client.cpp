#include "cli/api_client.h"

#include "api/client.h"
#include "base/json.h"
#include "http/url.h"

namespace hf::cli {
namespace {

constexpr auto kReconnectPause = std::chrono::seconds(1);

}  // namespace

Option kubeconfig_option() {
    return {"--kubeconfig", "which server, and as whom; else HOLDFAST_CONFIG or KUBECONFIG",
            "FILE"};
}

std::vector<Option> api_options() {
    return {kubeconfig_option(),
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
    std::string path(api::kBasePath);
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
    if (response.status >= 300) return api::refusal(response.status, body);
    if (response.status == 204) return json::Value();
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
    api::EventReader reader(revision, on_event);
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
    if (response->status >= 300) return api::refusal(response->status, as_text(response->body));
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
