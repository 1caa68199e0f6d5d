// Residency: whether what is wished for may lie on a machine, by the machine's own knowledge of
// where it stands. The server does not order there what may not lie there; should it err, the
// machine does not. Pure.

#pragma once

#include <string>

#include "node/lifecycle.h"

namespace hf::node {

// PERMISSION_DENIED when it may not lie in the jurisdiction `here`, or that is empty and matters.
Status check_residency(const Wish& wish, const std::string& here);

}  // namespace hf::node
