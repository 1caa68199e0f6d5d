// A log's checkpoint (C2SP tlog-checkpoint): three lines that say how long an append-only log is
// and what its Merkle root is; the text of a signed note.
//
//     origin "\n" size in decimal "\n" base64( root hash ) "\n"
//
// Extension lines are refused: none are defined here. Pure. Thread-safety: values.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "crypto/merkle.h"

namespace hf::trust {

struct Checkpoint {
    std::string origin;  // the log's name
    crypto::TreeHead head;
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

std::string write_checkpoint(const Checkpoint& checkpoint);

// INVALID_ARGUMENT names the line. Strict: write_checkpoint gives the same text again.
Result<Checkpoint> parse_checkpoint(std::string_view text);

}  // namespace hf::trust
