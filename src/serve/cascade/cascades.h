// Cascades: services whose small model answers here and whose larger one is asked, over the
// network, about what the small one is unsure of. What is decided of an answer is in judge.h, when
// the upstream is left alone in circuit.h; this is the shell with counts, a clock and sockets. See
// docs/reference/cascades.md.
//
// An upstream makes no request fail that the small model has answered, unless the service says
// `refuse`, and makes none slower than its timeout. Data goes only to the replica that set() was
// given: whether it may go there was decided by who gave it.
//
// Thread-safety: all methods from any thread. Threads as in asker.h, once there is a cascade that
// has someone to ask.

#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "env/clock.h"
#include "serve/cascade/asker.h"
#include "serve/cascade/circuit.h"
#include "serve/cascade/judge.h"
#include "serve/infer_request.h"
#include "serve/model_host.h"

namespace hf::serve::cascade {

// Why an answer is whose it is; the words that callers, receipts and metrics see.
enum class Reason : unsigned char {
    kConfident,     // the small model was sure of every row
    kUnsure,        // it was not, and the upstream answered
    kResidency,     // the data may not go where the upstream stands
    kAlone,         // there is no upstream to ask
    kBudget,        // the share of rows that may go up was used up
    kCircuit,       // the upstream failed a moment ago
    kLate,          // the caller's time was up, or too short to ask
    kBusy,          // too many questions were under way
    kTimeout,       // the upstream did not answer in time
    kUnreachable,   // it could not be reached, or not be believed
    kRefused,       // it answered with an error
    kMismatch,      // its answer does not fit the question
    kUnmeasurable,  // the small model's output has no such measure
};
inline constexpr std::size_t kReasonCount = 13;
std::string_view reason_name(Reason reason);  // "confident"

struct Settings {
    std::string upstream;  // the name under which it answers there
    When when;
    Duration timeout = std::chrono::seconds(1);
    std::int64_t budget_percent = 20;    // of the rows, that may go up
    bool refuse = false;                 // an unsure row that nobody answered fails the request
    std::optional<gateway::Replica> at;  // whom to ask; nullopt: nobody
    bool residency = false;              // nobody, because the data may not go there

    friend bool operator==(const Settings&, const Settings&) = default;
};

struct Question {
    const ModelHost& host;
    const InferRequest& request;
    const http::Headers& headers;
    Instant came{};  // of the monotonic clock
};

// What answers the request, and what the caller and the receipt are told of it.
struct Answer {
    std::vector<Tensor> outputs;  // in signature order
    Reason reason = Reason::kConfident;
    std::size_t rows = 1;      // of the request
    std::size_t upstream = 0;  // of them, answered there
    bool asked = false;        // rows left this machine
    json::Object model;        // of the upstream: name, version, digest, as far as it said
    std::string digest;        // the same digest; empty: it said none
    std::string receipt;       // the upstream's own

    std::string_view answered() const;  // "local", "upstream", "both"
    json::Object parameters() const;    // of the response
    json::Object account() const;       // of the receipt
};

class Cascades final {
public:
    // `options`: of the client that asks a replica, its certificates. REQUIRES: the clock outlives
    // this.
    Cascades(gateway::ClientOptionsOf options, const env::Clock& clock);
    ~Cascades();
    Cascades(const Cascades&) = delete;
    Cascades& operator=(const Cascades&) = delete;

    // From the return on, for the model of that name. The same settings change nothing; counts
    // stay.
    void set(const std::string& name, Settings settings);
    void remove(std::string_view name);
    bool has(std::string_view name) const { return find(name) != nullptr; }

    // Of what the small model has computed. Nullopt: the model has no cascade. UNAVAILABLE when the
    // service would rather not answer than answer unsure.
    std::optional<Result<Answer>> answer(const Question& question, std::vector<Tensor> local);

    std::string metrics() const;  // Prometheus text

    Instant now() const { return Instant(clock_.monotonic()); }  // as Question::came has it

private:
    struct One;

    std::shared_ptr<One> find(std::string_view name) const;
    Asker& asker();
    void drop_old_clients() HF_REQUIRES(mutex_);
    Answer judged(One& one, const Question& question, std::vector<Tensor> local);
    Reason leave(One& one, std::size_t wanted, std::size_t& granted, Circuit::Leave& leave) const;
    Reason ask(const One& one, const Question& question, const Verdict& verdict, Answer& answer);
    const gateway::ClientOptionsOf options_;
    const env::Clock& clock_;
    mutable Mutex mutex_;
    std::map<std::string, std::shared_ptr<One>, std::less<>> ones_ HF_GUARDED_BY(mutex_);
    std::unique_ptr<Asker> asker_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve::cascade
