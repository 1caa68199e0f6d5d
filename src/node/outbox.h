// Outbox: what a node has to say, kept on its disk until it was said: a queue by priority, then
// age, bounded in bytes and items, with a time after which nobody wants an item any more.
//
// What put() accepted survives the loss of power at any point, and is handed out until it is
// acknowledged: at least once, so whoever receives it must bear a repetition. When the queue is
// full, the oldest of the lowest priority goes first, never one above the new one's. Each item ends
// in exactly one of four numbers (OutboxAccount), which survive too.
//
// The file is a log of lines, "CRC JSON" (CRC-32C, 8 hex digits): items, acknowledgements, drops.
// A torn end is cut off; a damaged line is counted and skipped. It is written anew when most of it
// is past.
//
// Owned by one thread. Errors: what Files says; a full disk is RESOURCE_EXHAUSTED, and nothing was
// accepted.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "env/files.h"

namespace hf::node {

enum class Urgency : unsigned char { kLow, kNormal, kHigh };
inline constexpr std::size_t kUrgencies = 3;

struct OutboxLimits {
    std::size_t items = 10'000;
    std::size_t bytes = 8u << 20;        // of payloads
    std::size_t item_bytes = 64u << 10;  // of one
};

struct OutboxItem {
    std::uint64_t sequence = 0;
    Urgency urgency = Urgency::kNormal;
    Instant expires;
    std::string payload;
};

struct OutboxAccount {
    std::uint64_t accepted = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t expired = 0;
    std::array<std::uint64_t, kUrgencies> dropped{};  // for want of room, by urgency
    std::uint64_t damaged = 0;                        // lines that could not be read

    std::uint64_t dropped_in_all() const { return dropped[0] + dropped[1] + dropped[2]; }
    friend bool operator==(const OutboxAccount&, const OutboxAccount&) = default;
};

class Outbox final {
    struct Private {
        explicit Private() = default;
    };

public:
    static Result<std::unique_ptr<Outbox>> open(env::Files& files, std::string path,
                                                OutboxLimits limits);

    Outbox(Private, env::Files& files, std::string path, OutboxLimits limits)
        : files_(files), path_(std::move(path)), limits_(limits) {}

    // INVALID_ARGUMENT when the payload is larger than item_bytes; RESOURCE_EXHAUSTED also when the
    // queue is full of what is more urgent.
    Status put(Urgency urgency, Instant expires, std::string payload);

    // The most urgent, of these the oldest; nullptr when there is none. Those that expired go.
    const OutboxItem* next(Instant now);

    // It was said. No effect on what is not there.
    Status acknowledge(std::uint64_t sequence);

    std::size_t size() const { return items_.size(); }
    const OutboxAccount& account() const { return account_; }

private:
    using Key = std::pair<int, std::uint64_t>;  // the urgency, negative; the sequence

    Status read_log();
    void read_line(std::string_view line);
    Status append(const std::string& lines, bool sync);
    Status make_room(Urgency urgency, std::size_t bytes, std::string& lines);
    void forget(std::map<Key, OutboxItem>::iterator item);
    Status write_anew();
    std::string snapshot() const;

    env::Files& files_;
    const std::string path_;
    const OutboxLimits limits_;
    std::unique_ptr<env::AppendFile> file_;
    // A sync failed: what was written before it may never reach the disk, whatever a later sync
    // says, and would then hurt the line after it. The file is written anew first.
    bool unsure_ = false;
    std::map<Key, OutboxItem> items_;           // the next one first
    std::map<std::uint64_t, Key> by_sequence_;  // the same
    std::size_t bytes_ = 0;
    std::uint64_t last_sequence_ = 0;  // taken up
    std::uint64_t last_given_ = 0;     // to an item, whether or not it reached the disk
    OutboxAccount account_;
};

}  // namespace hf::node
