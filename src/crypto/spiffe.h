// SPIFFE IDs: names of workloads and machines, as URIs (SPIFFE-ID standard, section 2):
// "spiffe://plant.example/node/press-7". Pure; a value.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::crypto {

class SpiffeId final {
public:
    // INVALID_ARGUMENT says which rule the text breaks: at most 2,048 bytes; the trust domain in
    // lower-case letters, digits, '.', '-' and '_', at most 255 of them; a path of non-empty
    // segments in letters, digits and those signs, none of them "." or ".."; nothing else.
    static Result<SpiffeId> parse(std::string_view text);

    // Whether the text alone is a trust domain.
    static Status check_trust_domain(std::string_view text);

    const std::string& text() const { return text_; }
    std::string_view trust_domain() const;
    std::string_view path() const;  // with its first slash; may be empty

    friend bool operator==(const SpiffeId&, const SpiffeId&) = default;

private:
    explicit SpiffeId(std::string_view text) : text_(text) {}
    std::string text_;
};

}  // namespace hf::crypto
