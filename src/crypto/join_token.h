// The text of a join token, with which a new machine comes to an authority once:
//
//     hfj.<id, 16 hex digits>.<secret, 64 hex digits>.<SHA-256 of the root certificate's DER, hex>
//
// The id says which token, the secret that its holder was given it, and the last part which
// authority the machine is to believe, before it knows any. Pure; a value.

#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/status.h"

namespace hf::crypto {

struct JoinToken {
    std::string id;
    std::string secret;
    Digest root;

    static constexpr std::size_t kIdBytes = 8;
    static constexpr std::size_t kSecretBytes = 32;

    // INVALID_ARGUMENT when it is none; never repeats the text, which is secret.
    static Result<JoinToken> parse(std::string_view text);

    std::string text() const;

    // What a server keeps of it.
    Digest digest() const;
};

}  // namespace hf::crypto
