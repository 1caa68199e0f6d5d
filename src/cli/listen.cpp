#include "cli/listen.h"

#include "base/text.h"

namespace hf::cli {

Result<http::ServerOptions> parse_listen(const std::string& option, const std::string& listen) {
    const std::size_t colon = listen.rfind(':');
    if (colon == std::string::npos) {
        return invalid_argument("--{}: want ADDRESS:PORT such as 127.0.0.1:8080", option);
    }
    http::ServerOptions options;
    options.address = listen.substr(0, colon);
    if (options.address.starts_with('[') && options.address.ends_with(']')) {
        options.address = options.address.substr(1, options.address.size() - 2);
    }
    const std::int64_t port = HF_TRY(parse_int(listen.substr(colon + 1)).context("--{}", option));
    if (port < 0 || port > 65535) return invalid_argument("--{}: port {} is none", option, port);
    options.port = static_cast<std::uint16_t>(port);
    return options;
}

bool is_loopback(std::string_view address) {
    return address.starts_with("127.") || address == "::1";
}

}  // namespace hf::cli
