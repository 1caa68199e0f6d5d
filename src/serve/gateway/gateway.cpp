#include "serve/gateway/gateway.h"

#include <algorithm>
#include <deque>
#include <set>

#include "serve/gateway/forwarding.h"

namespace hf::serve::gateway {
namespace {

constexpr std::size_t kNoAnswer = static_cast<std::size_t>(-1);
constexpr std::size_t kCopiedBodyMax = 64u << 10;  // larger ones go out piece by piece
constexpr std::size_t kPieceBytes = 256u << 10;

// How often it is looked whether somebody waits still.
constexpr Duration kGivenUpLook = std::chrono::milliseconds(50);

}  // namespace

// One request and its attempts. Shared, because an attempt that lost ends after the request.
class Gateway::Exchange final {
public:
    struct Slot {
        std::atomic<bool> stop{false};
        http::Response response;  // when the call says so
    };

    Exchange(Call::Facts facts, http::ClientRequest made, const http::Request& came, Errand what)
        : deadline(facts.deadline),
          onward(std::move(made)),
          body(std::make_shared<const Bytes>(came.body)),
          errand(std::move(what)),
          given_up(came.given_up),
          call(std::move(facts)) {}

    const Instant deadline;
    const http::ClientRequest onward;  // its url is the path below the replica's
    const std::shared_ptr<const Bytes> body;
    const Errand errand;
    const std::shared_ptr<const std::atomic<bool>> given_up;  // null: nobody will know

    Mutex mutex;  // before the gateway's own
    ConditionVariable news;
    Call call HF_GUARDED_BY(mutex);
    std::deque<Slot> slots HF_GUARDED_BY(mutex);  // by attempt; a deque, so that they stay in place
    std::size_t ended HF_GUARDED_BY(mutex) = 0;
};

Result<std::unique_ptr<Gateway>> Gateway::create(GatewayOptions options, const env::Clock& clock) {
    if (options.threads < 1 || options.threads > kThreadsMax) {
        return invalid_argument("a gateway has 1 to {} threads, not {}", kThreadsMax,
                                options.threads);
    }
    if (options.timeout < kTimeLeftMin || options.timeout > kTimeoutMax) {
        return invalid_argument("a gateway's time-out is {} to {}, not {}",
                                format_duration(kTimeLeftMin), format_duration(kTimeoutMax),
                                format_duration(options.timeout));
    }
    if (options.silence_max < kTimeLeftMin || options.silence_max > kTimeoutMax) {
        return invalid_argument("the longest silence is {} to {}, not {}",
                                format_duration(kTimeLeftMin), format_duration(kTimeoutMax),
                                format_duration(options.silence_max));
    }
    return std::make_unique<Gateway>(Private(), std::move(options), clock);
}

Gateway::Gateway(Private, GatewayOptions options, const env::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      clients_(options_.client_options, options_.silence_max),
      rng_(options_.seed),
      shadows_(clients_, clock_),
      workers_(options_.threads) {}

Gateway::~Gateway() {
    stopping_ = true;
}

Status Gateway::set_routes(std::vector<Route> routes) {
    Status problems;
    routes = usable_part(std::move(routes), problems);
    std::set<std::string> urls;
    std::set<std::string> services;
    for (const Route& route : routes) {
        services.insert(route.service);
        for (const Replica& replica : route.replicas) urls.insert(replica.url);
    }
    {
        const MutexLock lock(mutex_);
        balancer_.adopt(std::move(routes));
    }
    clients_.keep_only(urls);
    shadows_.keep_only(services);
    has_routes_ = true;
    return problems;
}

std::vector<Balancer::ServiceView> Gateway::view() const {
    const MutexLock lock(mutex_);
    return balancer_.view(now());
}

Result<http::Response> Gateway::forward(const http::Request& request, const Errand& errand) {
    const Instant came = now();
    const Duration timeout = HF_TRY(timeout_of(request.headers, options_.timeout));
    const std::int64_t hops = HF_TRY(hops_of(request.headers));
    http::ClientRequest onward;
    onward.method = request.method == "HEAD" ? "GET" : request.method;
    onward.url = errand.path;
    onward.headers = headers_onward(request.headers);
    onward.headers.set(kHopsHeader, fmt::format("{}", hops + 1));
    Call::Facts facts;
    facts.service = errand.service;
    facts.site = options_.site;
    facts.deadline = came + timeout;
    facts.timed = errand.inference;
    facts.task = errand.task;
    const auto exchange =
        std::make_shared<Exchange>(std::move(facts), std::move(onward), request, errand);
    Status failure;
    const std::size_t answer = drive(exchange, failure);
    if (answer == kNoAnswer) return failure;
    http::Response response;
    {
        const MutexLock lock(exchange->mutex);
        response = std::move(exchange->slots[answer].response);
    }
    if (errand.inference && !errand.task) shadow(request, *exchange, response);
    return response;
}

// Has the answer compared with that of the next version, where a roll-out wants to know.
void Gateway::shadow(const http::Request& request, const Exchange& exchange,
                     const http::Response& answer) {
    const auto digest = answer.headers.get(kModelHeader);
    if (answer.status != 200 || !digest || exchange.errand.versioned) return;
    Shadows::Asked asked;
    asked.service = exchange.errand.service;
    {
        const MutexLock lock(mutex_);
        auto choice = balancer_.choose_shadow(asked.service, *digest, now(), rng_);
        if (!choice) return;
        asked.choice = std::move(*choice);
    }
    asked.body = exchange.body;
    asked.json_bytes = json_bytes_of(request.headers);
    shadows_.offer(std::move(asked), answer);
}

// Does what the call says until it is done; the attempt that answered, or kNoAnswer.
std::size_t Gateway::drive(const std::shared_ptr<Exchange>& exchange, Status& failure) {
    Exchange& own = *exchange;
    MutexLock lock(own.mutex);
    for (;;) {
        Call::Step step;
        if (own.given_up && *own.given_up) own.call.give_up(now());
        {
            const MutexLock balancer_lock(mutex_);
            step = own.call.next(balancer_, now(), rng_);
        }
        if (step.send) {
            own.slots.emplace_back();
            lock.unlock();
            start(exchange, *step.send);
            lock.lock();
            continue;
        }
        if (step.done) {
            for (Exchange::Slot& slot : own.slots) slot.stop = true;
            failure = std::move(step.failure);
            return step.answer.value_or(kNoAnswer);
        }
        const std::size_t seen = own.ended;
        Duration patience = std::max(step.wake - now(), Duration::zero());
        if (own.given_up) patience = std::min(patience, kGivenUpLook);
        own.news.wait_for(lock, patience,
                          [&own, seen]() HF_REQUIRES(own.mutex) { return own.ended != seen; });
    }
}

void Gateway::start(const std::shared_ptr<Exchange>& exchange, const Call::Send& send) {
    const auto work = [this, exchange, send] { attempt(*exchange, send); };
    if (!send.hedge) return workers_.post(work);
    if (workers_.try_post(work)) return;
    Call::Ended ended;
    ended.outcome.ending = Ending::kNotSent;
    const MutexLock lock(exchange->mutex);
    const MutexLock balancer_lock(mutex_);
    exchange->call.ended(balancer_, send.attempt, ended, now());
}

void Gateway::attempt(Exchange& exchange, const Call::Send& send) {
    const Instant start = now();
    Result<http::Response> response = ask(exchange, send);
    Call::Ended ended = judge(response, exchange.errand);
    // Whoever was silent for so long had been connected to: another model there may be well.
    ended.outcome.machine = now() - start < options_.silence_max;
    {
        const MutexLock lock(exchange.mutex);
        Exchange::Slot& slot = exchange.slots[send.attempt];
        ended.stopped = !response.ok() && (slot.stop || stopping_);
        if (response.ok()) {
            slot.response = response_onward(std::move(*response), send.choice.replica);
        } else {
            ended.error = ended.error.context("{}", send.choice.replica.node);
        }
        const MutexLock balancer_lock(mutex_);
        exchange.call.ended(balancer_, send.attempt, std::move(ended), now());
        ++exchange.ended;
    }
    exchange.news.notify_one();
}

Result<http::Response> Gateway::ask(Exchange& exchange, const Call::Send& send) {
    const std::atomic<bool>* stop = nullptr;
    {
        const MutexLock lock(exchange.mutex);
        stop = &exchange.slots[send.attempt].stop;
    }
    const auto pulse = [this, stop]() -> Status {
        return *stop || stopping_ ? cancelled("nobody waits for the answer") : Status();
    };
    const Replica& replica = send.choice.replica;
    http::ClientRequest request = exchange.onward;
    request.url = replica.url + exchange.onward.url;
    request.pulse = pulse;
    const Bytes& body = *exchange.body;
    std::size_t sent = 0;
    if (body.size() <= kCopiedBodyMax) {
        request.body = body;
    } else {
        request.source_bytes = body.size();
        request.source = [&body, &sent]() -> Result<Bytes> {
            const ByteView piece =
                ByteView(body).subspan(sent, std::min(kPieceBytes, body.size() - sent));
            sent += piece.size();
            return Bytes(piece.begin(), piece.end());
        };
    }
    ClientPool::Lease lease = HF_TRY(clients_.take(replica, send.patient, now()));
    for (;;) {
        HF_TRY(pulse());
        const auto left = std::chrono::floor<std::chrono::milliseconds>(exchange.deadline - now());
        request.headers.set(kTimeoutHeader,
                            fmt::format("{}", std::max<std::int64_t>(left.count(), 0)));
        sent = 0;
        const Instant begun = now();
        Result<http::Response> response = lease.client->send(request);
        if (response.ok()) clients_.give_back(replica, std::move(lease), now());
        // The connection had waited and may have ended meanwhile, or the certificates have changed;
        // a new client tells. After silence it would only be silent, too.
        const Code code = response.status().code();
        const bool stale = !response.ok() && lease.used && pulse().ok() &&
                           now() - begun < kSilenceMin &&
                           (code == Code::kUnavailable || code == Code::kUnauthenticated);
        if (!stale) return response;
        clients_.forget(replica);
        lease = HF_TRY(clients_.make(replica, send.patient, now()));
    }
}

}  // namespace hf::serve::gateway
