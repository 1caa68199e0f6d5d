#include "sim/order_checks.h"

#include <algorithm>

namespace hf::sim {
namespace {

constexpr std::string_view kNodesPrefix = "/objects/nodes/";
constexpr std::string_view kServicesPrefix = "/objects/services/";

}  // namespace

const json::Array& items_of(const json::Value& value, std::string_view key) {
    static const json::Array kNone;
    const json::Array* found = json::find_array(value, key);
    return found ? *found : kNone;
}

bool names(const json::Array& list, std::string_view text) {
    return std::any_of(list.begin(), list.end(), [&](const json::Value& each) {
        return each.is_string() && json::as_view(each.get_string()) == text;
    });
}

void OrderChecks::written(const api::Object& object) {
    if (object.kind() == "Service") return write_service(object);
    const std::string name(object.name());
    Seats now;
    for (const json::Value& order : items_of(object.spec(), "services")) {
        check_seat(name, order);
        now[std::string(json::get_string(order, "uid"))] = json::get_int(order, "epoch");
    }
    seats_[name] = std::move(now);
}

void OrderChecks::write_service(const api::Object& service) {
    const std::string uid(service.uid());
    uids_[fmt::format("{}{}/{}", kServicesPrefix, service.ns(), service.name())] = uid;
    Law law{std::string(service.name()), {}, {}};
    if (const json::Value* placement = json::find(service.spec(), "placement")) {
        law.only = items_of(*placement, "jurisdictions");
        law.never = items_of(*placement, "forbiddenJurisdictions");
    }
    laws_[uid] = std::move(law);
}

void OrderChecks::removed(std::string_view key) {
    if (key.starts_with(kNodesPrefix)) seats_.erase(std::string(key.substr(kNodesPrefix.size())));
    const auto service = uids_.find(std::string(key));
    if (service == uids_.end()) return;
    laws_.erase(service->second);
    uids_.erase(service);
}

void OrderChecks::forget() {
    granted_.clear();
    seats_.clear();
    laws_.clear();
    uids_.clear();
    restoring_ = true;
}

void OrderChecks::check_seat(const std::string& node, const json::Value& order) {
    context_.trace.checked();
    const std::string uid(json::get_string(order, "uid"));
    const std::int64_t epoch = json::get_int(order, "epoch");
    Granted& granted = granted_[uid];
    const auto before = seats_[node].find(uid);
    if (before != seats_[node].end()) {
        if (epoch < before->second) {
            context_.trace.breach("epoch", "{}: the order of {} goes from epoch {} back to {}",
                                  node, json::get_string(order, "name"), before->second, epoch);
        }
    } else if (!restoring_ &&
               (epoch < granted.epoch || (epoch == granted.epoch && granted.round != round_))) {
        context_.trace.breach("epoch",
                              "{} gets {} at epoch {}, which was granted before (up to {})", node,
                              json::get_string(order, "name"), epoch, granted.epoch);
    }
    if (epoch > granted.epoch) granted = {epoch, round_};
}

void OrderChecks::look() {
    for (const auto& [node, seats] : seats_) {
        const std::string& here = jurisdictions_[node];
        for (const auto& [uid, epoch] : seats) {
            context_.trace.checked();
            const auto found = laws_.find(uid);
            if (found == laws_.end()) continue;
            const Law& law = found->second;
            if ((law.only.empty() || names(law.only, here)) && !names(law.never, here)) continue;
            context_.trace.breach("residency",
                                  "{} in {} is ordered to run {}, which may not lie there", node,
                                  here, law.name);
        }
    }
}

}  // namespace hf::sim
