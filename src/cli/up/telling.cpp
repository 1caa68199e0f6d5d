#include "cli/up/telling.h"

namespace hf::cli {

std::string url_of(std::string_view scheme, const std::string& address, std::uint16_t port) {
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("{}://{}:{}", scheme, v6 ? "[" + address + "]" : address, port);
}

std::function<void(const Status&)> teller(World& world, std::string part) {
    return [&world, part = std::move(part)](const Status& trouble) {
        world.note(fmt::format("{}: {}\n", part, trouble.message()));
    };
}

}  // namespace hf::cli
