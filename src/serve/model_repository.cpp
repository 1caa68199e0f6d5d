#include "serve/model_repository.h"

#include <algorithm>

#include "base/text.h"
#include "serve/version_policy.h"

namespace hf::serve {
namespace {

constexpr std::string_view kUnloaded = "unloaded";
constexpr std::string_view kLoading = "it is being loaded";
constexpr std::string_view kSleeps = "sleeps; the next request wakes it";

bool holds(const Hosts& hosts, const std::shared_ptr<ModelHost>& host) {
    return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

// Those of `now` whose versions `hosts` lack join them.
void keep_all(Hosts& hosts, const Hosts& now) {
    for (const std::shared_ptr<ModelHost>& old : now) {
        const std::string& version = old->identity().version;
        const auto at =
            std::find_if(hosts.begin(), hosts.end(), [&](const std::shared_ptr<ModelHost>& host) {
                return !is_lower_version(host->identity().version, version);
            });
        if (at == hosts.end() || (*at)->identity().version != version) hosts.insert(at, old);
    }
}

Status describe(const std::vector<ModelRepository::Failed>& failed) {
    if (failed.empty()) return {};
    const ModelRepository::Failed& first = failed.front();
    if (failed.size() == 1) return first.why.context("version {}", first.version);
    return first.why.context("version {} (and {} more)", first.version, failed.size() - 1);
}

}  // namespace

ModelRepository::Load ModelRepository::of_one(Make make) {
    return [make = std::move(make)](const Hosts& now) -> Result<Loaded> {
        std::shared_ptr<ModelHost> host = HF_TRY(make(now.empty() ? nullptr : now.back().get()));
        Loaded loaded;
        loaded.hosts.push_back(host ? std::move(host) : now.back());
        return loaded;
    };
}

Status ModelRepository::add(const std::string& name, Load load) {
    if (has(name)) {
        return already_exists("two models have the name '{}'; rename the file of one", name);
    }
    Outcome outcome = activate(load, name);
    HF_TRY(outcome.status);
    const MutexLock lock(mutex_);
    entries_.emplace(name, Entry{std::move(load), std::move(outcome.versions), {}});
    return {};
}

bool ModelRepository::has(std::string_view name) const {
    const MutexLock lock(mutex_);
    return entries_.contains(name);
}

// What answers from now on.
ModelRepository::Outcome ModelRepository::activate(const Load& load, std::string_view name) {
    const Hosts now = models_.versions(name);
    Result<Loaded> loaded = load(now);
    if (!loaded.ok()) return {loaded.status()};
    warm_new(*loaded, now, name);
    Outcome outcome{describe(loaded->failed)};
    Hosts& hosts = loaded->hosts;
    if (!outcome.status.ok()) keep_all(hosts, now);
    for (const std::shared_ptr<ModelHost>& host : hosts) {
        outcome.versions.push_back({host->identity().version});
    }
    if (!hosts.empty() && hosts != now) {
        Status activated = activate_with_followers(std::move(hosts), now);
        if (!activated.ok()) return {std::move(activated)};
    }
    for (const Failed& failed : loaded->failed) {
        std::erase_if(outcome.versions,
                      [&](const Version& version) { return version.name == failed.version; });
        outcome.versions.push_back({failed.version, std::string(failed.why.message())});
    }
    std::sort(outcome.versions.begin(), outcome.versions.end(),
              [](const Version& a, const Version& b) { return is_lower_version(a.name, b.name); });
    return outcome;
}

// What is made of the model is made of its highest version.
Status ModelRepository::activate_with_followers(Hosts hosts, const Hosts& now) {
    std::vector<Hosts> all;
    if (dependents_ && (now.empty() || hosts.back() != now.back())) {
        for (std::shared_ptr<ModelHost>& host : HF_TRY(dependents_->follow(hosts.back()))) {
            all.emplace_back().push_back(std::move(host));
        }
    }
    all.push_back(std::move(hosts));
    return models_.activate_all(std::move(all));
}

// One that does not warm up is not served.
void ModelRepository::warm_new(Loaded& loaded, const Hosts& now, std::string_view name) const {
    std::erase_if(loaded.hosts, [&](const std::shared_ptr<ModelHost>& host) {
        if (holds(now, host)) return false;
        const ModelHost::Identity& identity = host->identity();
        HF_CHECK(identity.name == name, "'{}' was loaded as '{}'", identity.name, name);
        const Status warm = host->warm();
        if (!warm.ok()) loaded.failed.push_back({identity.version, warm.context("{}", name)});
        return !warm.ok();
    });
}

class ModelRepository::Ending final {
public:
    explicit Ending(ModelRepository& repository) : repository_(repository) {}
    ~Ending() {
        const MutexLock lock(repository_.mutex_);
        repository_.busy_ = false;
        repository_.loading_ = nullptr;
    }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

private:
    ModelRepository& repository_;
};

Status ModelRepository::load(std::string_view name) {
    {
        const MutexLock lock(mutex_);
        if (!find_ && !entries_.contains(name)) return not_here(name);
        HF_TRY(check_free());
        busy_ = true;
    }
    const Ending ending(*this);  // also where a load leaves by an exception
    const Status needs = load_needs(name);
    if (needs.ok()) return load_alone(name);
    const MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found != entries_.end()) found->second.reason = needs.message();
    return needs.context("model '{}' is not loaded", name);
}

// Of the members, those that do not answer. What is not here at all, the load itself tells.
Status ModelRepository::load_needs(std::string_view name) {
    if (!dependents_) return {};
    for (const std::string& member : HF_TRY(dependents_->needs(name))) {
        if (models_.find(member) || !(find_ || has(member))) continue;
        HF_TRY(load_alone(member).context("its member '{}'", member));
    }
    return {};
}

Status ModelRepository::load_alone(std::string_view name) {
    Entry* const entry = HF_TRY(find_entry(name));
    Outcome outcome = activate(entry->load, name);
    const MutexLock lock(mutex_);
    if (!outcome.versions.empty()) entry->versions = std::move(outcome.versions);
    entry->reason = outcome.status.ok() ? "" : outcome.status.message();
    loading_ = nullptr;
    return outcome.status.context("model '{}' is not loaded", name);
}

// Of a model that comes now, a new one.
Result<ModelRepository::Entry*> ModelRepository::find_entry(std::string_view name) {
    {
        const MutexLock lock(mutex_);
        const auto found = entries_.find(name);
        if (found != entries_.end()) {
            loading_ = &found->second;
            return &found->second;
        }
        if (entries_.size() >= kMaxModels) {
            return resource_exhausted("there are {} models here, the limit", kMaxModels);
        }
    }
    Load load = HF_TRY(find_(name));
    const MutexLock lock(mutex_);
    Entry& entry = entries_[std::string(name)];
    entry.load = std::move(load);
    loading_ = &entry;
    return &entry;
}

Status ModelRepository::unload(std::string_view name, bool with_members) {
    std::vector<Hosts> last;  // their memory goes after the lock
    const MutexLock lock(mutex_);
    if (!entries_.contains(name)) return not_here(name);
    HF_TRY(check_free());
    std::vector<std::string> unloaded{std::string(name)};
    std::vector<std::string> names;
    if (dependents_) {
        if (with_members) {
            const std::vector<std::string> members = dependents_->alone_for(name);
            unloaded.insert(unloaded.end(), members.begin(), members.end());
        }
        for (const std::string& each : unloaded) {
            const std::vector<std::string> above = dependents_->goes_with(each);
            names.insert(names.end(), above.begin(), above.end());
        }
    }
    for (const std::string& each : unloaded) {
        const auto found = entries_.find(each);
        if (found == entries_.end()) continue;
        found->second.reason = kUnloaded;
        for (Version& version : found->second.versions) version.reason.clear();
        names.push_back(each);
    }
    for (const std::string& each : names) last.push_back(models_.versions(each));
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

Status ModelRepository::check_free() const {
    if (!busy_) return {};
    return unavailable("a model is being loaded; ask again when that has ended");
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
    return not_found("model '{}' is not among those that the server {}, which are: {}", name,
                     find_ ? "has" : "was started with", join(names, ", "));
}

std::optional<std::string> ModelRepository::why_not(std::string_view name,
                                                    std::string_view version) const {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return std::nullopt;
    const Entry& entry = found->second;
    if (!models_.find(name)) {
        return loading_ == &entry ? std::string(kLoading) : reason_of(found->first, entry);
    }
    for (const Version& known : entry.versions) {
        const bool failed = known.name == version && !known.reason.empty();
        if (failed && !models_.find(name, version)) return known.reason;
    }
    return std::nullopt;
}

std::vector<IndexRow> ModelRepository::rows_of(const std::string& name, const Entry& entry) const {
    std::vector<IndexRow> rows;
    const Hosts hosts = models_.versions(name);
    for (const std::shared_ptr<ModelHost>& host : hosts) {
        rows.push_back({name, host->identity().version, "READY", ""});
        if (host->asleep()) rows.back().reason = kSleeps;
        if (host->ready()) continue;
        rows.back().state = "UNAVAILABLE";
        rows.back().reason = host->trouble();
    }
    const bool loading = loading_ == &entry && hosts.empty();
    const auto add = [&](const std::string& version, const std::string& reason) {
        const bool served = std::any_of(
            rows.begin(), rows.end(), [&](const IndexRow& row) { return row.version == version; });
        if (served || (!hosts.empty() && reason.empty())) return;
        rows.push_back({name, version, loading ? "LOADING" : "UNAVAILABLE",
                        loading ? std::string(kLoading) : reason});
    };
    const std::string reason = reason_of(name, entry);
    for (const Version& version : entry.versions) {
        add(version.name, version.reason.empty() ? reason : version.reason);
    }
    if (rows.empty()) add("", reason);
    std::sort(rows.begin(), rows.end(), [](const IndexRow& a, const IndexRow& b) {
        return is_lower_version(a.version, b.version);
    });
    return rows;
}

std::vector<IndexRow> ModelRepository::index() const {
    std::vector<IndexRow> all;
    const MutexLock lock(mutex_);
    for (const auto& [name, entry] : entries_) {
        std::vector<IndexRow> rows = rows_of(name, entry);
        std::move(rows.begin(), rows.end(), std::back_inserter(all));
    }
    return all;
}

}  // namespace hf::serve
