#include "store/etcd/members.h"

#include <algorithm>

#include "base/text.h"
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
           code == Code::kUnknown || code == Code::kInternal;
}

// Cuts a stream of bytes into lines and hands each on.
class Lines final {
public:
    explicit Lines(const std::function<Status(std::string_view)>& line) : line_(line) {}

    Status take(ByteView bytes) {
        text_ += as_text(bytes);
        if (text_.size() > kMaxAnswerBytes) {
            return resource_exhausted("a line of more than {} bytes", kMaxAnswerBytes);
        }
        std::size_t from = 0;
        for (std::size_t end = 0; (end = text_.find('\n', from)) != std::string::npos;) {
            const std::string_view line = trim(std::string_view(text_).substr(from, end - from));
            if (!line.empty()) HF_TRY(line_(line));
            from = end + 1;
        }
        text_.erase(0, from);
        return {};
    }

private:
    const std::function<Status(std::string_view)>& line_;
    std::string text_;
};

}  // namespace

struct Members::Question {
    std::string_view path;
    std::string body;
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

std::string Members::url(std::size_t member, std::string_view path) const {
    return fmt::format("{}://{}{}", options_.tls ? "https" : "http", options_.endpoints[member],
                       path);
}

http::ClientOptions Members::client_options() const {
    http::ClientOptions client;
    client.connect_timeout = kConnectPatience;
    client.read_timeout = kWritePatience;
    client.body_bytes_max = kMaxAnswerBytes;
    client.redirects_max = 0;
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
    return http::Client::create(client_options());
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

Result<json::Value> Members::ask(std::size_t member, const Question& question, bool& sent) {
    Client client = HF_TRY(take());
    http::ClientRequest request;
    request.method = "POST";
    request.url = url(member, question.path);
    request.headers.set("Content-Type", "application/json");
    request.body = to_bytes(question.body);
    request.sent = &sent;
    request.pulse = [&]() -> Status {
        if (clock_.monotonic() <= question.deadline) return {};
        return deadline_exceeded("{} does not answer", options_.endpoints[member]);
    };
    const Result<http::Response> response = client->send(request);
    if (!response.ok()) return response.status();
    give_back(std::move(client));
    const std::string_view body = as_text(response->body);
    if (response->status >= 300) {
        return refusal(response->status, body).context("etcd at {}", options_.endpoints[member]);
    }
    return json::parse(body, kMaxAnswerBytes).context("etcd at {}", options_.endpoints[member]);
}

Result<json::Value> Members::read(std::string_view path, const json::Object& body,
                                  Duration patience) {
    const Duration end = clock_.monotonic() + patience;
    Question question{path, json::write(body), end};
    Status last = unavailable("no member of etcd was asked");
    // A member that is there may not know its leader yet; one that is not there is asked once.
    bool sent = true;
    for (int pass = 0; pass < kReadPassesMax && sent; ++pass) {
        sent = false;
        for (const std::size_t member : order()) {
            const Duration now = clock_.monotonic();
            if (now > end) break;
            question.deadline = std::min(now + patience / kMembersInPatience, end);
            Result<json::Value> answer = ask(member, question, sent);
            const bool passing = !answer.ok() && is_passing(answer.status().code());
            note(member, !passing);
            if (!passing) return answer;
            last = answer.status();
        }
    }
    return unavailable("no member of etcd answers ({}): {}", names(), last.message());
}

Answer Members::write(std::string_view path, const json::Object& body, Duration patience) {
    const Duration end = clock_.monotonic() + patience;
    Question question{path, json::write(body), end};
    Status last = unavailable("no member of etcd was asked");
    for (const std::size_t member : order()) {
        const Duration now = clock_.monotonic();
        if (now > end) break;
        question.deadline = std::min(now + 2 * kMemberPatience, end);
        bool sent = false;
        Result<json::Value> answer = ask(member, question, sent);
        const bool passing = !answer.ok() && is_passing(answer.status().code());
        note(member, !passing);
        if (!passing) return {std::move(answer), false};
        if (sent) return {std::move(answer), true};
        last = answer.status();
    }
    return {unavailable("no member of etcd answers ({}): {}", names(), last.message()), false};
}

Status Members::stream(const Stream& stream) {
    const std::size_t member = order().front();
    http::ClientOptions options = client_options();
    options.read_timeout = kSilenceMax;
    Client client = HF_TRY(http::Client::create(std::move(options)));
    Lines lines(stream.line);
    http::ClientRequest request;
    request.method = "POST";
    request.url = url(member, stream.path);
    request.headers.set("Content-Type", "application/json");
    request.body = to_bytes(json::write(stream.body));
    bool answered = false;
    const Duration first_by = clock_.monotonic() + 2 * kMemberPatience;
    request.pulse = [&]() -> Status {
        HF_TRY(stream.pulse());
        if (answered || clock_.monotonic() <= first_by) return {};
        return deadline_exceeded("{} does not begin to answer", options_.endpoints[member]);
    };
    request.sink = [&](ByteView bytes) {
        answered = true;
        return lines.take(bytes);
    };
    const Result<http::Response> response = client->send(request);
    if (response.ok() && response->status >= 300) {
        const Status refused = refusal(response->status, as_text(response->body));
        if (is_passing(refused.code())) note(member, false);
        return refused;
    }
    if (response.ok()) return unavailable("etcd ended the stream");
    // What the caller said itself is no fault of the member.
    if (response.status().code() == Code::kUnavailable || !answered) note(member, false);
    return response.status();
}

}  // namespace hf::store::etcd
