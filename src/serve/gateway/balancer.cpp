#include "serve/gateway/balancer.h"

#include <algorithm>

#include "base/text.h"

namespace hf::serve::gateway {
namespace {

constexpr std::size_t kNamesShown = 10;  // in an error

void add_reason(std::vector<std::string>& reasons, const Replica& replica, std::string_view why) {
    if (reasons.size() < kNamesShown) {
        reasons.push_back(fmt::format("{}: {}", replica.node, why));
    } else if (reasons.size() == kNamesShown) {
        reasons.emplace_back("...");
    }
}

bool was_tried(const Want& want, const Replica& replica) {
    return std::find(want.exclude.begin(), want.exclude.end(), replica.url) != want.exclude.end();
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// Leaves those to whom this applies out, where one that serves is left.
template <typename Candidates, typename Applies>
void put_off(Candidates& candidates, Instant now, const Applies& applies) {
    const bool can_do_without =
        std::any_of(candidates.begin(), candidates.end(), [&](const auto* entry) {
            return !applies(*entry) && entry->state.health(now) == Health::kServing;
        });
    if (can_do_without) std::erase_if(candidates, [&](auto* entry) { return applies(*entry); });
}

}  // namespace

Status Balancer::set_routes(std::vector<Route> routes) {
    Status problems;
    adopt(usable_part(std::move(routes), problems));
    return problems;
}

void Balancer::adopt(std::vector<Route> routes) {
    std::map<std::string, Service, std::less<>> services;
    for (Route& route : routes) {
        Service* const before = find(route.service);
        Service service = before ? std::move(*before) : Service();
        service.residency = std::move(route.residency);
        service.shadow = std::move(route.shadow);
        service.counts.service = route.service;
        service.entries = entries(std::move(route.replicas), service.entries);
        services.emplace(std::move(route.service), std::move(service));
    }
    services_ = std::move(services);
}

std::vector<Balancer::Entry> Balancer::entries(std::vector<Replica> replicas,
                                               const std::vector<Entry>& before) {
    std::vector<Entry> entries;
    for (Replica& replica : replicas) {
        const auto same = std::find_if(before.begin(), before.end(), [&](const Entry& entry) {
            return entry.replica.url == replica.url && entry.replica.epoch == replica.epoch;
        });
        const bool known = same != before.end();
        Entry entry{std::move(replica), known ? same->state : ReplicaState()};
        entry.state_id = known ? same->state_id : ++states_made_;
        entries.push_back(std::move(entry));
    }
    return entries;
}

Balancer::Service* Balancer::find(std::string_view service) {
    const auto at = services_.find(service);
    return at == services_.end() ? nullptr : &at->second;
}

const Balancer::Service* Balancer::find(std::string_view service) const {
    const auto at = services_.find(service);
    return at == services_.end() ? nullptr : &at->second;
}

std::vector<std::string> Balancer::services() const {
    std::vector<std::string> names;
    for (const auto& [name, service] : services_) names.push_back(name);
    return names;
}

Status Balancer::unknown(std::string_view service) const {
    std::vector<std::string> names;
    for (const auto& [name, known] : services_) {
        names.push_back(names.size() == kNamesShown ? "..." : name);
        if (names.size() > kNamesShown) break;
    }
    return not_found("service '{}' is not known here; {}", service,
                     names.empty() ? "no service is" : "these are: " + join(names, ", "));
}

Result<Balancer::Candidates> Balancer::candidates(Service& service, const Want& want) {
    Candidates candidates;
    std::vector<std::string> reasons;
    bool permitted = service.entries.empty();
    for (Entry& entry : service.entries) {
        const std::string why = why_forbidden(service.residency, entry.replica.jurisdiction);
        permitted = permitted || why.empty();
        if (!why.empty()) {
            add_reason(reasons, entry.replica, why);
        } else if (!entry.replica.ready) {
            add_reason(reasons, entry.replica, "not ready");
        } else if (was_tried(want, entry.replica)) {
            add_reason(reasons, entry.replica, "was tried");
        } else {
            candidates.push_back(&entry);
        }
    }
    if (!candidates.empty()) return candidates;
    if (!permitted) {
        return permission_denied("service '{}': its residency allows none of its replicas ({})",
                                 want.service, join(reasons, "; "));
    }
    return unavailable("service '{}': no replica can be asked ({})", want.service,
                       reasons.empty() ? "it has none; try again later" : join(reasons, "; "));
}

// Two at random and the better of them: nearly as even as the best of all, and no herd runs after
// the one that looks best (Mitzenmacher, "The power of two choices", 2001).
Balancer::Offer Balancer::offer(const Candidates& candidates, const Want& want, Instant now,
                                Rng& rng) {
    Candidates serving;
    Candidates pressed;
    Offer due;
    for (Entry* entry : candidates) {
        const Health health = entry->state.health(now);
        if (health == Health::kDue && !want.only_serving) {
            const bool first =
                !due.entry || entry->state.ejected_at() < due.entry->state.ejected_at();
            if (first) due = {entry, true, false};
        }
        if (health == Health::kServing) {
            (entry->state.pressed(now) ? pressed : serving).push_back(entry);
        }
    }
    if (due.entry) return due;
    const Candidates& drawn_from = serving.empty() ? pressed : serving;
    if (drawn_from.empty()) return {};
    const std::size_t size = drawn_from.size();
    const std::size_t first = rng.below(size);
    const std::size_t second = size == 1 ? 0 : (first + 1 + rng.below(size - 1)) % size;
    Entry* const one = drawn_from[first];
    Entry* const other = drawn_from[second];
    const bool better = other->state.load(now) < one->state.load(now);
    return {better ? other : one, false, serving.empty()};
}

void Balancer::put_off_silent_sites(Candidates& candidates, const Want& want, Instant now) {
    put_off(candidates, now, [&sites = want.silent_sites](const Entry& entry) {
        return std::find(sites.begin(), sites.end(), entry.replica.site) != sites.end();
    });
}

void Balancer::put_off_taskless(Candidates& candidates, Instant now) {
    put_off(candidates, now, [now](const Entry& entry) { return entry.state.knows_no_tasks(now); });
}

Balancer::Offer Balancer::prefer(const Offer& near, const Offer& far, Instant now) {
    if (!near.entry || !far.entry) return near.entry ? near : far;
    if (near.probe) return near;
    if (far.probe) return near;
    if (near.pressed != far.pressed) return near.pressed ? far : near;
    // The far one counts as it was when it last answered: it must not look fast because nobody
    // asked it. One that never answered is taken to be as fast as the near one.
    const Duration near_latency = near.entry->state.latency(now);
    const Duration far_latency =
        far.entry->state.ever_measured() ? far.entry->state.latency_seen() : near_latency;
    const double far_load =
        seconds(far_latency) * (static_cast<double>(far.entry->state.in_flight()) + 1.0);
    return near.entry->state.load(now) > kSpillFactor * far_load ? far : near;
}

Balancer::Entry* Balancer::ejected_longest_ago(const Candidates& candidates, Instant now) {
    const auto order = [now](const Entry* a, const Entry* b) {
        const bool a_probed = a->state.health(now) == Health::kProbed;
        const bool b_probed = b->state.health(now) == Health::kProbed;
        if (a_probed != b_probed) return b_probed;
        return a->state.ejected_at() < b->state.ejected_at();
    };
    return *std::min_element(candidates.begin(), candidates.end(), order);
}

Choice Balancer::begin(Service& service, const Want& want, const Offer& offer, Instant now) {
    Choice choice;
    choice.service = want.service;
    choice.replica = offer.entry->replica;
    choice.ticket.started = now;
    choice.ticket.probe = offer.probe;
    choice.ticket.panic = !offer.probe && offer.entry->state.health(now) != Health::kServing;
    choice.state_id = offer.entry->state_id;
    choice.no_tasks = offer.entry->state.knows_no_tasks(now);
    offer.entry->state.begin(choice.ticket);
    service.counts.probes += choice.ticket.probe ? 1 : 0;
    service.counts.panics += choice.ticket.panic ? 1 : 0;
    return choice;
}

Result<Choice> Balancer::choose(const Want& want, Instant now, Rng& rng) {
    Service* const service = find(want.service);
    if (!service) return unknown(want.service);
    Candidates all = HF_TRY(candidates(*service, want));
    put_off_silent_sites(all, want, now);
    if (want.task) put_off_taskless(all, now);
    Candidates near;
    Candidates far;
    std::size_t serving = 0;
    for (Entry* entry : all) {
        const bool own = !want.site.empty() && entry->replica.site == want.site;
        (own ? near : far).push_back(entry);
        if (entry->state.health(now) == Health::kServing) ++serving;
    }
    const Offer near_offer = offer(near, want, now, rng);
    const Offer far_offer = offer(far, want, now, rng);
    Offer best = prefer(near_offer, far_offer, now);
    if (!best.entry && want.only_serving) {
        return unavailable("service '{}': no other replica is serving", want.service);
    }
    if (!best.entry) best.entry = ejected_longest_ago(all, now);
    const bool is_serving = best.entry->state.health(now) == Health::kServing;
    Choice choice = begin(*service, want, best, now);
    choice.sole = serving == (is_serving ? 1u : 0u);
    return choice;
}

void Balancer::report(const Choice& choice, const Outcome& outcome, Instant now) {
    Service* const service = find(choice.service);
    if (!service) return;
    if (outcome.ending == Ending::kAnswered && outcome.timed) {
        service->latencies.add(now - choice.ticket.started, now);
    }
    for (Entry& entry : service->entries) {
        if (entry.state_id != choice.state_id) continue;
        const bool ejected = entry.state.end(choice.ticket, outcome, now, can_spare(*service, now));
        service->counts.ejections += ejected ? 1 : 0;
        if (ejected && outcome.ending == Ending::kUnreachable && outcome.machine) {
            eject_everywhere(choice.replica.url, now);
        }
    }
}

std::optional<Balancer::ShadowChoice> Balancer::choose_shadow(std::string_view name,
                                                              std::string_view digest, Instant now,
                                                              Rng& rng) const {
    const Service* const service = find(name);
    if (!service || !service->shadow || service->shadow->from != digest) return std::nullopt;
    const Shadow& shadow = *service->shadow;
    if (static_cast<std::int64_t>(rng.below(100)) >= shadow.percent) return std::nullopt;
    std::vector<const Replica*> able;
    for (const Entry& entry : service->entries) {
        const Replica& replica = entry.replica;
        const bool has = replica.ready && replica.digest == shadow.to &&
                         entry.state.health(now) == Health::kServing;
        if (has && why_forbidden(service->residency, replica.jurisdiction).empty()) {
            able.push_back(&replica);
        }
    }
    if (able.empty()) return std::nullopt;
    return ShadowChoice{*able[rng.below(able.size())], shadow};
}

bool Balancer::can_spare(const Service& service, Instant now) {
    std::size_t serving = 0;
    for (const Entry& entry : service.entries) {
        const bool serves = entry.replica.ready && entry.state.health(now) == Health::kServing;
        serving += serves ? 1 : 0;
    }
    return (serving - 1) * 100 >= service.entries.size() * kServingPercentMin && serving > 1;
}

// A machine that cannot be reached for one service cannot be for the others.
void Balancer::eject_everywhere(const std::string& url, Instant now) {
    for (auto& [name, service] : services_) {
        for (Entry& entry : service.entries) {
            if (entry.replica.url != url || entry.state.health(now) != Health::kServing) continue;
            entry.state.eject(now);
            ++service.counts.ejections;
        }
    }
}

void Balancer::count_request(std::string_view service) {
    Service* const known = find(service);
    if (!known) return;
    ++known->counts.requests;
    known->budget.earn();
}

bool Balancer::spend_on_retry(std::string_view service) {
    Service* const known = find(service);
    if (!known || !known->budget.spend_on_retry()) return false;
    ++known->counts.retries;
    return true;
}

bool Balancer::spend_on_hedge(std::string_view service) {
    Service* const known = find(service);
    if (!known || !known->budget.spend_on_hedge()) return false;
    ++known->counts.hedges;
    return true;
}

std::optional<Duration> Balancer::p95(std::string_view service, Instant now) const {
    const Service* const known = find(service);
    return known ? known->latencies.p95(now) : std::nullopt;
}

std::optional<Duration> Balancer::fastest(std::string_view service, Instant now) const {
    const Service* const known = find(service);
    return known ? known->latencies.fastest(now) : std::nullopt;
}

std::vector<Balancer::ServiceView> Balancer::view(Instant now) const {
    std::vector<ServiceView> views;
    for (const auto& [name, service] : services_) {
        ServiceView view = service.counts;
        view.retry_tokens = service.budget.tokens();
        for (const Entry& entry : service.entries) {
            view.replicas.push_back({entry.replica, entry.state.health(now),
                                     entry.state.in_flight(), entry.state.latency(now)});
        }
        views.push_back(std::move(view));
    }
    return views;
}

}  // namespace hf::serve::gateway
