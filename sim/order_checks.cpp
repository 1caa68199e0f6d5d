#include "sim/order_checks.h"

#include <algorithm>

namespace hf::sim {

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

void OrderChecks::written(const api::Object& node) {
    const std::string name(node.name());
    for (const json::Value& order : items_of(node.spec(), "services")) check_seat(name, order);
    Seats now;
    for (const json::Value& order : items_of(node.spec(), "services")) {
        now[std::string(json::get_string(order, "uid"))] = json::get_int(order, "epoch");
    }
    seats_[name] = std::move(now);
}

void OrderChecks::start_from(const std::vector<api::Object>& nodes) {
    granted_.clear();
    seats_.clear();
    for (const api::Object& node : nodes) {
        for (const json::Value& order : items_of(node.spec(), "services")) {
            const std::string uid(json::get_string(order, "uid"));
            const std::int64_t epoch = json::get_int(order, "epoch");
            seats_[std::string(node.name())][uid] = epoch;
            Granted& granted = granted_[uid];
            granted.epoch = std::max(granted.epoch, epoch);
        }
    }
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
    } else if (epoch < granted.epoch || (epoch == granted.epoch && granted.round != round_)) {
        context_.trace.breach("epoch",
                              "{} gets {} at epoch {}, which was granted before (up to {})", node,
                              json::get_string(order, "name"), epoch, granted.epoch);
    }
    if (epoch > granted.epoch) granted = {epoch, round_};
}

void OrderChecks::look(resources::Resources& resources) {
    const auto nodes = resources.list(api::node_kind(), "", {});
    const auto services = resources.list(api::service_kind(), "", {});
    if (!nodes.ok() || !services.ok()) return;
    std::map<std::string, const api::Object*> by_uid;
    for (const api::Object& service : services->items) {
        by_uid[std::string(service.uid())] = &service;
    }
    for (const api::Object& node : nodes->items) {
        const std::string& here = jurisdictions_[std::string(node.name())];
        for (const json::Value& order : items_of(node.spec(), "services")) {
            context_.trace.checked();
            const auto service = by_uid.find(std::string(json::get_string(order, "uid")));
            if (service == by_uid.end()) continue;
            const json::Value* placement = json::find(service->second->spec(), "placement");
            if (!placement) continue;
            const json::Array& only = items_of(*placement, "jurisdictions");
            if ((only.empty() || names(only, here)) &&
                !names(items_of(*placement, "forbiddenJurisdictions"), here)) {
                continue;
            }
            context_.trace.breach("residency",
                                  "{} in {} is ordered to run {}, which may not lie there",
                                  node.name(), here, json::get_string(order, "name"));
        }
    }
}

}  // namespace hf::sim
