#include "serve/tasks/embeddings_route.h"

#include "base/json.h"
#include "serve/tasks/ask.h"
#include "serve/tasks/fields.h"
#include "serve/tasks/kinds.h"

namespace hf::serve::tasks {
namespace {

http::Response error_of(const Status& status) {
    const int code = http::http_status(status.code());
    const json::Object error{{"message", status.message()},
                             {"type", code < 500 ? "invalid_request_error" : "server_error"},
                             {"code", code_name(status.code())}};
    return http::Response::json(code, json::write(json::Object{{"error", error}}) + "\n");
}

struct Wanted {
    std::string model;
    std::string body;  // as the task reads it
    bool base64 = false;
};
Result<Wanted> parse(const http::Request& request) {
    HF_TRY(check_plain(request));
    const json::Value value = HF_TRY(json::parse(as_text(request.body), request.body.size()));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    HF_TRY(fields.only({"model", "input", "encoding_format", "user"}));
    Wanted asked;
    asked.model = HF_TRY(fields.text("model", ""));
    asked.base64 = HF_TRY(fields.choice("encoding_format", {"float", "base64"})) == 1;
    const json::Value* const input = json::find(value, "input");
    if (!input) return invalid_argument("/input: is missing; want a text, or an array of them");
    asked.body = json::write(json::Object{{"input", *input}});
    return asked;
}

json::Value in_base64(const json::Value& vector) {
    Bytes bytes;
    for (const json::Value& value : vector.get_array()) {
        append_le(bytes, static_cast<float>(value.to_number<double>()));
    }
    return json::Value(to_base64(bytes));
}

json::Object list_of(const json::Object& members, const Wanted& asked) {
    json::Array data;
    std::int64_t tokens = 0;
    for (const json::Value& vector : members.at("embeddings").get_array()) {
        const std::size_t index = data.size();
        data.push_back({{"object", "embedding"},
                        {"index", index},
                        {"embedding", asked.base64 ? in_base64(vector) : vector}});
    }
    for (const json::Value& count : members.at("tokens").get_array()) {
        tokens += count.to_number<std::int64_t>();
    }
    return {{"object", "list"},
            {"data", std::move(data)},
            {"model", asked.model},
            {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

// The model that is asked, if it has the task.
struct Found {
    std::shared_ptr<ModelHost> host;
    const Task* task;
};
Result<Found> find(const Services& services, const Wanted& asked, const http::Request& request) {
    if (services.with.access) {
        HF_TRY(services.with.access->check(request.headers, Right::kInfer, asked.model));
    }
    std::shared_ptr<ModelHost> host = HF_TRY(find_model(services, asked.model, ""));
    const Task* const task = HF_TRY(task_of(*host));
    if (task->kind() == kTextEmbedding) return Found{std::move(host), task};
    host->count_refused();
    return invalid_argument("/model: the task of '{}' is {}, not {}", asked.model, task->kind(),
                            kTextEmbedding);
}

void embed(const Services& services, const std::shared_ptr<const http::Request>& request,
           const http::Reply& reply) {
    Result<Wanted> parsed = parse(*request);
    if (!parsed.ok()) return reply.send(error_of(parsed.status()));
    const Wanted asked = std::move(*parsed);
    const Result<Found> found = find(services, asked, *request);
    if (!found.ok()) return reply.send(error_of(found.status()));
    const auto whole = [asked](const json::Object& members) { return list_of(members, asked); };
    const Body body{as_bytes(asked.body), "application/json"};
    ask(services, {found->host, found->task, request, whole, error_of}, body, reply);
}

}  // namespace

void add_embeddings_route(http::Router& router, const Services& services) {
    router.add_deferred("POST", "/v1/embeddings",
                        [services](const std::shared_ptr<const http::Request>& request,
                                   const http::Reply& reply) { embed(services, request, reply); });
}

}  // namespace hf::serve::tasks
