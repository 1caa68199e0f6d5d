// Access: who may ask a server of models for what. A caller is known by a bearer token (RFC 6750)
// of which only the SHA-256 is kept; what he may do is listed beside it, and nothing else is
// allowed.
//
//     # name  token         rights
//     alice   sha256:9f86…  infer=relu,kws
//     ops     sha256:60303… infer=* load=* observe
//     batch   sha256:a8cfc… infer=* rate=20 burst=50
//
// Everybody may ask whether the server lives and is ready, as balancers do. Whoever is known may
// ask what the server is.
//
// Immutable once made; from any thread. Errors: UNAUTHENTICATED for who is not known,
// PERMISSION_DENIED for what he may not.

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "http/server.h"
#include "serve/rate_limits.h"

namespace hf::serve {

enum class Right : unsigned char {
    kInfer,    // ask a model, and what it takes
    kLoad,     // load and unload it, set what is traced; of all: register shared memory
    kObserve,  // what others did: statistics, metrics, receipts, and which models there are
};

class Access final {
public:
    static constexpr std::size_t kMaxCallers = 10'000;
    static constexpr std::size_t kMaxFileBytes = 4u << 20;

    // INVALID_ARGUMENT names the line.
    static Result<Access> parse(std::string_view text);

    // Whether a request with these headers may. `model` may be empty where the right is of none.
    Status check(const http::Headers& headers, Right right, std::string_view model) const;

    // The gate of a server: all that can be told from method and path. What a call of gRPC is about
    // stands in its message, and is up to its route; here its caller must be known. Every request
    // of a caller with a rate counts towards it. This and `limits` outlive the gate.
    http::Gate gate(RateLimits& limits) const;

    // Takes one request from who sends these headers, where he has a rate. RESOURCE_EXHAUSTED says
    // when it may come again; so does `wait`.
    Status check_rate(const http::Headers& headers, RateLimits& limits, Duration& wait) const;

    std::size_t size() const { return callers_.size(); }

private:
    struct Caller {
        std::string name;
        std::set<std::string, std::less<>> infer, load;  // models; "*": all
        bool observe = false;
        std::optional<Rate> rate = {};
    };

    static Result<Caller> parse_caller(std::string_view line, Digest& token);
    Result<const Caller*> find(const http::Headers& headers) const;

    std::map<Digest, Caller> callers_;  // by token
    bool has_rates_ = false;
};

// What a request of REST needs, by its path. Pure.
struct Need {
    enum class Kind : unsigned char { kNothing, kKnown, kRight };
    Kind kind = Kind::kKnown;
    Right right = Right::kInfer;
    std::string model = {};

    friend bool operator==(const Need&, const Need&) = default;
};
Need need_of(std::string_view path);

}  // namespace hf::serve
