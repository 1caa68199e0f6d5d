// ADDRESS:PORT as options take it.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "http/server.h"

namespace hf::cli {

// "127.0.0.1:8080", "[::1]:0". INVALID_ARGUMENT names the option.
Result<http::ServerOptions> parse_listen(const std::string& option, const std::string& listen);

// Whether only this machine reaches it.
bool is_loopback(std::string_view address);

}  // namespace hf::cli
