#include "serve/cascade/cascades.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/text.h"
#include "http/url.h"
#include "serve/gateway/forwarding.h"
#include "serve/metrics.h"
#include "serve/oip_client.h"

namespace hf::serve::cascade {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";
// Of the caller's time, what is left for the small model's answer to get back in.
constexpr Duration kWayBackMin = std::chrono::milliseconds(20);
constexpr std::size_t kWordBytesMax = 128;  // of what an upstream says of itself

struct ReasonWords {
    std::string_view name;
    std::string_view outcome;  // in the metrics
};

constexpr std::array<ReasonWords, kReasonCount> kWords{{
    {"confident", "confident"},
    {"unsure", "answered"},
    {"residency", "refused"},
    {"alone", "refused"},
    {"budget", "refused"},
    {"circuit", "refused"},
    {"late", "refused"},
    {"busy", "refused"},
    {"timeout", "failed"},
    {"unreachable", "failed"},
    {"refused", "failed"},
    {"mismatch", "failed"},
    {"unmeasurable", "failed"},
}};

const ReasonWords& words_of(Reason reason) {
    return kWords[static_cast<std::size_t>(reason)];
}

// Whether an answer like this is one of the upstream's making.
bool is_upstreams_fault(Reason reason) {
    return reason == Reason::kTimeout || reason == Reason::kUnreachable ||
           reason == Reason::kRefused || reason == Reason::kMismatch;
}

// A word that a stranger said, for receipts and answers; empty when it is none.
std::string word(std::string_view text) {
    const bool plain =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    return plain && text.size() <= kWordBytesMax ? std::string(text) : std::string();
}

bool fits(const runtime::Port& port, const Shape& shape) {
    if (port.shape.rank() != shape.rank()) return false;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (port.shape[i] != Shape::kUnknown && port.shape[i] != shape[i]) return false;
    }
    return true;
}

Result<InferenceAnswer> read(const http::Response& response) {
    std::optional<std::size_t> json_bytes;
    if (const auto header = response.headers.get(kLengthHeader)) {
        const std::int64_t length = HF_TRY(parse_int(*header));
        if (length < 0) return invalid_argument("{} is negative", kLengthHeader);
        json_bytes = static_cast<std::size_t>(length);
    }
    return parse_inference_answer(response.body, json_bytes);
}

void describe(const http::Response& response, const InferenceAnswer& said, Answer& answer) {
    const auto add = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) answer.model[key] = value;
    };
    add("name", word(said.model_name));
    add("version", word(said.model_version));
    answer.digest = word(response.headers.get(kModelDigestHeader).value_or(""));
    if (!Digest::parse(answer.digest).ok()) answer.digest.clear();
    add("digest", answer.digest);
    answer.receipt = word(response.headers.get("holdfast-receipt").value_or(""));
}

// Puts what came back where it belongs; nothing changes unless all that is wanted fits.
Status merge(const Question& question, const InferenceAnswer& said, const Verdict& asked,
             std::vector<Tensor>& outputs) {
    const std::vector<runtime::Port>& ports = question.host.signature().outputs;
    std::vector<Tensor> merged = outputs;
    for (const InferRequest::Wanted& wanted : question.request.outputs) {
        const runtime::Port& port = ports[wanted.output];
        const auto found =
            std::find_if(said.outputs.begin(), said.outputs.end(),
                         [&](const NamedOutput& each) { return each.name == port.name; });
        if (found == said.outputs.end()) return invalid_argument("no output '{}'", port.name);
        Tensor& place = merged[wanted.output];
        if (!asked.whole) {
            place = HF_TRY(put_rows(place, asked.unsure, found->tensor).context("'{}'", port.name));
        } else if (found->tensor.dtype() == port.dtype && fits(port, found->tensor.shape())) {
            place = found->tensor;
        } else {
            return invalid_argument("'{}' is of another type or shape", port.name);
        }
    }
    outputs = std::move(merged);
    return {};
}

Reason reason_of(const Status& status, bool own_time) {
    switch (status.code()) {
        case Code::kResourceExhausted: return Reason::kBusy;
        case Code::kDeadlineExceeded: return own_time ? Reason::kTimeout : Reason::kLate;
        case Code::kFailedPrecondition: return Reason::kRefused;
        default: return Reason::kUnreachable;
    }
}

}  // namespace

std::string_view reason_name(Reason reason) {
    return words_of(reason).name;
}

std::string_view Answer::answered() const {
    if (upstream == 0) return "local";
    return upstream == rows ? "upstream" : "both";
}

json::Object Answer::parameters() const {
    json::Object parameters{{"holdfast_cascade", answered()},
                            {"holdfast_cascade_reason", reason_name(reason)}};
    if (upstream > 0) parameters["holdfast_cascade_rows"] = upstream;
    if (!digest.empty()) parameters["holdfast_cascade_digest"] = digest;
    return parameters;
}

json::Object Answer::account() const {
    json::Object account{{"answered", answered()},
                         {"escalated", asked},
                         {"reason", reason_name(reason)},
                         {"rows", rows},
                         {"rows_upstream", upstream}};
    if (!model.empty()) account["upstream"] = model;
    if (!receipt.empty()) account["upstream_receipt"] = receipt;
    return account;
}

struct Cascades::One {
    explicit One(Settings of) : settings(std::move(of)), budget(settings.budget_percent) {}

    const Settings settings;
    mutable Mutex mutex;
    Circuit circuit HF_GUARDED_BY(mutex);
    ShareBudget budget HF_GUARDED_BY(mutex);
    std::array<std::uint64_t, kReasonCount> requests HF_GUARDED_BY(mutex){};
    std::uint64_t escalated HF_GUARDED_BY(mutex) = 0;
    std::uint64_t rows_local HF_GUARDED_BY(mutex) = 0;
    std::uint64_t rows_upstream HF_GUARDED_BY(mutex) = 0;

    // The counts of what was there before, which goes.
    void inherit(const One& before) {
        const MutexLock theirs(before.mutex);
        const MutexLock own(mutex);
        requests = before.requests;
        escalated = before.escalated;
        rows_local = before.rows_local;
        rows_upstream = before.rows_upstream;
    }
};

Cascades::Cascades(gateway::ClientOptionsOf options, const env::Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

Cascades::~Cascades() = default;

void Cascades::set(const std::string& name, Settings settings) {
    const MutexLock lock(mutex_);
    std::shared_ptr<One>& place = ones_[name];
    if (place && place->settings == settings) return;
    const auto next = std::make_shared<One>(std::move(settings));
    if (place) next->inherit(*place);
    place = next;
    if (next->settings.at && !asker_) asker_ = std::make_unique<Asker>(options_, clock_);
    drop_old_clients();
}

void Cascades::remove(std::string_view name) {
    const MutexLock lock(mutex_);
    const auto found = ones_.find(name);
    if (found != ones_.end()) ones_.erase(found);
    drop_old_clients();
}

// Connections to whom nobody asks any more.
void Cascades::drop_old_clients() {
    if (!asker_) return;
    std::set<std::string> urls;
    for (const auto& [name, one] : ones_) {
        if (one->settings.at) urls.insert(one->settings.at->url);
    }
    asker_->keep_only(urls);
}

std::shared_ptr<Cascades::One> Cascades::find(std::string_view name) const {
    const MutexLock lock(mutex_);
    const auto found = ones_.find(name);
    return found == ones_.end() ? nullptr : found->second;
}

std::optional<Result<Answer>> Cascades::answer(const Question& question,
                                               std::vector<Tensor> local) {
    const std::shared_ptr<One> one = find(question.host.identity().name);
    if (!one) return std::nullopt;
    Answer answer = judged(*one, question, std::move(local));
    {
        const MutexLock lock(one->mutex);
        ++one->requests[static_cast<std::size_t>(answer.reason)];
        if (answer.asked) ++one->escalated;
        one->rows_upstream += answer.upstream;
        one->rows_local += answer.rows - answer.upstream;
    }
    const bool good = answer.reason == Reason::kConfident || answer.reason == Reason::kUnsure;
    if (!good && one->settings.refuse) {
        return Result<Answer>(
            unavailable("the model is not sure of its answer, and '{}' was not asked or did not "
                        "answer ({}); this service rather fails than guesses (spec.cascade)",
                        one->settings.upstream, reason_name(answer.reason)));
    }
    return Result<Answer>(std::move(answer));
}

// The small model's answer, with what the upstream knows better.
Answer Cascades::judged(One& one, const Question& question, std::vector<Tensor> local) {
    Answer answer;
    Result<Verdict> verdict =
        judge(one.settings.when, {question.host.signature(), question.request.inputs, local});
    answer.outputs = std::move(local);
    if (!verdict.ok()) {
        answer.reason = Reason::kUnmeasurable;
        return answer;
    }
    answer.rows = verdict->rows;
    std::size_t granted = 0;
    Circuit::Leave leave = Circuit::Leave::kNo;
    {
        const MutexLock lock(one.mutex);
        one.budget.earn(verdict->rows);
    }
    if (verdict->unsure.empty()) return answer;
    answer.reason = this->leave(one, verdict->unsure.size(), granted, leave);
    if (answer.reason != Reason::kUnsure) return answer;
    const bool partly = granted < verdict->unsure.size();
    verdict->unsure.resize(granted);
    const Reason ended = ask(one, question, *verdict, answer);
    const MutexLock lock(one.mutex);
    answer.reason = ended;
    if (!answer.asked) one.budget.give_back(granted);
    if (is_upstreams_fault(ended)) {
        one.circuit.failed(leave, now());
    } else if (ended == Reason::kUnsure) {
        one.circuit.succeeded(leave);
        // What the budget left out stays a guess of the small model's.
        if (partly) answer.reason = Reason::kBudget;
    } else {
        one.circuit.abandoned(leave);
    }
    return answer;
}

// Whether the upstream may be asked now: kUnsure if so, about how many rows, and by which leave.
Reason Cascades::leave(One& one, std::size_t wanted, std::size_t& granted,
                       Circuit::Leave& leave) const {
    if (one.settings.residency) return Reason::kResidency;
    if (!one.settings.at) return Reason::kAlone;
    const MutexLock lock(one.mutex);
    leave = one.circuit.ask(now());
    if (leave == Circuit::Leave::kNo) return Reason::kCircuit;
    granted = one.budget.spend(wanted);
    if (granted > 0) return Reason::kUnsure;
    one.circuit.abandoned(leave);
    return Reason::kBudget;
}

// About the unsure rows of the verdict, all of them.
Reason Cascades::ask(const One& one, const Question& question, const Verdict& verdict,
                     Answer& answer) {
    const Settings& settings = one.settings;
    Instant deadline = now() + settings.timeout;
    const Result<Duration> patience = gateway::timeout_of(question.headers, gateway::kTimeoutMax);
    const Duration allowed = patience.ok() ? *patience : gateway::kTimeoutMax;
    const Instant callers = question.came + allowed - std::max(allowed / 8, kWayBackMin);
    const bool own_time = deadline <= callers;
    deadline = std::min(deadline, callers);
    const Result<std::int64_t> hops = gateway::hops_of(question.headers);
    if (!hops.ok()) return Reason::kAlone;
    if (deadline - now() < gateway::kTimeLeftMin) return Reason::kLate;

    std::vector<Tensor> inputs;
    for (const Tensor& input : question.request.inputs) {
        inputs.push_back(verdict.whole ? input : take_rows(input, verdict.unsure));
    }
    const InferenceCall call = write_inference(question.host.signature(), inputs);
    http::ClientRequest request;
    request.method = "POST";
    request.url = "/v2/models/" + http::percent_encode(settings.upstream) + "/infer";
    request.headers = gateway::headers_onward(question.headers);
    request.headers.set("Content-Type", "application/octet-stream");
    request.headers.set(std::string(kLengthHeader), fmt::format("{}", call.json_bytes));
    request.headers.set(gateway::kHopsHeader, fmt::format("{}", *hops + 1));
    request.body = call.body;
    answer.asked = true;
    const Result<http::Response> response = asker().ask(*settings.at, std::move(request), deadline);
    if (!response.ok()) {
        const Reason reason = reason_of(response.status(), own_time);
        answer.asked = reason != Reason::kBusy;
        return reason;
    }
    if (response->status != 200) return Reason::kRefused;
    const Result<InferenceAnswer> said = read(*response);
    if (!said.ok() || !merge(question, *said, verdict, answer.outputs).ok()) {
        return Reason::kMismatch;
    }
    answer.upstream = verdict.unsure.size();
    describe(*response, *said, answer);
    return Reason::kUnsure;
}

Asker& Cascades::asker() {
    const MutexLock lock(mutex_);
    HF_CHECK(asker_ != nullptr);
    return *asker_;
}

std::string Cascades::metrics() const {
    std::map<std::string, std::shared_ptr<One>, std::less<>> ones;
    {
        const MutexLock lock(mutex_);
        ones = ones_;
    }
    if (ones.empty()) return {};
    std::string requests;
    std::string escalated;
    std::string rows;
    std::string open;
    for (const auto& [name, one] : ones) {
        const std::string label = fmt::format("model=\"{}\"", metric_label(name));
        const MutexLock lock(one->mutex);
        for (std::size_t i = 0; i < kReasonCount; ++i) {
            requests += fmt::format(
                "holdfast_cascade_requests_total{{{},outcome=\"{}\",reason=\"{}\"}} {}\n", label,
                kWords[i].outcome, kWords[i].name, one->requests[i]);
        }
        escalated +=
            fmt::format("holdfast_cascade_escalated_total{{{}}} {}\n", label, one->escalated);
        rows += fmt::format(
            "holdfast_cascade_rows_total{{{0},answered=\"local\"}} {1}\n"
            "holdfast_cascade_rows_total{{{0},answered=\"upstream\"}} {2}\n",
            label, one->rows_local, one->rows_upstream);
        open += fmt::format("holdfast_cascade_circuit_open{{{}}} {}\n", label,
                            one->circuit.is_open() ? 1 : 0);
    }
    return fmt::format(
        "# HELP holdfast_cascade_requests_total Requests of services with a cascade, by whose "
        "answer it was and why.\n# TYPE holdfast_cascade_requests_total counter\n{}"
        "# HELP holdfast_cascade_escalated_total Requests of which rows were sent to the "
        "upstream.\n# TYPE holdfast_cascade_escalated_total counter\n{}"
        "# HELP holdfast_cascade_rows_total Rows by who answered them.\n"
        "# TYPE holdfast_cascade_rows_total counter\n{}"
        "# HELP holdfast_cascade_circuit_open 1 while a failed upstream is left alone.\n"
        "# TYPE holdfast_cascade_circuit_open gauge\n{}",
        requests, escalated, rows, open);
}

}  // namespace hf::serve::cascade
