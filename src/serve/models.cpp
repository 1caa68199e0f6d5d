#include "serve/models.h"

#include "base/text.h"

namespace hf::serve {

Status Models::activate(std::shared_ptr<ModelHost> host) {
    std::vector<std::shared_ptr<ModelHost>> hosts;
    hosts.push_back(std::move(host));
    return activate_all(std::move(hosts));
}

Status Models::activate_all(std::vector<std::shared_ptr<ModelHost>> hosts) {
    const MutexLock one_change(change_);
    Table table = *this->table();
    for (std::shared_ptr<ModelHost>& host : hosts) {
        HF_CHECK(host != nullptr);
        const std::string& name = host->identity().name;
        if (name.empty() || name.find('/') != name.npos || !is_utf8(name)) {
            return invalid_argument("'{}' cannot be a model's name: want UTF-8 text without '/'",
                                    name);
        }
        std::shared_ptr<ModelHost>& place = table[name];
        if (!place && table.size() > kMaxModels) {
            return resource_exhausted("{} models are served here, the limit; remove one first",
                                      kMaxModels);
        }
        std::swap(place, host);
    }
    replace(std::move(table), hosts);
    return {};
}

std::size_t Models::remove_all(const std::vector<std::string>& names) {
    const MutexLock one_change(change_);
    Table table = *this->table();
    std::vector<std::shared_ptr<ModelHost>> retired;
    for (const std::string& name : names) {
        const auto found = table.find(name);
        if (found == table.end()) continue;
        retired.push_back(std::move(found->second));
        table.erase(found);
    }
    if (!retired.empty()) replace(std::move(table), retired);
    return retired.size();
}

void Models::replace(Table table, const std::vector<std::shared_ptr<ModelHost>>& retired) {
    auto next = std::make_shared<const Table>(std::move(table));
    const MutexLock lock(mutex_);
    table_.swap(next);
    std::erase_if(retired_, [](const auto& host) { return host.expired(); });
    for (const std::shared_ptr<ModelHost>& host : retired) {
        if (host) retired_.push_back(host);
    }
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
