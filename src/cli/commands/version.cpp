#include "cli/commands.h"

namespace hf::cli {

Command version_command() {
    return {"version",
            "Prints the version",
            {},
            {},
            {"holdfast version"},
            [](World& world, const Arguments&) -> Status {
                world.out("holdfast 0.1.0\n");
                return {};
            }};
}

}  // namespace hf::cli
