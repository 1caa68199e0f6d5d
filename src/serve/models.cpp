#include "serve/models.h"

#include "base/text.h"

namespace hf::serve {

Status Models::activate(std::shared_ptr<ModelHost> host) {
    HF_CHECK(host != nullptr);
    const std::string& name = host->identity().name;
    if (name.empty() || name.find('/') != name.npos || !is_utf8(name)) {
        return invalid_argument("'{}' cannot be a model's name: want UTF-8 text without '/'", name);
    }
    const MutexLock one_change(change_);
    Table table = *this->table();
    std::shared_ptr<ModelHost>& place = table[name];
    if (!place && table.size() > kMaxModels) {
        return resource_exhausted("{} models are served here, the limit; remove one first",
                                  kMaxModels);
    }
    std::swap(place, host);
    replace(std::move(table), std::move(host));
    return {};
}

bool Models::remove(std::string_view name) {
    const MutexLock one_change(change_);
    Table table = *this->table();
    const auto found = table.find(name);
    if (found == table.end()) return false;
    std::shared_ptr<ModelHost> retired = std::move(found->second);
    table.erase(found);
    replace(std::move(table), std::move(retired));
    return true;
}

void Models::replace(Table table, std::shared_ptr<ModelHost> retired) {
    auto next = std::make_shared<const Table>(std::move(table));
    const MutexLock lock(mutex_);
    table_.swap(next);
    std::erase_if(retired_, [](const auto& host) { return host.expired(); });
    if (retired) retired_.push_back(retired);
}

std::shared_ptr<const Models::Table> Models::table() const {
    const MutexLock lock(mutex_);
    return table_;
}

std::shared_ptr<ModelHost> Models::find(std::string_view name) const {
    const std::shared_ptr<const Table> table = this->table();
    const auto found = table->find(name);
    return found == table->end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<ModelHost>> Models::all() const {
    std::vector<std::shared_ptr<ModelHost>> hosts;
    for (const auto& [name, host] : *table()) hosts.push_back(host);
    return hosts;
}

std::size_t Models::draining() const {
    const MutexLock lock(mutex_);
    std::erase_if(retired_, [](const auto& host) { return host.expired(); });
    return retired_.size();
}

}  // namespace hf::serve
