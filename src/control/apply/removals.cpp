#include "control/apply/removals.h"

#include <algorithm>

#include "resources/keys.h"

namespace hf::control {
namespace {

// A removal, or a state that waits for one: by its text, since most writes are neither.
bool is_removal(const store::Event& event) {
    return event.kind == store::Event::Kind::kRemove ||
           event.now.value.find("\"deletionTimestamp\"") != std::string::npos;
}

}  // namespace

Result<bool> Removals::any() {
    if (watch_) {
        const Result<std::vector<store::Event>> events = watch_->next(Duration::zero());
        if (events.ok()) return std::any_of(events->begin(), events->end(), is_removal);
    }
    watch_ = HF_TRY(store_.watch(resources::kObjectsPrefix, store_.revision()));
    return true;
}

}  // namespace hf::control
