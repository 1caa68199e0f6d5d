#include "store/etcd/members.h"

#include <algorithm>

#include "base/text.h"
#include "http/http2_client.h"
#include "store/etcd/messages.h"

namespace hf::store::etcd {
namespace {

// A stream may be silent for long: etcd says at least every ten minutes that it is there.
constexpr Duration kSilenceMax = std::chrono::minutes(30);
constexpr Duration kConnectPatience = std::chrono::seconds(1);
constexpr int kReadPassesMax = 3;
constexpr int kMembersInPatience = kReadPatience / kMemberPatience;

// The member cannot answer now, and another might.
bool is_passing(Code code) {
    return code == Code::kUnavailable || code == Code::kDeadlineExceeded ||
           code == Code::kUnknown || code == Code::kInternal || code == Code::kCancelled;
}

}  // namespace

struct Members::Question {
    std::string_view method;
    Bytes message;
    Duration deadline;  // of the clock's monotonic time
};

Result<std::unique_ptr<Members>> Members::create(MembersOptions options, env::Clock& clock) {
    auto members = std::make_unique<Members>(Private{}, std::move(options), clock);
    // What is wrong with the certificates is said now.
    Client client = HF_TRY(members->take());
    members->give_back(std::move(client));
    return members;
}

Members::Members(Private, MembersOptions options, env::Clock& clock)
    : options_(std::move(options)), clock_(clock), rests_until_(options_.endpoints.size()) {}

std::string Members::names() const {
    return join(options_.endpoints, ", ");
}

std::string Members::url(std::size_t member, std::string_view method) const {
    return fmt::format("{}://{}{}", options_.tls ? "https" : "http", options_.endpoints[member],
                       method);
}

http::ClientOptions Members::client_options() const {
    http::ClientOptions client;
    client.connect_timeout = kConnectPatience;
    client.read_timeout = kWritePatience;
    client.ca_pem = options_.ca_pem;
    client.certificate_pem = options_.certificate_pem;
    client.key_pem = options_.key_pem;
    return client;
}

Result<Members::Client> Members::take() {
    {
        const MutexLock lock(mutex_);
        if (!idle_.empty()) {
            Client client = std::move(idle_.back());
            idle_.pop_back();
            return client;
        }
    }
    return http::create_http2_client(client_options());
}

void Members::give_back(Client client) {
    const MutexLock lock(mutex_);
    if (idle_.size() < kMaxIdleClients) idle_.push_back(std::move(client));
}

std::vector<std::size_t> Members::order() {
    const Duration now = clock_.monotonic();
    const MutexLock lock(mutex_);
    const std::size_t count = rests_until_.size();
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < count; ++i) order.push_back((first_ + i) % count);
    std::stable_partition(order.begin(), order.end(), [&](std::size_t member) HF_REQUIRES(mutex_) {
        return rests_until_[member] <= now;
    });
    return order;
}

void Members::note(std::size_t member, bool answered) {
    const Duration now = clock_.monotonic();
    const MutexLock lock(mutex_);
    rests_until_[member] = answered ? Duration::zero() : now + kMemberRest;
    if (answered) first_ = member;
}

Result<Bytes> Members::ask(std::size_t member, const Question& question, Asked& asked) {
    Client client = HF_TRY(take());
    http::grpc::ClientCall call;
    call.url = url(member, question.method);
    call.message = question.message;
    call.message_bytes_max = kMaxAnswerBytes;
    call.timeout = question.deadline - clock_.monotonic();
    call.sent = &asked.sent;
    call.judged = &asked.judged;
    call.pulse = [&]() -> Status {
        if (clock_.monotonic() <= question.deadline) return {};
        return deadline_exceeded("{} does not answer", options_.endpoints[member]);
    };
    Result<Bytes> answer = http::grpc::call(*client, call);
    give_back(std::move(client));
    if (answer.ok()) return answer;
    return refusal(answer.status()).context("etcd at {}", options_.endpoints[member]);
}

Result<Bytes> Members::read(std::string_view method, Bytes message, Duration patience) {
    const Duration end = clock_.monotonic() + patience;
    Question question{method, std::move(message), end};
    Status last = unavailable("no member of etcd was asked");
    // A member that is there may not know its leader yet; one that is not there is asked once.
    bool sent = true;
    for (int pass = 0; pass < kReadPassesMax && sent; ++pass) {
        sent = false;
        for (const std::size_t member : order()) {
            const Duration now = clock_.monotonic();
            if (now > end) break;
            question.deadline = std::min(now + patience / kMembersInPatience, end);
            Asked asked;
            Result<Bytes> answer = ask(member, question, asked);
            sent = sent || asked.sent;
            const bool passing = !answer.ok() && is_passing(answer.status().code());
            note(member, !passing);
            if (!passing) return answer;
            last = answer.status();
        }
    }
    return unavailable("no member of etcd answers ({}): {}", names(), last.message());
}

Answer Members::write(std::string_view method, Bytes message, Duration patience) {
    const Duration end = clock_.monotonic() + patience;
    Question question{method, std::move(message), end};
    Status last = unavailable("no member of etcd was asked");
    for (const std::size_t member : order()) {
        const Duration now = clock_.monotonic();
        if (now > end) break;
        question.deadline = std::min(now + 2 * kMemberPatience, end);
        Asked asked;
        Result<Bytes> answer = ask(member, question, asked);
        const bool passing = !answer.ok() && is_passing(answer.status().code());
        note(member, !passing);
        // What went wrong here, after it was sent, says nothing of what etcd did.
        const bool unsure = !answer.ok() && asked.sent && (passing || !asked.judged);
        if (unsure || !passing) return {std::move(answer), unsure};
        last = answer.status();
    }
    return {unavailable("no member of etcd answers ({}): {}", names(), last.message()), false};
}

Status Members::stream(const Stream& stream) {
    const std::size_t member = order().front();
    http::ClientOptions options = client_options();
    options.read_timeout = kSilenceMax;
    const Client client = HF_TRY(http::create_http2_client(std::move(options)));
    http::grpc::ClientCall call;
    call.url = url(member, stream.method);
    call.message = stream.message;
    call.message_bytes_max = kMaxAnswerBytes;
    bool answered = false;
    const Duration first_by = clock_.monotonic() + 2 * kMemberPatience;
    call.pulse = [&]() -> Status {
        HF_TRY(stream.pulse());
        if (answered || clock_.monotonic() <= first_by) return {};
        return deadline_exceeded("{} does not begin to answer", options_.endpoints[member]);
    };
    const Status ended = http::grpc::call(*client, call, [&](ByteView message) {
        answered = true;
        return stream.each(message);
    });
    if (ended.ok()) return unavailable("etcd ended the stream");
    // What the caller said itself is no fault of the member.
    if (ended.code() == Code::kUnavailable || !answered) note(member, false);
    return refusal(ended);
}

}  // namespace hf::store::etcd
