// The network between machines and the server: calls with a time limit, and streams. A call may be
// lost, come late or twice, and its answer may be lost, so that the caller does not know. A line
// that is cut loses all; what streams over it breaks, which the machine learns some time later.
//
// Owned by one thread.

#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/status.h"
#include "sim/context.h"

namespace hf::sim {

inline constexpr Duration kConnectTimeout = std::chrono::seconds(2);
inline constexpr Duration kAnswerTimeout = std::chrono::seconds(5);

class Network final {
public:
    explicit Network(Context& context) : context_(context) {}

    // `at_server` runs there once, twice or never; `at_node` always, once.
    void call(const std::string& node, const std::function<Status()>& at_server,
              const std::function<void(const Status&)>& at_node);

    // How long something takes one way.
    Duration latency();

    void cut(const std::string& node);
    void mend(const std::string& node) { cut_[node] = false; }
    void mend_all() { cut_.clear(); }
    bool is_cut(const std::string& node) const {
        const auto found = cut_.find(node);
        return found != cut_.end() && found->second;
    }

    std::function<void(const std::string& node)> on_cut;

private:
    Context& context_;
    std::map<std::string, bool> cut_;
};

}  // namespace hf::sim
