// The resource API over the store: objects made, changed and removed by requests, each in one step
// with its audit entry.

#include <fmt/format.h>

#include <set>

#include "control/server/api_server.h"
#include "sim/power/sqlite_disk.h"
#include "sim/power/subject.h"
#include "store/sqlite.h"
#include "testing/manual_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::power {
namespace {

const std::string kPath = "/data/holdfast.db";
constexpr std::string_view kServices = "/apis/holdfast.dev/v1/namespaces/default/services";
constexpr int kObjects = 8;
constexpr int kInsufficientStorage = 507;

std::string name_of(int number) {
    return fmt::format("pump-{}", number);
}

std::string deed_of(std::string_view verb, int number) {
    return fmt::format("{} {}", verb, name_of(number));
}

// A running server.
struct Server {
    Server(env::Clock& clock, env::Entropy& entropy, std::unique_ptr<store::Store> opened)
        : store(std::move(opened)),
          objects(*store, clock, entropy),
          tokens(objects, entropy),
          api(objects, tokens, "0.0.0") {
        control::add_api_routes(router, api);
    }

    std::unique_ptr<store::Store> store;
    resources::Resources objects;
    control::Tokens tokens;
    control::ApiServer api;
    http::Router router;
    std::string token;

    http::Response send(std::string_view method, const std::string& target,
                        std::string_view body = "") const {
        http::Request request;
        request.method = std::string(method);
        request.target = target;
        request.body = to_bytes(body);
        const bool patch = method == "PATCH";
        request.headers.add("Content-Type",
                            patch ? "application/merge-patch+json" : "application/json");
        request.headers.add("Authorization", "Bearer " + token);
        return http::dispatch(router, std::move(request));
    }
};

// What the answer says, as the caller is told.
Status status_of(const http::Response& response) {
    if (response.status / 100 == 2) return {};
    const Result<json::Value> body = json::parse(as_text(response.body));
    const std::string message(body.ok() ? json::get_string(*body, "message") : "");
    switch (response.status) {
        case 404: return not_found("{}", message);
        case 409: return already_exists("{}", message);
        case 503: return unavailable("{}", message);
        case kInsufficientStorage:
            // One clear error: it says what is wrong and what to do.
            if (message.find("the disk is full; free some space") == message.npos) {
                return internal_error("507 without its reason: {}", message);
            }
            return resource_exhausted("{}", message);
        default: return internal_error("{}: {}", response.status, message);
    }
}

class ResourcesSubject final : public Subject {
public:
    std::string_view name() const override { return "resources"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        HF_TRY(testing::MemoryFiles(disk).create_directories("/data"));
        sqlite_.use(disk);
        for (bool done = false; !done;) {
            std::unique_ptr<Server> server;
            const auto start = [&]() -> Status {
                server.reset();
                server = HF_TRY(open());
                return {};
            };
            HF_TRY(bear_full_disk(*disk, start, [] { return Status(); }));
            HF_TRY(check(*server, history));
            done = HF_TRY(work(*disk, *server, history));
            HF_TRY(check(*server, history));
        }
        return {};
    }

private:
    Result<std::unique_ptr<Server>> open() {
        std::unique_ptr<store::Store> store = HF_TRY(store::open_sqlite_store(kPath, clock_));
        auto server = std::make_unique<Server>(clock_, entropy_, std::move(store));
        const api::Identity admin = control::admin_identity();
        server->token = HF_TRY(server->tokens.issue(admin, admin));
        return server;
    }

    // True when all is done; false when it is time for another start.
    static Result<bool> work(testing::Disk& disk, Server& server, History& history) {
        int acts = 0;
        const auto step = [&](const std::string& deed, const auto& ask) -> Status {
            if (history.promised(deed)) return {};
            ++acts;
            return bear_full_disk(
                disk, [&] { return history.act(deed, [&] { return status_of(ask()); }); },
                [&] { return check(server, history); });
        };
        for (int number = 0; number < kObjects; ++number) {
            const std::string one = fmt::format("{}/{}", kServices, name_of(number));
            HF_TRY(step(deed_of("create", number), [&] {
                http::Response made = server.send("POST", std::string(kServices), body(number));
                // Of a life before, whose answer did not come.
                return made.status == 409 ? server.send("GET", one) : made;
            }));
            HF_TRY(step(deed_of("change", number), [&] {
                return server.send("PATCH", one, R"({"spec":{"model":"pump:v2"}})");
            }));
            if (number % 2 == 1) {
                HF_TRY(step(deed_of("remove", number), [&] {
                    http::Response gone = server.send("DELETE", one);
                    return gone.status == 404 ? http::Response::json(200, "{}") : gone;
                }));
            }
            if (acts >= kALife) return false;
        }
        return true;
    }

    static std::string body(int number) {
        return fmt::format(R"({{"apiVersion":"holdfast.dev/v1","kind":"Service",)"
                           R"("metadata":{{"name":"{}"}},"spec":{{"model":"pump:v1"}}}})",
                           name_of(number));
    }

    static Status check(Server& server, const History& history) {
        for (int number = 0; number < kObjects; ++number) {
            const std::string one = fmt::format("{}/{}", kServices, name_of(number));
            const http::Response answer = server.send("GET", one);
            const bool there = answer.status == 200;
            if (!there && answer.status != 404) return status_of(answer);
            if (there && !history.begun(deed_of("create", number))) {
                return data_loss("{} is there and was never made", name_of(number));
            }
            if (there && history.promised(deed_of("remove", number))) {
                return data_loss("{} was removed and is back", name_of(number));
            }
            const bool must = history.promised(deed_of("create", number)) &&
                              !history.begun(deed_of("remove", number));
            if (!there && must) return data_loss("{} was made and is gone", name_of(number));
            const bool changed = as_text(answer.body).find("pump:v2") != std::string_view::npos;
            if (there && !changed && history.promised(deed_of("change", number))) {
                return data_loss("the change of {} is gone", name_of(number));
            }
        }
        return check_audit(*server.store);
    }

    // An object's last write and an audit entry came in one revision.
    static Status check_audit(store::Store& store) {
        std::set<std::int64_t> audited;
        const store::ListResult entries = HF_TRY(store.list(resources::kAuditPrefix, {}));
        for (const store::KeyValue& entry : entries.items) audited.insert(entry.modified.value());
        const store::ListResult objects = HF_TRY(store.list(resources::kObjectsPrefix, {}));
        for (const store::KeyValue& object : objects.items) {
            if (audited.contains(object.modified.value())) continue;
            return data_loss("{} was written without an audit entry", object.key);
        }
        return {};
    }

    static constexpr int kALife = 8;  // requests, and a start after them

    testing::ManualClock clock_;
    testing::SeededEntropy entropy_;
    SqliteDisk sqlite_{"power-resources"};
};

}  // namespace

std::unique_ptr<Subject> resources_subject() {
    return std::make_unique<ResourcesSubject>();
}

}  // namespace hf::power
