// A client for downloads: as the client that it wraps, but a body that comes too slowly ends with
// DEADLINE_EXCEEDED, [slow-transfer]. A peer that sends a byte now and then would otherwise keep a
// transfer alive for ever, each byte within the time-out. Counted from a body's first bytes on. Not
// for streams that speak only when there is something to say.
//
// Not thread-safe, as any client.

#pragma once

#include <cstdint>
#include <memory>

#include "http/client.h"

namespace hf::http {

// The pace below which a download is not worth waiting for: less than a bad GPRS link has.
inline constexpr std::uint64_t kLeastDownloadRate = 512;
inline constexpr Duration kPaceWindow = std::chrono::seconds(30);

struct PaceOptions {
    std::uint64_t least_bytes_per_second = kLeastDownloadRate;  // 0: any pace
    Duration window = kPaceWindow;  // of waiting for the peer, over which it is averaged
};

// As Client::create().
Result<std::unique_ptr<Client>> create_paced_client(ClientOptions options, PaceOptions pace);

}  // namespace hf::http
