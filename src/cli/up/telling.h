// What the hosts of servers and agents say on the terminal: addresses, and troubles.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "cli/world.h"

namespace hf::cli {

// "http://127.0.0.1:8080".
std::string url_of(std::string_view scheme, const std::string& address, std::uint16_t port);

// Says on the terminal what a part cannot do: where the store is in trouble, nobody reads it there.
std::function<void(const Status&)> teller(World& world, std::string part);

}  // namespace hf::cli
