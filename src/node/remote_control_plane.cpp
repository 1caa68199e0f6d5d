#include "node/remote_control_plane.h"

#include <algorithm>
#include <atomic>

#include "api/client.h"

namespace hf::node {
namespace {

// A server that asks for longer pauses gets this.
constexpr Duration kHeartbeatMost = std::chrono::seconds(60);

constexpr std::string_view kMergePatch = "application/merge-patch+json";

class RemoteControlPlane final : public ControlPlane {
public:
    explicit RemoteControlPlane(RemoteOptions options)
        : options_(std::move(options)),
          nodes_path_(fmt::format("{}/nodes", api::kBasePath)),
          node_path_(fmt::format("{}/{}", nodes_path_, options_.node)) {}

    // On the watching thread, as follow() is.
    Result<api::Object> enlist() override {
        HF_TRY(refresh(watcher_));
        Result<json::Value> known = call(watcher_, {"GET", node_path_, {}, {}});
        if (known.status().code() == Code::kNotFound) {
            const api::Object node = api::Object::make("Node", "", options_.node);
            known = call(watcher_, {"POST", nodes_path_, json::write(node.json()), {}});
        }
        HF_TRY(known.status());
        return api::Object::from_json(*known).context("the Node that the server answers");
    }

    Status follow(const OnNode& on_node) override {
        const api::Object now = HF_TRY(enlist());
        HF_TRY(on_node(now));
        std::string version(now.resource_version());
        const std::uint64_t failures = failures_;
        http::ClientRequest request;
        request.url = fmt::format(
            "{}{}?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3D{}"
            "&resourceVersion={}",
            options_.servers->current(), nodes_path_, options_.node, version);
        request.headers.set("Accept", "application/json");
        const api::EventReader::OnEvent on_event = [&](std::string_view type,
                                                       const json::Value& object) -> Status {
            if (type == "DELETED") return not_found("node {} is gone", options_.node);
            const api::Object node = HF_TRY(api::Object::from_json(object));
            return on_node(node);
        };
        api::EventReader reader(version, on_event);
        request.sink = [&](ByteView piece) { return reader.take(piece); };
        request.pulse = [&]() -> Status {
            if (stopping_) return cancelled("stopped");
            // The other connection says that the server is not to be had: this one, which is
            // silent for long anyway, may never learn of it.
            if (failures_ != failures) return unavailable("the connection is broken");
            return {};
        };
        const http::Response response = HF_TRY(watcher_.client->send(request));
        if (response.status >= 300) {
            return api::refusal(response.status, as_text(response.body));
        }
        return unavailable("the server ended the watch");
    }

    void stop() override { stopping_ = true; }

    Status publish(const json::Object& status) override {
        const std::string patch = json::write(json::Object{{"status", status}});
        return ask({"PATCH", node_path_ + "/status", patch, kMergePatch});
    }

    Status tell(const ServiceEvent& event) override {
        return ask({"POST",
                    "/v1/node/events",
                    json::write(json::Object{{"service", event.service},
                                             {"uid", event.uid},
                                             {"warning", event.warning},
                                             {"reason", event.reason},
                                             {"message", event.message}}),
                    {}});
    }

    Status heartbeat() override {
        Status status;
        const json::Value answer = ask({"POST", "/v1/node/heartbeat", "{}", {}}, status);
        const std::int64_t most = kHeartbeatMost / std::chrono::milliseconds(1);
        const std::int64_t next = json::get_int(answer, "nextMilliseconds");
        every_ = std::chrono::milliseconds(std::clamp<std::int64_t>(next, 0, most));
        const Result<Instant> now = parse_rfc3339(json::get_string(answer, "now"));
        if (now.ok() && options_.on_server_time) options_.on_server_time(*now);
        return status;
    }
    Duration heartbeat_every() const override { return every_; }

private:
    struct Line {
        std::unique_ptr<http::Client> client;
        std::string serial;  // of the certificate that it shows
    };
    struct Call {
        std::string_view method;
        std::string path;
        std::string body;
        std::string_view content_type;
    };

    // A client that shows the present certificate.
    Status refresh(Line& line) {
        RemoteOptions::Credentials credentials = HF_TRY(options_.credentials());
        if (line.client && line.serial == credentials.serial) return {};
        credentials.options.connect_timeout = options_.connect_timeout;
        line.client = HF_TRY(http::Client::create(std::move(credentials.options)));
        line.serial = credentials.serial;
        return {};
    }

    static bool is_broken(const Status& status) {
        return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
    }

    // Of the server whose turn it is; one that is not to be had loses it.
    Result<json::Value> call(Line& line, const Call& call) {
        const std::string server = options_.servers->current();
        Result<json::Value> answer = call_one(line, call, server);
        if (is_broken(answer.status()) && !stopping_) options_.servers->failed(server);
        return answer;
    }

    Result<json::Value> call_one(Line& line, const Call& call, const std::string& server) {
        http::ClientRequest request;
        request.method = std::string(call.method);
        request.url = server + call.path;
        request.headers.set("Accept", "application/json");
        if (!call.body.empty()) {
            request.headers.set(
                "Content-Type",
                std::string(call.content_type.empty() ? "application/json" : call.content_type));
        }
        request.body = to_bytes(call.body);
        int pulses = 0;
        const int most = static_cast<int>(options_.answer_timeout / std::chrono::milliseconds(100));
        request.pulse = [&]() -> Status {
            if (stopping_) return cancelled("stopped");
            if (++pulses > most) return deadline_exceeded("no answer from {}", server);
            return {};
        };
        const http::Response response = HF_TRY(line.client->send(request));
        const std::string_view body = as_text(response.body);
        if (response.status >= 300) return api::refusal(response.status, body);
        if (body.empty()) return json::Value();
        return json::parse(body, body.size()).context("what {} answers", server);
    }

    Status ask(const Call& request) {
        Status status;
        ask(request, status);
        return status;
    }

    // On the telling thread.
    json::Value ask(const Call& request, Status& status) {
        status = refresh(teller_);
        if (!status.ok()) return {};
        Result<json::Value> answer = call(teller_, request);
        status = answer.status();
        if (is_broken(status)) {
            ++failures_;
            teller_.client.reset();
        }
        return answer.ok() ? std::move(*answer) : json::Value();
    }

    const RemoteOptions options_;
    const std::string nodes_path_, node_path_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> failures_{0};
    Duration every_{};  // between heartbeats, as the server asks; the telling thread's
    Line watcher_;      // the thread's that follows
    Line teller_;       // the other's
};

}  // namespace

std::unique_ptr<ControlPlane> make_remote_control_plane(RemoteOptions options) {
    return std::make_unique<RemoteControlPlane>(std::move(options));
}

}  // namespace hf::node
