// Who we are to a registry: credentials from a Docker configuration, and the token flow of the
// distribution specification (distribution: docs/spec/auth/token.md; RFC 7235 for challenges).
//
// Pure, but for Authorizer, which asks the token server. Not thread-safe.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/client.h"

namespace hf::vault {

inline constexpr std::size_t kMaxDockerConfigBytes = 1u << 20;

struct Credentials {
    std::string user;
    std::string password;
};

// What `config` ("auths": {HOST: {"auth": base64 of user:password}}) says of `host`; nullopt: it
// says nothing. UNIMPLEMENTED when it only names a helper program, for those are not started.
Result<std::optional<Credentials>> find_credentials(std::string_view config, std::string_view host);

struct Challenge {
    std::string scheme;                             // lower case: "bearer", "basic"
    std::map<std::string, std::string> parameters;  // names in lower case
};
// INVALID_ARGUMENT when it is none.
Result<Challenge> parse_challenge(std::string_view header);

// "host:port" of an http:// or https:// URL; empty when it is none.
std::string host_of(std::string_view url);
bool is_loopback(std::string_view host);

// Gives the Authorization header for one registry, and answers its challenges.
class Authorizer final {
public:
    Authorizer(http::Client& client, std::string host, std::string docker_config)
        : client_(client), host_(std::move(host)), docker_config_(std::move(docker_config)) {}

    // The header's value so far; empty when none was needed.
    const std::string& header() const { return header_; }

    // After a 401: finds a new value for the header. UNAUTHENTICATED says what is missing.
    Status answer(std::string_view challenge);

private:
    Status fetch_token(const Challenge& challenge);

    http::Client& client_;
    std::string host_;
    std::string docker_config_;
    std::string header_;
};

}  // namespace hf::vault
