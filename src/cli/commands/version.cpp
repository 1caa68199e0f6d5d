#include "cli/commands.h"

namespace hf::cli {

Command version_command() {
    return {"version",
            "Prints the version",
            {},
            {},
            {"holdfast version"},
            [](World& world, const Arguments&) -> Status {
                world.out(fmt::format("holdfast {}\n", kVersion));
                return {};
            }};
}

}  // namespace hf::cli
