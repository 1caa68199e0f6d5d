#include "cli/fake_api_test.h"

#include <fstream>

#include "api/kinds.h"
#include "api/patch.h"
#include "api/selector.h"
#include "api/table.h"
#include "base/text.h"

namespace hf::cli {
namespace {

constexpr std::string_view kToken = "Bearer secret";

http::Response failure(int code, std::string_view reason, const std::string& message) {
    return http::Response::json(
        code, json::write(json::Object{
                  {"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}}));
}

std::string key_of(const api::Object& object) {
    return api::find_kind(object.kind())->plural + "/" + std::string(object.name());
}

bool wants_table(const http::Request& request) {
    return request.headers.get("Accept").value_or("").find("as=Table") != std::string_view::npos;
}

api::Object to_object(const json::Value& value) {
    return api::Object::from_json(value).value();
}

}  // namespace

class FakeApi::Watch final : public http::BodyStream {
public:
    Watch(FakeApi& api, std::int64_t since, const api::Kind* kind, bool table)
        : api_(api), since_(since), kind_(kind), table_(table) {}

    void start(std::function<void()> wake) override {
        const MutexLock lock(api_.mutex_);
        api_.wakes_.push_back(std::move(wake));
    }

    std::optional<Bytes> next() override {
        const MutexLock lock(api_.mutex_);
        std::string text;
        for (const Event& event : api_.events_) {
            const api::Object object = to_object(event.object);
            if (event.revision <= since_ || object.kind() != kind_->name) continue;
            since_ = event.revision;
            api::TableOptions options;
            options.column_definitions = false;
            const json::Value shown =
                table_ ? api::to_table(*kind_, {object}, options) : event.object;
            text += json::write(json::Object{{"type", event.type}, {"object", shown}}) + "\n";
        }
        return to_bytes(text);
    }

private:
    FakeApi& api_;
    std::int64_t since_;
    const api::Kind* kind_;
    const bool table_;
};

FakeApi::FakeApi() {
    http::Router router;
    for (const char* method : {"GET", "POST", "PATCH", "DELETE"}) {
        router.add(method, "/apis/holdfast.dev/v1/{rest...}",
                   [this](const http::Request& request) { return answer(request); });
    }
    server_ = http::Server::start({}, std::move(router)).value();
}

std::string FakeApi::url() const {
    return fmt::format("http://127.0.0.1:{}", server_->port());
}

json::Value FakeApi::object(const std::string& key) {
    const MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    return found == objects_.end() ? json::Value() : found->second;
}

void FakeApi::put(api::Object object) {
    const MutexLock lock(mutex_);
    put_locked(std::move(object));
}

void FakeApi::put_locked(api::Object object) {
    const std::string key = key_of(object);
    object.edit_metadata()["resourceVersion"] = fmt::format("{}", ++revision_);
    events_.push_back({revision_, objects_.contains(key) ? "MODIFIED" : "ADDED", object.json()});
    objects_[key] = object.json();
    for (const auto& wake : wakes_) wake();
}

void FakeApi::remove(const std::string& key) {
    const MutexLock lock(mutex_);
    remove_locked(key);
}

void FakeApi::remove_locked(const std::string& key) {
    events_.push_back({++revision_, "DELETED", objects_.at(key)});
    objects_.erase(key);
    for (const auto& wake : wakes_) wake();
}

std::vector<std::string> FakeApi::requests() {
    const MutexLock lock(mutex_);
    return requests_;
}

http::Response FakeApi::answer(const http::Request& request) {
    const MutexLock lock(mutex_);
    requests_.push_back(request.method + " " + request.target);
    if (request.headers.get("Authorization") != kToken) {
        return failure(401, "Unauthorized", "who are you?");
    }
    std::string rest(request.path_parameter("rest"));
    if (rest.starts_with("namespaces/")) rest = rest.substr(rest.find('/', 11) + 1);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string name = rest.substr(std::min(slash + 1, rest.size()));
    return request.method == "GET" ? get(request, rest.substr(0, slash), name)
                                   : write(request, rest.substr(0, slash), name);
}

http::Response FakeApi::get(const http::Request& request, const std::string& plural,
                            const std::string& name) {
    const api::Kind* kind = api::find_resource(plural);
    if (request.query_value("watch")) {
        http::Response response;
        const std::int64_t since =
            parse_int(request.query_value("resourceVersion").value_or("0")).value();
        response.stream = std::make_shared<Watch>(*this, since, kind, wants_table(request));
        return response;
    }
    std::vector<api::Object> objects;
    api::Selection selection;
    selection.labels =
        api::LabelSelector::parse(request.query_value("labelSelector").value_or("")).value();
    selection.fields =
        api::FieldSelector::parse(request.query_value("fieldSelector").value_or("")).value();
    for (const auto& [key, value] : objects_) {
        const bool asked =
            name.empty() ? key.starts_with(plural + "/") : key == plural + "/" + name;
        if (asked && selection.matches(to_object(value))) objects.push_back(to_object(value));
    }
    if (!name.empty() && objects.empty()) {
        return failure(404, "NotFound", fmt::format("{} \"{}\" not found", plural, name));
    }
    if (wants_table(request)) {
        api::TableOptions options;
        options.resource_version = fmt::format("{}", revision_);
        return http::Response::json(200, json::write(api::to_table(*kind, objects, options)));
    }
    if (!name.empty()) return http::Response::json(200, json::write(objects[0].json()));
    json::Array items;
    for (const api::Object& object : objects) items.push_back(object.json());
    json::Object list{{"kind", kind->name + "List"},
                      {"metadata", {{"resourceVersion", fmt::format("{}", revision_)}}},
                      {"items", std::move(items)}};
    return http::Response::json(200, json::write(list));
}

http::Response FakeApi::write(const http::Request& request, const std::string& plural,
                              const std::string& name) {
    const std::string key = plural + "/" + name;
    if (request.method == "POST") {
        const api::Object object = to_object(json::parse(as_text(request.body)).value());
        put_locked(object);
        return http::Response::json(201, json::write(object.json()));
    }
    if (!objects_.contains(key)) {
        return failure(404, "NotFound", fmt::format("{} \"{}\" not found", plural, name));
    }
    if (request.method == "DELETE") {
        remove_locked(key);
        return http::Response::json(200, "{}");
    }
    json::Value changed = objects_[key];
    api::merge_patch(changed, json::parse(as_text(request.body)).value());
    put_locked(to_object(changed));
    return http::Response::json(200, json::write(changed));
}

int CommandRunner::run(const std::string& words) {
    out.clear();
    note.clear();
    World world{files_,
                clock_,
                entropy_,
                [this](std::string_view text) { out += text; },
                [this](std::string_view text) { note += text; },
                [this](const std::string& name) -> std::optional<std::string> {
                    const auto found = environment.find(name);
                    if (found == environment.end()) return std::nullopt;
                    return found->second;
                },
                [this](std::optional<Duration>) {
                    return !stop_at.empty() && out.find(stop_at) != std::string::npos;
                },
                [] { return Result<std::string>(std::string()); },
                [this](std::uint64_t) { return Result<Bytes>(to_bytes(standard_input)); },
                [] { return env::Machine(); },
                [](const std::string&) -> Result<std::uint64_t> { return not_found("no disk"); },
                []() -> Result<std::unique_ptr<env::PowerMeter>> { return not_found("none"); },
                [] { return std::uint64_t{1024}; },
                {},
                "holdfast"};
    std::vector<std::string> list;
    for (std::string_view word : split(words, ' ')) list.emplace_back(word);
    return run_command_line(world, list, all_commands());
}

std::string CommandRunner::write_file(const std::string& name, const std::string& text) {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    return path;
}

void CommandRunner::use(const FakeApi& api) {
    environment["HOLDFAST_CONFIG"] =
        write_file("kubeconfig",
                   "current-context: c\n"
                   "contexts: [{name: c, context: {cluster: l, user: u}}]\n"
                   "clusters: [{name: l, cluster: {server: '" +
                       api.url() +
                       "'}}]\n"
                       "users: [{name: u, user: {token: secret}}]\n");
}

}  // namespace hf::cli
