// Members: the client URLs of one etcd cluster, asked over gRPC. The member that answered last is
// asked first; one that failed is left alone for a while. Any member serves any question: etcd
// itself forwards to its leader.
//
// Reads go on to the next member until one answers or the time is up. A write goes on only while
// nobody can have got it; from then on it is unsure, and the caller finds out what became of it.
//
// Thread-safety: all methods from any thread. Errors: UNAVAILABLE (no member answered; the last
// one's reason), DEADLINE_EXCEEDED, and what a member refuses under its own code.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "env/clock.h"
#include "http/grpc_client.h"

namespace hf::store::etcd {

// How long one member has to answer before the next is asked, and all of them together.
inline constexpr Duration kMemberPatience = std::chrono::seconds(1);
inline constexpr Duration kReadPatience = std::chrono::seconds(3);
inline constexpr Duration kWritePatience = std::chrono::seconds(5);

// How long a member that failed is asked after the others.
inline constexpr Duration kMemberRest = std::chrono::seconds(3);

inline constexpr std::size_t kMaxAnswerBytes = 64u << 20;
inline constexpr std::size_t kMaxIdleClients = 16;

struct MembersOptions {
    std::vector<std::string> endpoints;  // "127.0.0.1:2379"
    bool tls = false;
    std::string ca_pem, certificate_pem, key_pem;
};

struct Answer {
    Result<Bytes> value;
    bool unsure = false;  // it failed, and may have been done all the same
};

class Members final {
    struct Private {};

public:
    // INVALID_ARGUMENT for certificates that are none. REQUIRES: clock outlives it.
    static Result<std::unique_ptr<Members>> create(MembersOptions options, env::Clock& clock);
    Members(Private, MembersOptions options, env::Clock& clock);

    // `method` and `message` as in messages.h; so is what is answered.
    Result<Bytes> read(std::string_view method, Bytes message, Duration patience = kReadPatience);
    Answer write(std::string_view method, Bytes message, Duration patience = kWritePatience);

    // One answer without an end, message by message, from one member: until it fails, `each`
    // answers an error or `pulse`, asked ten times a second, does. Never OK.
    struct Stream {
        std::string_view method;
        Bytes message;
        std::function<Status(ByteView)> each;
        std::function<Status()> pulse;
    };
    Status stream(const Stream& stream);

    std::string names() const;  // "one:2379, two:2379"

private:
    struct Question;
    struct Asked {
        bool sent = false;    // the member may have got it
        bool judged = false;  // and has said what became of it
    };
    using Client = std::unique_ptr<http::Client>;

    Result<Bytes> ask(std::size_t member, const Question& question, Asked& asked);
    std::vector<std::size_t> order() HF_EXCLUDES(mutex_);
    void note(std::size_t member, bool answered) HF_EXCLUDES(mutex_);
    Result<Client> take() HF_EXCLUDES(mutex_);
    void give_back(Client client) HF_EXCLUDES(mutex_);
    http::ClientOptions client_options() const;
    std::string url(std::size_t member, std::string_view method) const;

    const MembersOptions options_;
    env::Clock& clock_;
    Mutex mutex_;
    std::size_t first_ HF_GUARDED_BY(mutex_) = 0;
    std::vector<Duration> rests_until_ HF_GUARDED_BY(mutex_);
    std::vector<Client> idle_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::store::etcd
