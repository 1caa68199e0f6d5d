// This machine. Never fails: what the kernel does not tell stays empty or zero.

#pragma once

#include "env/machine.h"

namespace hf::posix {

env::Machine describe_machine();

}  // namespace hf::posix
