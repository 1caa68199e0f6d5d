#include "sim/order_checks.h"

#include <algorithm>

#include "api/conditions.h"

namespace hf::sim {
namespace {

constexpr std::string_view kNodesPrefix = "/objects/nodes/";
constexpr std::string_view kServicesPrefix = "/objects/services/";

// Whether the machine is not heard of, or does not say what it is asked by that order.
bool is_silent(const api::Object& node, const json::Value& order) {
    if (!api::is_true(node, "Ready")) return true;
    for (const json::Value& report : items_of(node.status(), "services")) {
        const bool same =
            json::get_string(report, "name") == json::get_string(order, "name") &&
            json::get_string(report, "namespace") == json::get_string(order, "namespace");
        if (!same) continue;
        if (json::get_int(report, "epoch") < json::get_int(order, "epoch")) return true;
        if (json::find(report, "load")) return false;
        api::Object holder;
        holder.fields()["status"] = report;
        return api::is_true(holder, "Ready");
    }
    return true;
}

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
    silent_[name].clear();
    for (const json::Value& order : items_of(object.spec(), "services")) {
        check_seat(name, order);
        std::string uid(json::get_string(order, "uid"));
        if (is_silent(object, order)) silent_[name].insert(uid);
        now[std::move(uid)] = json::get_int(order, "epoch");
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
    check_scale(service);
}

void OrderChecks::check_scale(const api::Object& service) {
    const std::string uid(service.uid());
    const json::Value* scale = json::find(service.spec(), "scale");
    const std::int64_t now = json::get_int(service.status(), "wantedReplicas");
    if (!scale || service.being_removed() || now == 0) {
        wanted_.erase(uid);
        return;
    }
    const auto known = wanted_.find(uid);
    const std::int64_t last = known == wanted_.end() ? now : known->second;
    wanted_[uid] = now;
    if (restoring_ || now == last) return;
    context_.trace.checked();
    const std::int64_t min = json::get_int(*scale, "min", 1);
    const std::int64_t max = json::get_int(*scale, "max", 1);
    context_.trace.note("{} shall have {} replicas after {}", service.name(), now, last);
    if (now < min || now > max) {
        context_.trace.breach("scale", "{} shall have {} replicas, of {} to {}", service.name(),
                              now, min, max);
    }
    if (now > last || last > max) return;
    for (const auto& [node, services] : silent_) {
        if (!services.contains(uid)) continue;
        context_.trace.breach("scale", "{} goes down from {} to {} while {} is silent",
                              service.name(), last, now, node);
    }
}

void OrderChecks::removed(std::string_view key) {
    if (key.starts_with(kNodesPrefix)) {
        const std::string node(key.substr(kNodesPrefix.size()));
        seats_.erase(node);
        silent_.erase(node);
    }
    const auto service = uids_.find(std::string(key));
    if (service == uids_.end()) return;
    laws_.erase(service->second);
    wanted_.erase(service->second);
    uids_.erase(service);
}

void OrderChecks::forget() {
    granted_.clear();
    seats_.clear();
    laws_.clear();
    wanted_.clear();
    silent_.clear();
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
