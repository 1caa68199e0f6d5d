#include "api/conditions.h"
#include "base/text.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "http/url.h"

namespace hf::cli {
namespace {

// What is waited for: a condition's status, or that the object is gone.
struct Wish {
    bool gone = false;
    std::string type;
    api::Truth status = api::Truth::kTrue;
};

std::string_view text_of(api::Truth truth) {
    switch (truth) {
        case api::Truth::kTrue: return "True";
        case api::Truth::kFalse: return "False";
        case api::Truth::kUnknown: return "Unknown";
    }
    return "Unknown";
}

Result<Wish> parse_wish(const std::string& text) {
    if (text == "delete") return Wish{true, "", api::Truth::kTrue};
    const std::string_view prefix = "condition=";
    const std::string rest = text.starts_with(prefix) ? text.substr(prefix.size()) : "";
    const std::size_t equals = rest.find('=');
    Wish wish{false, rest.substr(0, equals), api::Truth::kTrue};
    const std::string status =
        equals == std::string::npos ? "true" : to_lower(rest.substr(equals + 1));
    if (status == "false") wish.status = api::Truth::kFalse;
    if (status == "unknown") wish.status = api::Truth::kUnknown;
    const bool known = status == "true" || wish.status != api::Truth::kTrue;
    if (wish.type.empty() || !known) {
        return invalid_argument("--for {}: want condition=TYPE, condition=TYPE=False, or delete",
                                text);
    }
    return wish;
}

class Waiter {
public:
    Waiter(ApiClient& client, Target target, Wish wish)
        : client_(client), target_(std::move(target)), wish_(std::move(wish)) {}

    Status wait(Duration deadline) {
        for (;;) {
            Call list;
            list.path = ApiClient::path(*target_.kind, client_.default_namespace(), "") +
                        "?fieldSelector=" + http::percent_encode("metadata.name=" + target_.name);
            const json::Value found = HF_TRY(client_.call(list));
            const json::Array* items = json::find_array(found, "items");
            if (!items || items->empty()) {
                if (wish_.gone) return {};
                return not_found("{}: there is none", target_.to_string());
            }
            if (HF_TRY(comes_true((*items)[0], false))) return {};
            const json::Value* revision = json::find_path(found, {"metadata", "resourceVersion"});
            const Status status = watch(list, revision ? json::write(*revision) : "", deadline);
            if (status.code() != Code::kOutOfRange) return status;
        }
    }

private:
    Status watch(const Call& list, std::string_view revision, Duration deadline) {
        bool done = false;
        const auto see = [&](std::string_view type, const json::Value& object) -> Status {
            done = HF_TRY(comes_true(object, type == "DELETED"));
            return done ? cancelled("done") : Status();
        };
        const std::string plain(trim_quotes(revision));
        const Status status = client_.watch(list, plain, see, deadline);
        if (done) return {};
        if (status.code() == Code::kDeadlineExceeded) {
            return deadline_exceeded("{}: time is up, and {}", target_.to_string(), seen_);
        }
        return status;
    }

    static std::string_view trim_quotes(std::string_view text) {
        return text.size() < 2 ? text : text.substr(1, text.size() - 2);
    }

    Result<bool> comes_true(const json::Value& value, bool deleted) {
        if (wish_.gone) {
            seen_ = "it is still there";
            return deleted;
        }
        if (deleted) return not_found("{}: it was deleted", target_.to_string());
        const api::Object object = HF_TRY(api::Object::from_json(value));
        const std::optional<api::Condition> condition = api::find_condition(object, wish_.type);
        if (!condition) {
            seen_ = fmt::format("it has no condition {}", wish_.type);
            return false;
        }
        seen_ = fmt::format("{} is {}: {} {}", wish_.type, text_of(condition->status),
                            condition->reason, condition->message);
        // A condition that tells of an older spec says nothing of this one.
        return condition->status == wish_.status &&
               (condition->observed_generation == 0 ||
                condition->observed_generation >= object.generation());
    }

    ApiClient& client_;
    const Target target_;
    const Wish wish_;
    std::string seen_;  // the last we know, for the message
};

Status run(World& world, const Arguments& arguments) {
    const Target target = HF_TRY(parse_target(arguments.get("KIND"), arguments.get("NAME")));
    if (target.name.empty()) return invalid_argument("NAME is missing: wait for which?");
    const Wish wish = HF_TRY(parse_wish(arguments.get("for")));
    const Duration timeout = HF_TRY(parse_duration(arguments.get("timeout")).context("--timeout"));
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    HF_TRY(Waiter(*client, target, wish).wait(world.clock.monotonic() + timeout));
    world.out(target.to_string() + (wish.gone ? " is gone\n" : " condition met\n"));
    return {};
}

}  // namespace

Command wait_command() {
    std::vector<Option> options{
        {"--for", "condition=TYPE, condition=TYPE=False, or delete", "WISH", "", false, true},
        {"--timeout", "how long", "DURATION", "60s"}};
    for (Option& option : api_options()) options.push_back(std::move(option));
    return {"wait",
            "Waits until a resource is as wished; an error when it is not in time",
            {{"KIND", "the kind, or KIND/NAME"}, {"NAME", "which", false}},
            std::move(options),
            {"holdfast wait service/pump --for=condition=Ready --timeout 60s"},
            run};
}

}  // namespace hf::cli
