// What a model that is let go leaves to the system, instead of to the allocator.
//
// Thread-safety: any thread.

#pragma once

#include <memory>

#include "runtime/model.h"

namespace hf::cli {

// Gives back the pieces that the allocator would keep. Takes a while where there are many.
void return_memory();

// The model, whose memory goes back when the last who has it goes.
std::shared_ptr<const runtime::CompiledModel> returning_memory(
    std::shared_ptr<const runtime::CompiledModel> model);

}  // namespace hf::cli
