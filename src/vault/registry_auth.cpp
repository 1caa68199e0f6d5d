#include "vault/registry_auth.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxChallengeBytes = 8192;
constexpr std::size_t kMaxTokenBytes = 64u << 10;

bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// A cursor over name=value or name="value" pairs.
class ParameterReader final {
public:
    explicit ParameterReader(std::string_view text) : text_(text) {}

    bool at_end() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == ',')) ++at_;
        return at_ == text_.size();
    }

    Result<std::pair<std::string, std::string>> next() {
        const std::string name = to_lower(word());
        if (name.empty() || at_ == text_.size() || text_[at_] != '=') {
            return invalid_argument("want name=\"value\"");
        }
        ++at_;
        if (at_ == text_.size() || text_[at_] != '"') return std::pair(name, word());
        std::string value;
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
            value += text_[at_];
        }
        if (at_ == text_.size()) return invalid_argument("a quote is not closed");
        ++at_;
        return std::pair(name, value);
    }

    std::string word() {
        const std::size_t start = at_;
        while (at_ < text_.size() && is_token_char(text_[at_])) ++at_;
        return std::string(text_.substr(start, at_ - start));
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

std::string percent_encode(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const bool plain =
            is_token_char(c) && std::string_view("-._~").find(c) != std::string_view::npos;
        const bool letter =
            is_token_char(c) && std::string_view("!#$%&'*+^`|").find(c) == std::string_view::npos;
        if (plain || letter) {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return encoded;
}

std::string basic_header(const Credentials& credentials) {
    return "Basic " + to_base64(as_bytes(credentials.user + ":" + credentials.password));
}

// Keys of "auths" come with and without a scheme and a path.
std::string bare_host(std::string_view key) {
    const std::string host = host_of(key);
    return host.empty() ? std::string(key.substr(0, key.find('/'))) : host;
}

}  // namespace

Result<std::optional<Credentials>> find_credentials(std::string_view config,
                                                    std::string_view host) {
    if (config.empty()) return std::optional<Credentials>();
    const json::Value value =
        HF_TRY(json::parse(config, kMaxDockerConfigBytes).context("Docker configuration"));
    const json::Object* auths = json::find_object(value, "auths");
    if (!auths) return std::optional<Credentials>();
    for (const auto& [key, entry] : *auths) {
        if (bare_host({key.data(), key.size()}) != host) continue;
        const std::string_view auth = json::get_string(entry, "auth");
        if (auth.empty()) {
            return unimplemented(
                "Docker configuration: the login of {} is kept by a helper program; write it as "
                "\"auth\" into the file instead",
                host);
        }
        const Bytes bytes =
            HF_TRY(from_base64(auth).context("Docker configuration: \"auth\" of {}", host));
        const std::string_view text = as_text(bytes);
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) {
            return invalid_argument("Docker configuration: \"auth\" of {} is not user:password",
                                    host);
        }
        return std::optional(
            Credentials{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))});
    }
    return std::optional<Credentials>();
}

Result<Challenge> parse_challenge(std::string_view header) {
    if (header.size() > kMaxChallengeBytes)
        return invalid_argument("a challenge of {} bytes", header.size());
    ParameterReader reader(trim(header));
    Challenge challenge;
    challenge.scheme = to_lower(reader.word());
    if (challenge.scheme.empty()) return invalid_argument("a challenge without a scheme");
    while (!reader.at_end()) {
        auto [name, value] = HF_TRY(reader.next().context("challenge '{}'", challenge.scheme));
        challenge.parameters[name] = value;
    }
    return challenge;
}

std::string host_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    const std::string_view name = url.substr(0, scheme);
    if (name != "http" && name != "https") return {};
    const std::string_view rest = url.substr(scheme + 3);
    const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
    return host.find('@') == std::string_view::npos ? std::string(host) : std::string();
}

bool is_loopback(std::string_view host) {
    if (host.starts_with("[")) return host.starts_with("[::1]");
    const std::string_view name = host.substr(0, host.find(':'));
    if (name == "localhost") return true;
    const std::vector<std::string_view> parts = split(name, '.');
    const auto number = [](std::string_view part) {
        const Result<std::int64_t> value = parse_int(part);
        return value.ok() && *value >= 0 && *value <= 255;
    };
    return parts.size() == 4 && parts[0] == "127" &&
           std::all_of(parts.begin(), parts.end(), number);
}

Status Authorizer::answer(std::string_view header) {
    const Challenge challenge = HF_TRY(parse_challenge(header).context("registry {}", host_));
    if (challenge.scheme == "bearer") return fetch_token(challenge);
    if (challenge.scheme != "basic") {
        return unauthenticated(
            "registry {} wants '{}' authentication; this program knows Basic and "
            "Bearer",
            host_, challenge.scheme);
    }
    const std::optional<Credentials> credentials = HF_TRY(find_credentials(docker_config_, host_));
    if (!credentials) {
        return unauthenticated("registry {} wants a login; write one into the Docker configuration",
                               host_);
    }
    header_ = basic_header(*credentials);
    return {};
}

Status Authorizer::fetch_token(const Challenge& challenge) {
    const auto parameter = [&](const std::string& name) {
        const auto found = challenge.parameters.find(name);
        return found == challenge.parameters.end() ? std::string() : found->second;
    };
    const std::string realm = parameter("realm");
    const std::string realm_host = host_of(realm);
    const bool safe = realm.starts_with("https://") || is_loopback(realm_host);
    if (realm_host.empty() || !safe) {
        return unauthenticated(
            "registry {} sends us for a token to '{}', which is no https address", host_, realm);
    }
    http::ClientRequest request;
    request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") +
                  "service=" + percent_encode(parameter("service"));
    if (!parameter("scope").empty()) request.url += "&scope=" + percent_encode(parameter("scope"));
    // A login goes to another host only where the configuration names that host itself.
    const std::optional<Credentials> credentials =
        HF_TRY(find_credentials(docker_config_, realm_host));
    if (credentials) request.headers.set("Authorization", basic_header(*credentials));
    const http::Response response =
        HF_TRY(client_.send(request).context("token server {}", realm_host));
    if (response.status != 200 || response.body.size() > kMaxTokenBytes) {
        return unauthenticated(
            "token server {} answered {}: write a login for {} into the Docker configuration",
            realm_host, response.status, realm_host);
    }
    const json::Value body = HF_TRY(
        json::parse(as_text(response.body), kMaxTokenBytes).context("token server {}", realm_host));
    std::string token(json::get_string(body, "token"));
    if (token.empty()) token = json::get_string(body, "access_token");
    const bool clean =
        std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (token.empty() || !clean) {
        return unauthenticated("token server {} gave no token", realm_host);
    }
    header_ = "Bearer " + token;
    return {};
}

}  // namespace hf::vault
