// What people do to a fleet: sites, policies, services and their rules, machines that come, drain
// and are revoked; all through the real resource API's admission.

#include "sim/world.h"

namespace hf::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 3> kJurisdictions{"DE", "FR", "US"};
constexpr std::size_t kSites = 4;
constexpr std::size_t kServicesMax = 10;
constexpr std::size_t kMachinesMore = 3;  // that may come beyond those of the start
constexpr std::array<std::string_view, 2> kPolicies{"default", "strict"};
constexpr std::string_view kNamespace = "default";

std::string site_name(std::size_t index) {
    return fmt::format("site-{}", index);
}
std::string_view law_of(std::size_t site) {
    return kJurisdictions[site % kJurisdictions.size()];
}

resources::WriteOptions as_admin() {
    resources::WriteOptions options;
    options.who = api::Identity::of_system("admin");
    return options;
}

resources::RemoveOptions to_remove() {
    resources::RemoveOptions options;
    options.who = api::Identity::of_system("admin");
    return options;
}

json::Object any_policy(Dice& dice) {
    json::Array formats{"onnx"};
    if (dice.chance(1, 2)) formats.emplace_back("tflite");
    return {{"requireSignature", dice.chance(1, 2)},
            {"requireScan", dice.chance(1, 2)},
            {"allowedFormats", std::move(formats)}};
}

// So many replicas, or up to so many and one more, by what they are asked.
void want_replicas(json::Object& spec, std::int64_t most, bool scales) {
    spec.erase(scales ? "replicas" : "scale");
    if (!scales) {
        spec["replicas"] = most;
        return;
    }
    spec["scale"] = {{"min", 1 + most / 3},
                     {"max", 1 + most},
                     {"targetConcurrency", 2},
                     {"downAfterSeconds", 20}};
}

}  // namespace

// People try; what a server refuses or cannot take, they leave.
void World::write(const std::function<Status(resources::Resources&)>& what) {
    if (!server_.is_up()) return;
    const Status done = what(server_.resources());
    if (!done.ok()) context_.trace.note("a wish is refused: {}", done.message());
}

// What people tell the server of a site. In some worlds they err, and machines must refuse.
std::string_view World::told_law_of(std::size_t site) const {
    const bool errs = options_.seed % 8 == 3 || options_.plant == Plant::kResidency;
    return law_of(site == 0 && errs ? 1 : site);
}

void World::make_sites() {
    for (std::size_t i = 0; i < kSites; ++i) {
        api::Object site = api::Object::make("Site", "", site_name(i));
        site.edit_spec()["jurisdiction"] = told_law_of(i);
        write([&](resources::Resources& to) { return to.create(site, as_admin()).status(); });
    }
}

void World::make_policies() {
    for (const std::string_view name : kPolicies) {
        api::Object policy = api::Object::make("TrustPolicy", "", name);
        policy.fields()["spec"] = any_policy(context_.dice);
        write([&](resources::Resources& to) { return to.create(policy, as_admin()).status(); });
    }
}

void World::add_machine() {
    const std::size_t site = context_.dice.below(kSites);
    const std::string name = fmt::format("n{}", machines_.size());
    server_.enrol(name, site_name(site));
    // An error of people is none of the server's; but for the planted one.
    const bool planted = options_.plant == Plant::kResidency;
    server_.order_checks().machine(name, std::string(planted ? law_of(site) : told_law_of(site)));
    const Machine::World world{context_, network_, server_};
    machines_.push_back(std::make_unique<Machine>(
        world, Machine::Place{name, site_name(site), std::string(law_of(site))}));
    machines_.back()->boot();
}

json::Object World::any_placement() {
    Dice& dice = context_.dice;
    json::Object placement;
    const auto law = [&] { return kJurisdictions[dice.below(kJurisdictions.size())]; };
    if (dice.chance(1, 2)) placement["jurisdictions"] = json::Array{law(), law()};
    if (dice.chance(1, 4)) placement["forbiddenJurisdictions"] = json::Array{law()};
    return placement;
}

// Windows of a few minutes about now, so that worlds see them open and close; or none.
void World::draw_windows(json::Object& spec) {
    Dice& dice = context_.dice;
    spec.erase("windows");
    spec["downloadAhead"] = dice.chance(1, 2);
    if (dice.chance(1, 4)) return;
    const Instant now = context_.time.now();
    const auto minute = std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count() +
                        static_cast<std::int64_t>(dice.below(8)) - 4;
    const int start = static_cast<int>((minute + api::kMinutesPerDay) % api::kMinutesPerDay);
    const int length = 1 + static_cast<int>(dice.below(6));
    spec["windows"] = api::to_json({{api::kEveryDay, start, length, 0}});
}

void World::wish() {
    Dice& dice = context_.dice;
    switch (dice.below(12)) {
        case 0:
        case 1:
        case 2: create_service(); break;
        case 3: context_.models.move_a_tag(dice); break;
        case 4: change_policy(); break;
        case 5:
        case 6: change_machine(); break;
        default: {
            if (services_.empty()) return create_service();
            const auto index = static_cast<std::ptrdiff_t>(dice.below(services_.size()));
            change_service(*std::next(services_.begin(), index));
        }
    }
}

void World::create_service() {
    Dice& dice = context_.dice;
    if (services_.size() >= kServicesMax) return;
    const std::string name = fmt::format("s{}", dice.chance(1, 4) ? 1 : ++last_service_);
    api::Object service = api::Object::make("Service", kNamespace, name);
    json::Object& spec = service.edit_spec();
    spec["model"] = context_.models.any_reference(dice);
    want_replicas(spec, static_cast<std::int64_t>(dice.below(4)), last_service_ % 3 == 2);
    spec["trustPolicy"] = kPolicies[dice.below(kPolicies.size())];
    spec["placement"] = any_placement();
    if (dice.chance(1, 4)) draw_windows(spec);
    context_.trace.note("wish: service {} = {}", name, json::write(service.spec()));
    write([&](resources::Resources& to) -> Status {
        HF_TRY(to.create(service, as_admin()));
        services_.insert(name);
        edited_[name] = context_.time.monotonic();
        return {};
    });
}

void World::change_service(const std::string& name) {
    Dice& dice = context_.dice;
    const resources::ObjectKey key{&api::service_kind(), std::string(kNamespace), name};
    const std::uint64_t what = dice.below(8);
    if (what == 0) {
        context_.trace.note("wish: no service {}", name);
        write([&](resources::Resources& to) -> Status {
            HF_TRY(to.remove(key, to_remove()));
            services_.erase(name);
            return {};
        });
        return;
    }
    const auto edit = [&](api::Object& service) -> Status {
        json::Object& spec = service.edit_spec();
        edited_[name] = context_.time.monotonic();
        if (what <= 2) spec["model"] = context_.models.any_reference(dice);
        if (what == 3) {
            const auto most = static_cast<std::int64_t>(dice.below(4));
            want_replicas(spec, most, spec.contains("scale") == (most > 0));
        }
        if (what == 4) spec["trustPolicy"] = kPolicies[dice.below(kPolicies.size())];
        if (what == 5) spec["placement"] = any_placement();
        if (what == 6) spec["device"] = dice.chance(1, 2) ? "auto" : "cpu";
        if (what == 7) draw_windows(spec);
        context_.trace.note("wish: service {} = {}", name, json::write(service.spec()));
        return {};
    };
    write([&](resources::Resources& to) { return to.modify(key, as_admin(), edit).status(); });
}

void World::change_machine() {
    Dice& dice = context_.dice;
    const std::uint64_t what = dice.below(6);
    const std::size_t most = kMachinesMore + static_cast<std::size_t>(std::max(options_.nodes, 8));
    if (what == 0 && machines_.size() < most) return add_machine();
    Machine& machine = any_machine();
    const resources::ObjectKey key{&api::node_kind(), "", machine.place().name};
    if (what == 1 && revoked_.size() + 2 < machines_.size() && server_.is_up()) {
        context_.trace.note("wish: {} is revoked", key.name);
        server_.revoke(key.name);
        machine.disconnect();
        context_.demand.leaves(key.name);
        revoked_.insert(key.name);
        write([&](resources::Resources& to) { return to.remove(key, to_remove()).status(); });
        return;
    }
    const bool drain = dice.chance(1, 3);
    context_.trace.note("wish: {} drains: {}", key.name, drain);
    write([&](resources::Resources& to) {
        return to
            .modify(key, as_admin(),
                    [&](api::Object& node) -> Status {
                        node.edit_spec()["drain"] = drain;
                        return {};
                    })
            .status();
    });
}

void World::change_policy() {
    const resources::ObjectKey key{&api::trust_policy_kind(), "",
                                   std::string(kPolicies[context_.dice.below(kPolicies.size())])};
    const json::Object spec = any_policy(context_.dice);
    context_.trace.note("wish: policy {} = {}", key.name, json::write(spec));
    write([&](resources::Resources& to) {
        return to
            .modify(key, as_admin(),
                    [&](api::Object& policy) -> Status {
                        policy.fields()["spec"] = spec;
                        return {};
                    })
            .status();
    });
}

}  // namespace hf::sim
