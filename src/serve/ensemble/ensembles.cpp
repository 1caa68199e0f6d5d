#include "serve/ensemble/ensembles.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace hf::serve::ensemble {
namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether the host is of these members as they are.
bool is_of(const ModelHost* host,
           const std::map<std::string, std::shared_ptr<ModelHost>>& members) {
    const auto* const graph = host ? dynamic_cast<const Graph*>(host->composite()) : nullptr;
    return graph && std::all_of(members.begin(), members.end(), [graph](const auto& member) {
               return graph->has(member.second.get());
           });
}

}  // namespace

Status Ensembles::declare(const std::string& name, Reader reader) {
    const MutexLock lock(mutex_);
    const auto [at, added] = ones_.try_emplace(name);
    if (!added) return already_exists("two ensembles have the name '{}'", name);
    at->second.reader = std::move(reader);
    at->second.known = HF_TRY(read(name, at->second));
    return {};
}

// Its files as they are; what is known of it stays.
Result<Ensembles::Known> Ensembles::read(const std::string& name, One& one) {
    Known known;
    known.read = HF_TRY(one.reader());
    known.declaration = HF_TRY(Declaration::parse(known.read.declaration));
    known.members = known.declaration.models();
    if (has(known.members, name)) return invalid_argument("'{}' is made of itself", name);
    HF_TRY(order_with(one, known.members));
    return known;
}

// As if those were its members.
Result<std::vector<std::string>> Ensembles::order_with(One& one, const Names& members) {
    const Names before = std::exchange(one.known.members, members);
    Result<Names> order = this->order();
    one.known.members = before;
    return order;
}

Status Ensembles::visit(const std::string& name, std::map<std::string, bool>& seen,
                        Names& order) const {
    const auto one = ones_.find(name);
    if (one == ones_.end()) return {};
    const auto [at, first] = seen.emplace(name, false);
    if (!first && at->second) return {};
    if (!first) return invalid_argument("the ensemble '{}' is made of itself, by others", name);
    for (const std::string& member : one->second.known.members) {
        HF_TRY(visit(member, seen, order));
    }
    seen[name] = true;
    order.push_back(name);
    return {};
}

Result<std::vector<std::string>> Ensembles::order() const {
    std::map<std::string, bool> seen;  // true: and all it is made of
    Names order;
    for (const auto& [name, one] : ones_) HF_TRY(visit(name, seen, order));
    return order;
}

Result<std::vector<std::string>> Ensembles::in_order() const {
    const MutexLock lock(mutex_);
    return order();
}

// Those that answer.
Ensembles::Hosts Ensembles::members_of(const Known& known, const Hosts& instead) const {
    Hosts hosts;
    for (const std::string& member : known.members) {
        const auto other = instead.find(member);
        Host host = other == instead.end() ? models_.find(member) : other->second;
        if (host) hosts.emplace(member, std::move(host));
    }
    return hosts;
}

Result<Ensembles::Host> Ensembles::make(const Known& known, const Hosts& members) const {
    for (std::size_t i = 0; i < known.declaration.steps.size(); ++i) {
        const std::string& model = known.declaration.steps[i].model;
        if (members.contains(model)) continue;
        Names served;
        for (const Host& host : models_.all()) served.push_back(host->identity().name);
        return invalid_argument("/steps/{}/model: no model '{}' is served here{}", i, model,
                                suggestion(model, served, "models"));
    }
    const std::shared_ptr<const Graph> graph = HF_TRY(Graph::make(known.declaration, members));
    Host host = HF_TRY(known.read.make(graph));
    host->set_composite(graph);
    host->set_may_be_cached(graph->may_be_cached());
    HF_TRY(host->warm());
    return host;
}

Result<Ensembles::Host> Ensembles::load(const std::string& name, const ModelHost* now) {
    const MutexLock lock(mutex_);
    One& one = ones_.find(name)->second;
    one.wanted = true;
    Known known = HF_TRY(read(name, one));
    const Hosts members = members_of(known, {});
    if (known.read.digest == one.known.read.digest && members.size() == known.members.size() &&
        is_of(now, members)) {
        return Host();
    }
    Host host = HF_TRY(make(known, members));
    one.known = std::move(known);
    return host;
}

Result<std::vector<std::string>> Ensembles::needs(std::string_view name) {
    const MutexLock lock(mutex_);
    const auto found = ones_.find(name);
    if (found == ones_.end()) return Names();
    One& one = found->second;
    one.wanted = true;
    const Known known = HF_TRY(read(found->first, one));
    const Names order = HF_TRY(order_with(one, known.members));
    std::set<std::string> below(known.members.begin(), known.members.end());
    Names needed;
    for (auto each = order.rbegin(); each != order.rend(); ++each) {
        if (!below.contains(*each)) continue;
        const Names& members = ones_.find(*each)->second.known.members;
        below.insert(members.begin(), members.end());
        needed.push_back(*each);
    }
    for (const std::string& each : below) {
        if (!ones_.contains(each)) needed.push_back(each);
    }
    // Models come first, then the ensembles that are made of them.
    std::reverse(needed.begin(), needed.end());
    return needed;
}

Result<std::vector<Ensembles::Host>> Ensembles::follow(const Host& next) {
    const MutexLock lock(mutex_);
    const std::string& name = next->identity().name;
    Hosts instead{{name, next}};
    std::vector<Host> followers;
    for (const std::string& each : HF_TRY(order())) {
        const One& one = ones_.find(each)->second;
        const Names& names = one.known.members;
        const bool made_of = std::any_of(names.begin(), names.end(), [&](const auto& member) {
            return instead.contains(member);
        });
        if (!one.wanted || !made_of || each == name) continue;
        const Hosts members = members_of(one.known, instead);
        const bool answers = models_.find(each) != nullptr;
        if (members.size() < names.size() && !answers) continue;
        Result<Host> host = make(one.known, members);
        if (!host.ok() && !answers) continue;
        if (!host.ok()) {
            return failed_precondition(
                "the ensemble '{}' is made of '{}', which would not fit into it any more ({}); "
                "unload the ensemble, or change its declaration",
                each, name, host.status().message());
        }
        instead.insert_or_assign(each, *host);
        followers.push_back(std::move(*host));
    }
    return followers;
}

// Those that answer and are made of it, or of others that are.
std::vector<std::string> Ensembles::above(std::string_view name) const {
    Names all;
    const Result<Names> order = this->order();
    if (!order.ok()) return all;
    for (const std::string& each : *order) {
        const Names& members = ones_.find(each)->second.known.members;
        const bool made_of = std::any_of(members.begin(), members.end(), [&](const auto& member) {
            return member == name || has(all, member);
        });
        if (made_of && models_.find(each)) all.push_back(each);
    }
    return all;
}

std::vector<std::string> Ensembles::goes_with(std::string_view name) {
    const MutexLock lock(mutex_);
    if (const auto found = ones_.find(name); found != ones_.end()) found->second.wanted = false;
    return above(name);
}

std::vector<std::string> Ensembles::alone_for(std::string_view name) const {
    const MutexLock lock(mutex_);
    Names going = above(name);
    going.emplace_back(name);
    Names alone;
    const auto goes = [&](const std::string& member) HF_REQUIRES(mutex_) {
        return std::all_of(ones_.begin(), ones_.end(), [&](const auto& other) {
            return !other.second.wanted || has(going, other.first) ||
                   !has(other.second.known.members, member);
        });
    };
    // Each ensemble that goes may leave members to nobody.
    for (std::size_t i = going.size() - 1; i < going.size(); ++i) {
        const auto found = ones_.find(going[i]);
        if (found == ones_.end()) continue;
        for (const std::string& member : found->second.known.members) {
            if (has(going, member) || !goes(member)) continue;
            going.push_back(member);
            alone.push_back(member);
        }
    }
    return alone;
}

std::string Ensembles::why_not(std::string_view name) const {
    const MutexLock lock(mutex_);
    const auto found = ones_.find(name);
    if (found == ones_.end() || !found->second.wanted) return "";
    for (const std::string& member : found->second.known.members) {
        if (!models_.find(member)) return fmt::format("its member '{}' is not loaded", member);
    }
    return "";
}

}  // namespace hf::serve::ensemble
