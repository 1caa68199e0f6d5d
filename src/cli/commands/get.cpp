#include "api/yaml.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "cli/table_text.h"
#include "http/url.h"

namespace hf::cli {
namespace {

enum class Form : unsigned char { kTable, kWide, kJson, kYaml, kName };

Result<Form> parse_form(const std::string& text) {
    if (text.empty()) return Form::kTable;
    if (text == "wide") return Form::kWide;
    if (text == "json") return Form::kJson;
    if (text == "yaml") return Form::kYaml;
    if (text == "name") return Form::kName;
    return invalid_argument("-o {}: want json, yaml, wide or name", text);
}

bool is_table(Form form) {
    return form == Form::kTable || form == Form::kWide;
}

class Printer {
public:
    Printer(World& world, Form form, const Target& target, bool namespaces)
        : world_(world), form_(form), target_(target), table_({form == Form::kWide, namespaces}) {}

    // A table, an object or a list of objects.
    void print(const json::Value& value) {
        switch (form_) {
            case Form::kTable:
            case Form::kWide: world_.out(table_.add(value)); return;
            case Form::kJson: world_.out(json::write_pretty(value)); return;
            case Form::kYaml: world_.out((begun_ ? "---\n" : "") + api::write_yaml(value)); break;
            case Form::kName: print_names(value); break;
        }
        begun_ = true;
    }

private:
    void print_names(const json::Value& value) {
        const json::Array* items = json::find_array(value, "items");
        if (!items) print_name(value);
        for (const json::Value& item : items ? *items : json::Array()) print_name(item);
    }
    void print_name(const json::Value& value) {
        const json::Value* metadata = json::find(value, "metadata");
        world_.out(fmt::format("{}/{}\n", target_.kind->singular,
                               metadata ? json::get_string(*metadata, "name") : "?"));
    }

    World& world_;
    const Form form_;
    const Target target_;
    TableText table_;
    bool begun_ = false;
};

std::string query_of(const Target& target, const Arguments& arguments) {
    std::string query;
    const auto add = [&query](std::string_view key, const std::string& value) {
        query +=
            fmt::format("{}{}={}", query.empty() ? "?" : "&", key, http::percent_encode(value));
    };
    if (arguments.has("selector")) add("labelSelector", arguments.get("selector"));
    // What is watched is always a list, of one where a name is given.
    if (!target.name.empty()) add("fieldSelector", "metadata.name=" + target.name);
    return query;
}

std::string revision_of(const json::Value& list) {
    const json::Value* revision = json::find_path(list, {"metadata", "resourceVersion"});
    return revision && revision->is_string() ? std::string(json::as_view(revision->get_string()))
                                             : std::string();
}

bool is_empty(const json::Value& list) {
    const json::Array* rows = json::find_array(list, "rows");
    if (!rows) rows = json::find_array(list, "items");
    return rows && rows->empty();
}

Status run(World& world, const Arguments& arguments) {
    const Form form = HF_TRY(parse_form(arguments.get("output")));
    const Target target = HF_TRY(parse_target(arguments.get("KIND"), arguments.get("NAME")));
    if (!target.name.empty() && arguments.has("selector")) {
        return invalid_argument("give either a name or --selector");
    }
    const std::unique_ptr<ApiClient> client = HF_TRY(ApiClient::open(world, arguments));
    const bool watches = arguments.flag("watch");
    const bool everywhere = arguments.flag("all-namespaces") && target.kind->namespaced;
    if (everywhere && !target.name.empty()) {
        return invalid_argument("a name is looked for in one namespace; leave -A out");
    }
    const std::string ns = everywhere ? "" : client->default_namespace();
    Call call;
    if (is_table(form)) call.accept = kAcceptTable;
    call.path = watches ? ApiClient::path(*target.kind, ns, "") + query_of(target, arguments)
                        : ApiClient::path(*target.kind, ns, target.name);
    if (!watches && target.name.empty()) call.path += query_of(target, arguments);
    Printer printer(world, form, target, everywhere);
    const json::Value found = HF_TRY(client->call(call));
    if (is_empty(found) && is_table(form) && !watches) {
        world.note(everywhere || !target.kind->namespaced
                       ? fmt::format("no {}\n", target.kind->plural)
                       : fmt::format("no {} in namespace {}\n", target.kind->plural, ns));
    } else if (!watches || is_table(form)) {
        printer.print(found);
    }
    if (!watches) return {};
    if (!is_table(form)) {
        const json::Array* items = json::find_array(found, "items");
        for (const json::Value& item : items ? *items : json::Array()) printer.print(item);
    }
    const Status ended =
        client->watch(call, revision_of(found), [&](std::string_view, const json::Value& object) {
            printer.print(object);
            return Status();
        });
    return ended.code() == Code::kCancelled ? Status() : ended;
}

}  // namespace

Command get_command() {
    std::vector<Option> options{
        {"-o,--output", "json, yaml, wide or name; a table unless given", "FORM"},
        {"-l,--selector", "only with these labels: app=pump,tier!=test", "SELECTOR"},
        {"-w,--watch", "then shows every change, until interrupted", ""},
        {"-A,--all-namespaces", "of all namespaces", ""}};
    for (Option& option : api_options()) options.push_back(std::move(option));
    return {"get",
            "Shows resources: all of a kind, or one",
            {{"KIND", "services, svc, nodes, ...; or KIND/NAME"}, {"NAME", "only this one", false}},
            std::move(options),
            {"holdfast get services", "holdfast get service pump -o yaml",
             "holdfast get modelversions -l model=pump -w"},
            run};
}

}  // namespace hf::cli
