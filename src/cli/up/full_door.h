// The inference door of the program that has everything: gRPC, tasks, models with what lies beside
// them (cli/companions.h), and ensembles (cli/activated.h).

#pragma once

#include "cli/up/node_host.h"

namespace hf::cli {

const DoorExtras& full_door();

}  // namespace hf::cli
