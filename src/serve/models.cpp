#include "serve/models.h"

namespace hf::serve {

std::shared_ptr<const Models::Table> Models::table() const {
    const MutexLock lock(mutex_);
    return table_;
}

std::shared_ptr<ModelHost> Models::find(std::string_view name) const {
    const std::shared_ptr<const Table> table = this->table();
    const auto found = table->find(name);
    return found == table->end() ? nullptr : found->second.back();
}

std::shared_ptr<ModelHost> Models::find(std::string_view name, std::string_view version) const {
    const std::shared_ptr<const Table> table = this->table();
    const auto found = table->find(name);
    if (found == table->end()) return nullptr;
    for (const std::shared_ptr<ModelHost>& host : found->second) {
        if (host->identity().version == version) return host;
    }
    return nullptr;
}

std::shared_ptr<ModelHost> Models::find_only(std::string_view name) const {
    const std::shared_ptr<const Table> table = this->table();
    const auto found = table->find(name);
    const bool only = found != table->end() && found->second.size() == 1;
    return only ? found->second.front() : nullptr;
}

}  // namespace hf::serve
