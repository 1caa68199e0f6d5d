#include "serve/tasks/ask.h"

#include "serve/oip_client.h"

namespace hf::serve::tasks {
namespace {

// For all outputs of the model. Takes the inputs.
InferRequest whole_answer_of(Prepared& prepared, const ModelHost& host) {
    InferRequest request;
    request.inputs = std::move(prepared.inputs);
    for (std::size_t i = 0; i < host.signature().outputs.size(); ++i) {
        request.outputs.push_back({i});
    }
    return request;
}

// The response, with the headers that say whose answer it is. An error means: no answer.
Result<http::Response> account_for(const Services& services, const Answering& answering,
                                   http::Response response) {
    if (const std::string digests = digests_of(answering); !digests.empty()) {
        response.headers.set(std::string(kModelDigestHeader), digests);
    }
    if (answering.cached) response.headers.set(std::string(kCacheHeader), "hit");
    if (answering.composed) {
        response.headers.set(std::string(kStepsHeader), answering.composed->summary);
    }
    if (const std::string guarded = guard_summary(answering); !guarded.empty()) {
        response.headers.set(std::string(kGuardHeader), guarded);
    }
    const std::string receipt = HF_TRY(add_receipt(services, answering));
    if (!receipt.empty()) response.headers.set(std::string(kReceiptHeader), receipt);
    return response;
}

Result<http::Response> write_answer(const Services& services, const Question& question,
                                    const Prepared& prepared, const Answering& answering) {
    if (!answering.refused.ok()) return refusal_of(answering);
    const json::Object members = HF_TRY(question.task->write(answering.outputs, prepared));
    return account_for(services, answering,
                       http::Response::json(200, json::write(question.answer(members)) + "\n"));
}

http::Response answer_of(const Services& services, const Question& question,
                         const Prepared& prepared, const Result<Answering>& answering) {
    Result<http::Response> response = answering.ok()
                                          ? write_answer(services, question, prepared, *answering)
                                          : Result<http::Response>(answering.status());
    if (response.ok()) return std::move(*response);
    http::Response error = question.error(response.status());
    add_retry_after(services, *question.host, response.status(), error);
    return error;
}

}  // namespace

Result<const Task*> task_of(const ModelHost& host) {
    if (const Task* const task = host.task()) return task;
    return not_found(
        "no task is declared of model '{}', so that it takes tensors only "
        "(/v2/models/{}/infer); docs/reference/tasks.md says how to declare one",
        host.identity().name, host.identity().name);
}

Status check_plain(const http::Request& request) {
    const std::string_view encoding = request.headers.get("Content-Encoding").value_or("identity");
    if (encoding == "identity") return {};
    return invalid_argument("Content-Encoding '{}' is not read here; send the body as it is",
                            encoding);
}

void ask(const Services& services, const Question& question, const Body& body,
         const http::Reply& reply) {
    auto asked = std::make_shared<Asked>(question.host, question.by);
    Result<Prepared> read = question.task->read(body);
    if (!read.ok()) {
        question.host->count_refused();
        asked->visit.end();
        return reply.send(question.error(read.status()));
    }
    const auto prepared = std::make_shared<Prepared>(std::move(*read));
    asked->request = whole_answer_of(*prepared, *question.host);
    if (services.with.cascades) asked->headers = question.by->headers;
    asked->start_by = start_by_of(services, *question.by);
    run_inference(services, std::move(asked),
                  [services, question, prepared, reply](const std::shared_ptr<Asked>& of,
                                                        const Result<Answering>& answering) {
                      http::Response response = answer_of(services, question, *prepared, answering);
                      of->visit.end();
                      reply.send(std::move(response));
                  });
}

}  // namespace hf::serve::tasks
