#include "serve/model_repository.h"

#include "base/text.h"

namespace hf::serve {
namespace {

constexpr std::string_view kUnloaded = "unloaded";
constexpr std::string_view kLoading = "it is being loaded";

}  // namespace

Status ModelRepository::add(const std::string& name, Load load) {
    {
        const MutexLock lock(mutex_);
        if (entries_.contains(name)) {
            return already_exists("two models have the name '{}'; rename the file of one", name);
        }
    }
    std::string version = HF_TRY(activate(load, name));
    const MutexLock lock(mutex_);
    entries_.emplace(name, Entry{std::move(load), std::move(version), {}});
    return {};
}

// The version that answers from now on.
Result<std::string> ModelRepository::activate(const Load& load, std::string_view name) {
    const std::shared_ptr<ModelHost> now = models_.find(name);
    std::shared_ptr<ModelHost> next = HF_TRY(load(now.get()));
    if (!next) return now->identity().version;
    HF_CHECK(next->identity().name == name, "'{}' was loaded as '{}'", next->identity().name, name);
    HF_TRY(next->warm().context("{}", name));
    std::string version = next->identity().version;
    std::vector<std::shared_ptr<ModelHost>> all;
    if (dependents_) all = HF_TRY(dependents_->follow(next));
    all.insert(all.begin(), std::move(next));
    HF_TRY(models_.activate_all(std::move(all)));
    return version;
}

class ModelRepository::Ending final {
public:
    explicit Ending(ModelRepository& repository) : repository_(repository) {}
    ~Ending() {
        const MutexLock lock(repository_.mutex_);
        repository_.loading_ = nullptr;
    }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

private:
    ModelRepository& repository_;
};

Status ModelRepository::load(std::string_view name) {
    Entry* entry = nullptr;
    {
        const MutexLock lock(mutex_);
        entry = HF_TRY(find_free(name));
        loading_ = entry;
    }
    const Ending ending(*this);  // also where a load leaves by an exception
    const Status needs = load_needs(name);
    const Status status = needs.ok() ? load_one(*entry, name) : needs;
    if (!needs.ok()) {
        const MutexLock lock(mutex_);
        entry->reason = needs.message();
    }
    return status.context("model '{}' is not loaded", name);
}

// Of the members, those that do not answer.
Status ModelRepository::load_needs(std::string_view name) {
    if (!dependents_) return {};
    for (const std::string& member : HF_TRY(dependents_->needs(name))) {
        if (models_.find(member)) continue;
        Entry* entry = nullptr;
        {
            const MutexLock lock(mutex_);
            const auto found = entries_.find(member);
            if (found == entries_.end()) continue;  // the load itself says what is wrong
            entry = &found->second;
        }
        HF_TRY(load_one(*entry, member).context("its member '{}'", member));
    }
    return {};
}

Status ModelRepository::load_one(Entry& entry, std::string_view name) {
    const Result<std::string> version = activate(entry.load, name);
    const MutexLock lock(mutex_);
    if (version.ok()) {
        entry.version = *version;
    } else {
        entry.reason = version.status().message();
    }
    return version.status();
}

Status ModelRepository::unload(std::string_view name, bool with_members) {
    std::vector<std::shared_ptr<ModelHost>> last;  // their memory goes after the lock
    const MutexLock lock(mutex_);
    Entry* const entry = HF_TRY(find_free(name));
    entry->reason = kUnloaded;
    std::vector<std::string> names{std::string(name)};
    if (dependents_) {
        std::vector<std::string> members;
        if (with_members) members = dependents_->alone_for(name);
        std::vector<std::string> above = dependents_->goes_with(name);
        names.insert(names.end(), above.begin(), above.end());
        for (const std::string& member : members) {
            const auto found = entries_.find(member);
            if (found == entries_.end()) continue;
            dependents_->goes_with(member);
            found->second.reason = kUnloaded;
            names.push_back(member);
        }
    }
    for (const std::string& each : names) last.push_back(models_.find(each));
    models_.remove_all(names);
    return {};
}

std::vector<std::string> ModelRepository::members_alone_for(std::string_view name) const {
    return dependents_ ? dependents_->alone_for(name) : std::vector<std::string>();
}

// Of one that does not answer and is not being loaded.
std::string ModelRepository::reason_of(const std::string& name, const Entry& entry) const {
    const std::string members = dependents_ ? dependents_->why_not(name) : std::string();
    return members.empty() ? entry.reason : members;
}

Result<ModelRepository::Entry*> ModelRepository::find_free(std::string_view name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return not_here(name);
    if (loading_) return unavailable("a model is being loaded; ask again when that has ended");
    return &found->second;
}

Status ModelRepository::not_here(std::string_view name) const {
    constexpr std::size_t kNamesShown = 10;
    std::vector<std::string> names;
    for (const auto& [known, entry] : entries_) {
        if (names.size() == kNamesShown) {
            names.emplace_back("...");
            break;
        }
        names.push_back(known);
    }
    return not_found(
        "model '{}' is not among those that the server was started with, which are: {}", name,
        join(names, ", "));
}

std::optional<std::string> ModelRepository::why_not(std::string_view name) const {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || models_.find(name)) return std::nullopt;
    if (loading_ == &found->second) return std::string(kLoading);
    return reason_of(found->first, found->second);
}

std::vector<IndexRow> ModelRepository::index() const {
    std::vector<IndexRow> rows;
    const MutexLock lock(mutex_);
    for (const auto& [name, entry] : entries_) {
        IndexRow row{name, entry.version, "READY", ""};
        const std::shared_ptr<ModelHost> host = models_.find(name);
        if (!host) {
            const bool loading = loading_ == &entry;
            row.state = loading ? "LOADING" : "UNAVAILABLE";
            row.reason = loading ? std::string(kLoading) : reason_of(name, entry);
        } else if (!host->ready()) {
            row.state = "UNAVAILABLE";
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace hf::serve
