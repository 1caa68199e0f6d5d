// The folder where Holdfast keeps everything on this machine: resources, vault, keys, receipts.

#pragma once

#include <string>

#include "cli/command.h"

namespace hf::cli {

// --data DIR.
Option data_option();

// --data, else $HOLDFAST_DATA, else holdfast in $XDG_DATA_HOME (by default ~/.local/share).
Result<std::string> data_folder(World& world, const Arguments& arguments);

}  // namespace hf::cli
