// Servers: the addresses of a node's control plane, of which one is asked at a time. Any of them
// will do: they share one store and one root (docs/reference/state.md). Who finds that the current
// one does not answer says so, and the next one's turn comes, in the order in which they were given
// and round again; how long to wait between tries is the caller's business (node/mail.h,
// link_pause).
//
// Thread-safety: any thread.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"

namespace hf::node {

inline constexpr std::size_t kMaxServers = 16;

// "https://a:8443,https://b:8443": in their order, without spaces and slashes at their ends.
// INVALID_ARGUMENT names what is no address, comes twice, or is one too many.
Result<std::vector<std::string>> parse_servers(std::string_view list);

// INVALID_ARGUMENT when it is no https:// address.
Status check_server(std::string_view url);

class Servers final {
public:
    // REQUIRES: not empty.
    explicit Servers(std::vector<std::string> urls);

    std::string current() const;
    std::size_t count() const;

    // `url` did not answer. It is the next one's turn, unless that is so already.
    void failed(std::string_view url);

    // REQUIRES: not empty. Who is asked stays, if it is among them.
    void replace(std::vector<std::string> urls);

private:
    mutable Mutex mutex_;
    std::vector<std::string> urls_ HF_GUARDED_BY(mutex_);
    std::size_t at_ HF_GUARDED_BY(mutex_) = 0;
};

}  // namespace hf::node
