#include "serve/tasks/embeddings_route.h"

#include "base/json.h"
#include "serve/tasks/ask.h"
#include "serve/tasks/fields.h"
#include "serve/tasks/kinds.h"

namespace hf::serve::tasks {
namespace {

struct Asked {
    std::string model;
    std::string body;  // as the task reads it
    bool base64 = false;
};
Result<Asked> parse(const http::Request& request) {
    HF_TRY(check_plain(request));
    const json::Value value = HF_TRY(json::parse(as_text(request.body), request.body.size()));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    HF_TRY(fields.only({"model", "input", "encoding_format", "user"}));
    Asked asked;
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

json::Object list_of(const json::Object& members, const Asked& asked) {
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

Result<http::Response> run(const Services& services, Visit& visit, const Asked& asked,
                           const http::Request& request) {
    const Task& task = *HF_TRY(task_of(visit.host()));
    if (task.kind() != kTextEmbedding) {
        return invalid_argument("/model: the task of '{}' is {}, not {}", asked.model, task.kind(),
                                kTextEmbedding);
    }
    Prepared prepared = HF_TRY(task.read({as_bytes(asked.body), "application/json"}));
    const InferRequest inference = whole_answer_of(prepared, visit.host());
    const Answering answering = HF_TRY(run_inference(services, visit, inference, request.headers));
    if (!answering.refused.ok()) return refusal_of(answering);
    const json::Object members = HF_TRY(task.write(answering.outputs, prepared));
    return account_for(services, answering,
                       http::Response::json(200, json::write(list_of(members, asked)) + "\n"));
}

Result<http::Response> embed(const Services& services, const http::Request& request) {
    const Asked asked = HF_TRY(parse(request));
    if (services.with.access) {
        HF_TRY(services.with.access->check(request.headers, Right::kInfer, asked.model));
    }
    const std::shared_ptr<ModelHost> host = HF_TRY(find_model(services, asked.model, ""));
    if (const Result<const Task*> task = task_of(*host); !task.ok()) {
        return with_no_task(embeddings_error(task.status()));
    }
    Visit visit(*host, request.waited, account_of(request));
    Result<http::Response> response = run(services, visit, asked, request);
    const bool theirs = response.status().code() == Code::kInvalidArgument;
    if (theirs) host->count_refused();
    return response;
}

}  // namespace

http::Response embeddings_error(const Status& status) {
    const int code = http::http_status(status.code());
    const json::Object error{{"message", status.message()},
                             {"type", code < 500 ? "invalid_request_error" : "server_error"},
                             {"code", code_name(status.code())}};
    return http::Response::json(code, json::write(json::Object{{"error", error}}) + "\n");
}

void add_embeddings_route(http::Router& router, const Services& services) {
    router.add("POST", "/v1/embeddings", [services](const http::Request& request) {
        Result<http::Response> response = embed(services, request);
        return response.ok() ? std::move(*response) : embeddings_error(response.status());
    });
}

}  // namespace hf::serve::tasks
