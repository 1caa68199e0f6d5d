// What makes the smallest runner independent of threads: it has no crew, so none is ever taken.

#include "runtime/crew.h"

namespace hf::runtime {

Crew::Shift::Shift(Crew*) : crew_(nullptr) {}
Crew::Shift::~Shift() = default;

void Crew::work(const Job&, std::size_t) {}

}  // namespace hf::runtime
