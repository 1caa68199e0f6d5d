// Of Models, what is not done for every request.

#include <algorithm>

#include "base/text.h"
#include "serve/models.h"

namespace hf::serve {

Status Models::activate(std::shared_ptr<ModelHost> host) {
    Hosts versions;
    versions.push_back(std::move(host));
    return activate(std::move(versions));
}

Status Models::activate(Hosts versions) {
    std::vector<Hosts> one;
    one.push_back(std::move(versions));
    return activate_all(std::move(one));
}

Status Models::activate_all(std::vector<Hosts> models) {
    const MutexLock one_change(change_);
    Table table = *this->table();
    Hosts retired;
    for (Hosts& versions : models) HF_TRY(put(std::move(versions), table, retired));
    replace(std::move(table), retired);
    return {};
}

Status Models::put(Hosts versions, Table& table, Hosts& retired) {
    HF_CHECK(!versions.empty() && versions.back() != nullptr);
    const std::string& name = versions.back()->identity().name;
    if (name.empty() || name.find('/') != name.npos || !is_utf8(name)) {
        return invalid_argument("'{}' cannot be a model's name: want UTF-8 text without '/'", name);
    }
    Hosts& place = table[name];
    std::size_t others = 0;
    for (const auto& [other, hosts] : table) others += hosts.size();
    others -= place.size();
    if (versions.size() > place.size() && others + versions.size() > kMaxModels) {
        return resource_exhausted(
            "{} versions of models are served here, and {} more are over the limit of {}; remove "
            "some first",
            others + place.size(), versions.size() - place.size(), kMaxModels);
    }
    for (std::shared_ptr<ModelHost>& host : place) {
        const bool stays = std::find(versions.begin(), versions.end(), host) != versions.end();
        if (!stays) retired.push_back(std::move(host));
    }
    place = std::move(versions);
    return {};
}

std::size_t Models::remove_all(const std::vector<std::string>& names) {
    const MutexLock one_change(change_);
    Table table = *this->table();
    std::size_t removed = 0;
    Hosts retired;
    for (const std::string& name : names) {
        const auto found = table.find(name);
        if (found == table.end()) continue;
        retired.insert(retired.end(), found->second.begin(), found->second.end());
        table.erase(found);
        ++removed;
    }
    if (removed > 0) replace(std::move(table), retired);
    return removed;
}

void Models::replace(Table table, const Hosts& retired) {
    auto next = std::make_shared<const Table>(std::move(table));
    const MutexLock lock(mutex_);
    table_.swap(next);
    std::erase_if(retired_, [](const auto& host) { return host.expired(); });
    retired_.insert(retired_.end(), retired.begin(), retired.end());
}

Hosts Models::versions(std::string_view name) const {
    const std::shared_ptr<const Table> table = this->table();
    const auto found = table->find(name);
    return found == table->end() ? Hosts() : found->second;
}

Hosts Models::all() const {
    Hosts all;
    for (const auto& [name, hosts] : *table()) all.insert(all.end(), hosts.begin(), hosts.end());
    return all;
}

std::size_t Models::draining() const {
    const MutexLock lock(mutex_);
    std::erase_if(retired_, [](const auto& host) { return host.expired(); });
    return retired_.size();
}

}  // namespace hf::serve
