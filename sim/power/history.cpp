#include "sim/power/history.h"

#include <algorithm>

namespace hf::power {

void History::begin(const std::string& name) {
    const auto [deed, fresh] = deeds_.try_emplace(name);
    if (fresh) deed->second.begun = disk_->operation_count();
    ++deed->second.attempts;
}

void History::finish(const std::string& name, std::string value) {
    Deed& deed = deeds_.at(name);
    if (deed.done == kNever) deed.done = disk_->operation_count();
    deed.value = std::move(value);
}

bool History::promised(const std::string& name) const {
    const auto deed = deeds_.find(name);
    return deed != deeds_.end() && deed->second.done != kNever;
}

std::size_t History::attempts(const std::string& name) const {
    const auto deed = deeds_.find(name);
    return deed == deeds_.end() ? 0 : deed->second.attempts;
}

std::string History::value(const std::string& name) const {
    const auto deed = deeds_.find(name);
    return deed == deeds_.end() ? "" : deed->second.value;
}

History History::at(std::size_t operations, std::shared_ptr<const testing::Disk> disk) const {
    History then(std::move(disk));
    for (const auto& [name, deed] : deeds_) {
        if (deed.begun >= operations && deed.done > operations) continue;
        Deed& kept = then.deeds_[name];
        kept.attempts = deed.attempts;
        if (deed.done <= operations) {
            kept.done = 0;
            kept.value = deed.value;
        }
    }
    return then;
}

std::size_t History::promises() const {
    return static_cast<std::size_t>(std::count_if(
        deeds_.begin(), deeds_.end(), [](const auto& deed) { return deed.second.done != kNever; }));
}

}  // namespace hf::power
