#include <algorithm>

#include "api/table.h"
#include "api/yaml.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "http/url.h"

namespace hf::cli {
namespace {

std::string indented(const std::string& text) {
    std::string out;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        out += "  " + text.substr(begin, end - begin) + "\n";
        begin = end + 1;
    }
    return out;
}

std::string section(const std::string& title, const json::Value& value) {
    if (value.is_null() || (value.is_object() && value.get_object().empty())) return {};
    return title + ":\n" + indented(api::write_yaml(value));
}

std::string describe(const api::Kind& kind, const api::Object& object) {
    std::string text = fmt::format("Name:       {}\n", object.name());
    if (!object.ns().empty()) text += fmt::format("Namespace:  {}\n", object.ns());
    text += fmt::format("Kind:       {}\nCreated:    {}\nGeneration: {}\n", kind.name,
                        object.creation_timestamp(), object.generation());
    if (object.being_removed())
        text += fmt::format("Deleted:    {}\n", object.deletion_timestamp());
    for (const auto& [title, key] :
         {std::pair("Labels", "labels"), std::pair("Annotations", "annotations")}) {
        const json::Value* entries = json::find(object.metadata(), key);
        if (entries) text += section(title, *entries);
    }
    for (const auto& [key, value] : object.json().get_object()) {
        const bool shown = key == "apiVersion" || key == "kind" || key == "metadata";
        if (shown) continue;
        std::string title(key);
        if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') {
            title[0] = static_cast<char>(title[0] - 'a' + 'A');
        }
        text += section(title, value);
    }
    return text;
}

// The events about the object, oldest first.
Result<std::string> events_of(ApiClient& client, const api::Object& object, Instant now) {
    Call list;
    list.path = ApiClient::path(api::event_kind(), client.default_namespace(), "") +
                "?fieldSelector=" +
                http::percent_encode(fmt::format("involvedObject.name={},involvedObject.kind={}",
                                                 object.name(), object.kind()));
    const json::Value found = HF_TRY(client.call(list));
    const json::Array* items = json::find_array(found, "items");
    if (!items || items->empty()) return std::string("Events: none\n");
    std::vector<json::Value> events(items->begin(), items->end());
    std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
        return json::get_string(a, "lastTimestamp") < json::get_string(b, "lastTimestamp");
    });
    std::string text = "Events:\n";
    for (const json::Value& event : events) {
        const Result<Instant> at = parse_rfc3339(json::get_string(event, "lastTimestamp"));
        const std::int64_t count = json::get_int(event, "count", 1);
        text += fmt::format(
            "  {:<8} {:<8} {:<20} {}{}\n", at.ok() ? api::human_age(now - *at) : "?",
            json::get_string(event, "type"), json::get_string(event, "reason"),
            json::get_string(event, "message"), count > 1 ? fmt::format(" (x{})", count) : "");
    }
    return text;
}

Status run(World& world, const Arguments& arguments) {
    const Target target = HF_TRY(parse_target(arguments.get("KIND"), arguments.get("NAME")));
    if (target.name.empty()) return invalid_argument("NAME is missing: describe which?");
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    const api::Object object = HF_TRY(client->get(target));
    world.out(describe(*target.kind, object));
    world.out(HF_TRY(events_of(*client, object, world.clock.now())));
    return {};
}

}  // namespace

Command describe_command() {
    return {"describe",
            "Shows all about one resource, with what happened to it",
            {{"KIND", "the kind, or KIND/NAME"}, {"NAME", "which", false}},
            api_options(),
            {"holdfast describe service pump"},
            run};
}

}  // namespace hf::cli
