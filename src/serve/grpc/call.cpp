#include "serve/grpc/call.h"

#include "base/json.h"
#include "http/trailed_stream.h"
#include "serve/grpc/answers.h"

namespace hf::serve::grpc {
namespace {

// What a call's header says.
struct Terms {
    Encoding came = Encoding::kIdentity;
    Encoding goes = Encoding::kIdentity;
    Duration deadline = Duration::max();
};

Result<Terms> read_terms(const http::Request& request, const env::Clock& clock) {
    Terms terms;
    terms.came = HF_TRY(encoding_of(request.headers));
    terms.goes = answer_encoding(request.headers, terms.came);
    const Duration timeout = HF_TRY(timeout_of(request.headers));
    // The time that it has waited for a worker is the client's.
    if (timeout < Duration::max()) terms.deadline = clock.monotonic() + timeout - request.waited;
    return terms;
}

std::optional<http::Response> refuse(const http::Request& request) {
    if (request.version < 2) {
        return http::Response::error(505, "gRPC is spoken over HTTP/2 only");
    }
    if (is_grpc(request.headers.get("content-type").value_or(""))) return std::nullopt;
    return http::Response::error(415, "want Content-Type application/grpc, with Protocol Buffers");
}

http::Headers answer_headers(Encoding encoding) {
    http::Headers headers;
    headers.set("Content-Type", "application/grpc");
    headers.set("grpc-accept-encoding", std::string(kEncodings));
    if (encoding == Encoding::kGzip) headers.set("grpc-encoding", "gzip");
    return headers;
}

http::Headers status_trailers(const Status& status) {
    http::Headers trailers;
    add_status(trailers, status);
    return trailers;
}

// The one message of a call that has no more.
Result<Bytes> read_only_message(const http::Request& request, const Terms& terms,
                                std::size_t bytes_max) {
    MessageReader reader(bytes_max);
    reader.add(request.body);
    Message message;
    const bool whole = HF_TRY(reader.next(message));
    if (!whole || reader.held() > 0) {
        return unimplemented("this method takes exactly one message, and got {}",
                             whole ? "more" : "less");
    }
    return unpack(std::move(message), terms.came, bytes_max);
}

// The answer to a call with one message.
Result<http::Response> write_answer(const Call& call, Encoding goes, const Reply& reply) {
    HF_TRY(call.check());
    http::Response response;
    response.headers = answer_headers(goes);
    for (const auto& [name, value] : reply.metadata.all()) response.headers.add(name, value);
    response.body = pack(reply.message, goes);
    response.trailers = status_trailers({});
    return response;
}

Result<http::Response> answer(const http::Request& request, const CallOptions& options,
                              const Method& method) {
    const Terms terms = HF_TRY(read_terms(request, options.clock));
    const Bytes message = HF_TRY(read_only_message(request, terms, options.message_bytes_max));
    const Call call{request, message, options.clock, terms.deadline};
    HF_TRY(call.check());
    const Reply reply = HF_TRY(method(call));
    return write_answer(call, terms.goes, reply);
}

// A call, and what it borrows from.
struct KeptCall {
    std::shared_ptr<const http::Request> request;
    Terms terms;
    Bytes message;
    Call call;
};

Result<std::shared_ptr<KeptCall>> keep_call(const std::shared_ptr<const http::Request>& request,
                                            const Terms& terms, Bytes message,
                                            const CallOptions& options) {
    // The view is of what a vector holds, which stays where it is when that moves.
    const ByteView view = message;
    auto kept = std::make_shared<KeptCall>(KeptCall{
        request, terms, std::move(message), {*request, view, options.clock, terms.deadline}});
    HF_TRY(kept->call.check());
    return kept;
}

Result<std::shared_ptr<KeptCall>> read_call(const std::shared_ptr<const http::Request>& request,
                                            const CallOptions& options) {
    const Terms terms = HF_TRY(read_terms(*request, options.clock));
    Bytes message = HF_TRY(read_only_message(*request, terms, options.message_bytes_max));
    return keep_call(request, terms, std::move(message), options);
}

// REQUIRES: reply.refused is an error.
http::Response refusal_of(const Reply& reply) {
    http::Response response = trailers_only(reply.refused);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(reply.retry_after);
    response.headers.set("grpc-retry-pushback-ms", fmt::format("{}", wait.count()));
    return response;
}

void answer_later(const std::shared_ptr<const http::Request>& request, const CallOptions& options,
                  const DeferredMethod& method, const http::Reply& to) {
    const Result<std::shared_ptr<KeptCall>> read = read_call(request, options);
    if (!read.ok()) return to.send(trailers_only(read.status()));
    const std::shared_ptr<KeptCall> kept = *read;
    method({kept, &kept->call}, [kept, to](Result<Reply> reply) {
        if (reply.ok() && !reply->refused.ok()) return to.send(refusal_of(*reply));
        Result<http::Response> response = reply.ok()
                                              ? write_answer(kept->call, kept->terms.goes, *reply)
                                              : Result<http::Response>(reply.status());
        to.send(response.ok() ? std::move(*response) : trailers_only(response.status()));
    });
}

http::Duplex::Step last_step(const Status& status) {
    http::Duplex::Step step;
    step.trailers = status_trailers(status);
    return step;
}

// One message a step, so that a client with many does not keep a worker from the others.
class Stream final : public http::Duplex {
public:
    Stream(http::Request request, const Terms& terms, const CallOptions& options,
           DeferredMethod method)
        : request_(std::make_shared<const http::Request>(std::move(request))),
          terms_(terms),
          options_(options),
          method_(std::move(method)),
          reader_(options.message_bytes_max) {}

    void take(ByteView came, bool ended, Told told) override {
        reader_.add(came);
        Message message;
        const Result<bool> whole = reader_.next(message);
        if (!whole.ok()) return told(last_step(whole.status()));
        if (!*whole) return told(without_message(ended));
        const Result<std::shared_ptr<KeptCall>> read = read_message(std::move(message));
        if (!read.ok()) return told(last_step(read.status()));
        const std::shared_ptr<KeptCall> kept = *read;
        method_({kept, &kept->call},
                [kept, held = reader_.held(), told = std::move(told)](const Result<Reply>& reply) {
                    const Status status = reply.ok() ? reply->refused : reply.status();
                    if (!status.ok()) return told(last_step(status));
                    Step step;
                    step.send = pack(reply->message, kept->terms.goes);
                    step.kept = held;
                    step.again = true;
                    told(std::move(step));
                });
    }

    http::Headers stop() override {
        return status_trailers(unavailable("the server is going away; ask again"));
    }

private:
    Step without_message(bool ended) const {
        if (ended) {
            return last_step(reader_.held() == 0 ? Status()
                                                 : internal_error("the last message is not whole"));
        }
        Step step;
        step.kept = reader_.held();
        return step;
    }

    Result<std::shared_ptr<KeptCall>> read_message(Message message) const {
        Bytes bytes = HF_TRY(unpack(std::move(message), terms_.came, options_.message_bytes_max));
        return keep_call(request_, terms_, std::move(bytes), options_);
    }

    const std::shared_ptr<const http::Request> request_;
    const Terms terms_;
    const CallOptions options_;
    const DeferredMethod method_;
    MessageReader reader_;
};

http::Opening open(http::Request request, const CallOptions& options,
                   const DeferredMethod& method) {
    if (std::optional<http::Response> refusal = refuse(request)) {
        return {std::move(*refusal), nullptr};
    }
    const Result<Terms> terms = read_terms(request, options.clock);
    if (!terms.ok()) return {trailers_only(terms.status()), nullptr};
    http::Opening opening;
    opening.head.headers = answer_headers(terms->goes);
    request.waited = {};  // its messages did not
    opening.duplex = std::make_unique<Stream>(std::move(request), *terms, options, method);
    return opening;
}

// What comes of a call with one message and a stream of answers.
class AnswerStream final : public http::TrailedStream {
public:
    AnswerStream(std::unique_ptr<Answers> answers, Terms terms, const env::Clock& clock)
        : answers_(std::move(answers)), terms_(terms), clock_(clock) {}

    void start(std::function<void()> wake) override { answers_->start(std::move(wake)); }

    std::optional<Bytes> next() override {
        if (is_late()) return std::nullopt;
        const std::optional<Bytes> message = answers_->next();
        return message ? pack(*message, terms_.goes) : Bytes();
    }

    http::Headers trailers() override {
        return status_trailers(is_late()
                                   ? deadline_exceeded("the time that grpc-timeout gave is over")
                                   : unavailable("the server is going away; ask again"));
    }

private:
    bool is_late() const { return clock_.monotonic() >= terms_.deadline; }

    const std::unique_ptr<Answers> answers_;
    const Terms terms_;
    const env::Clock& clock_;
};

Result<http::Response> begin_answers(const http::Request& request, const CallOptions& options,
                                     const AnswersMethod& method) {
    const Terms terms = HF_TRY(read_terms(request, options.clock));
    const Bytes message = HF_TRY(read_only_message(request, terms, options.message_bytes_max));
    const Call call{request, message, options.clock, terms.deadline};
    HF_TRY(call.check());
    http::Response response;
    response.headers = answer_headers(terms.goes);
    response.stream = std::make_shared<AnswerStream>(HF_TRY(method(call)), terms, options.clock);
    return response;
}

Code code_of(int http_status) {
    switch (http_status) {
        case 400: return Code::kInvalidArgument;
        case 401: return Code::kUnauthenticated;
        case 403: return Code::kPermissionDenied;
        case 404:
        case 405:
        case 415: return Code::kUnimplemented;
        case 413:
        case 429:
        case 431: return Code::kResourceExhausted;
        case 503: return Code::kUnavailable;
        case 500: return Code::kInternal;
        default: return Code::kUnknown;
    }
}

}  // namespace

Status Call::check() const {
    if (request.is_given_up()) return cancelled("the client has cancelled");
    if (clock.monotonic() < deadline) return {};
    return deadline_exceeded("the time that grpc-timeout gave is over");
}

void add_unary(http::Router& router, std::string_view path, const CallOptions& options,
               Method method) {
    router.add("POST", path, [options, method = std::move(method)](const http::Request& request) {
        if (std::optional<http::Response> refusal = refuse(request)) return std::move(*refusal);
        Result<http::Response> response = answer(request, options, method);
        return response.ok() ? std::move(*response) : trailers_only(response.status());
    });
}

void add_deferred(http::Router& router, std::string_view path, const CallOptions& options,
                  DeferredMethod method) {
    router.add_deferred(
        "POST", path,
        [options, method = std::move(method)](const std::shared_ptr<const http::Request>& request,
                                              const http::Reply& reply) {
            if (std::optional<http::Response> refusal = refuse(*request)) {
                return reply.send(std::move(*refusal));
            }
            answer_later(request, options, method, reply);
        });
}

void add_stream(http::Router& router, std::string_view path, const CallOptions& options,
                DeferredMethod method) {
    router.add_duplex(path, [options, method = std::move(method)](const http::Request& request) {
        return open(request, options, method);
    });
}

void add_answers(http::Router& router, std::string_view path, const CallOptions& options,
                 AnswersMethod method) {
    router.add("POST", path, [options, method = std::move(method)](const http::Request& request) {
        if (std::optional<http::Response> refusal = refuse(request)) return std::move(*refusal);
        Result<http::Response> response = begin_answers(request, options, method);
        return response.ok() ? std::move(*response) : trailers_only(response.status());
    });
}

http::Response rephrase(std::string_view content_type, http::Response refusal) {
    if (!is_grpc(content_type)) return refusal;
    if (is_grpc(refusal.headers.get("content-type").value_or(""))) return refusal;
    const Result<json::Value> body = json::parse(as_text(refusal.body));
    const std::string_view text = body.ok() ? json::get_string(*body, "error") : "";
    const Code code = code_of(refusal.status);
    return trailers_only(Status(
        code, text.empty() ? fmt::format("HTTP status {}", refusal.status) : std::string(text)));
}

}  // namespace hf::serve::grpc
