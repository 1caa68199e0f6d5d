#include "serve/tasks/ask.h"

#include "serve/oip_client.h"

namespace hf::serve::tasks {

Result<const Task*> task_of(const ModelHost& host) {
    if (const Task* const task = host.task()) return task;
    return not_found(
        "no task is declared of model '{}', so that it takes tensors only "
        "(/v2/models/{}/infer); docs/reference/tasks.md says how to declare one",
        host.identity().name, host.identity().name);
}

http::Response with_no_task(http::Response refusal) {
    refusal.headers.set(kNoTaskHeader, "1");
    return refusal;
}

Status check_plain(const http::Request& request) {
    const std::string_view encoding = request.headers.get("Content-Encoding").value_or("identity");
    if (encoding == "identity") return {};
    return invalid_argument("Content-Encoding '{}' is not read here; send the body as it is",
                            encoding);
}

InferRequest whole_answer_of(Prepared& prepared, const ModelHost& host) {
    InferRequest request;
    request.inputs = std::move(prepared.inputs);
    for (std::size_t i = 0; i < host.signature().outputs.size(); ++i) {
        request.outputs.push_back({i});
    }
    return request;
}

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

}  // namespace hf::serve::tasks
