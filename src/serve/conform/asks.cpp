#include "serve/conform/asks.h"

#include <algorithm>

#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve::conform {
namespace {

constexpr const char* kLengthHeader = "Inference-Header-Content-Length";
constexpr const char* kBinaryExtension = "binary_tensor_data";

json::Array extents_of(const Shape& shape) {
    json::Array extents;
    for (const std::int64_t extent : shape) extents.emplace_back(extent);
    return extents;
}

// REQUIRES: the type is one of the protocol.
json::Array data_of(const Tensor& tensor) {
    const Result<json::Array> data = tensor_to_json(tensor);
    return data.ok() ? *data : json::Array();
}

json::Object input_of(const ModelPort& port) {
    return {{"name", port.name},
            {"datatype", std::string(oip_name(port.dtype))},
            {"shape", extents_of(port.extents)}};
}

Result<std::string> place_value(const Subject& subject, std::string_view place) {
    if (place == "base") return subject.base;
    if (place == "model") return http::percent_encode(subject.model);
    if (place == "version") {
        if (subject.versions.empty()) {
            return failed_precondition("the model announces no versions");
        }
        return http::percent_encode(subject.versions.front());
    }
    if (place == "host") {
        std::string lines = fmt::format("Host: {}\r\n", subject.authority);
        for (const auto& [name, value] : subject.headers.all()) {
            lines += fmt::format("{}: {}\r\n", name, value);
        }
        return lines;
    }
    const bool of_body = place == "body" || place == "length" || place == "hexlength";
    if (!of_body) return fmt::format("{{{}}}", place);
    if (!subject.trouble.empty()) return failed_precondition("{}", subject.trouble);
    const std::string body = json::write(json_draft(subject).object);
    if (place == "body") return body;
    return place == "length" ? fmt::format("{}", body.size()) : fmt::format("{:x}", body.size());
}

Turns one_turn(std::string bytes) {
    http::WireTurn turn;
    turn.bytes = std::move(bytes);
    return {std::move(turn)};
}

Ask infer_from(Draft (*start)(const Subject&), Edit edit) {
    return [start, edit = std::move(edit)](const Subject& subject) -> Result<Turns> {
        if (!subject.trouble.empty()) return failed_precondition("{}", subject.trouble);
        Draft draft = start(subject);
        if (edit) HF_TRY(edit(subject, draft));
        return one_turn(HF_TRY(write_request(subject, draft)));
    };
}

// The first input of the draft. REQUIRES: the draft has its inputs yet.
json::Object& first_input(Draft& draft) {
    return draft.object["inputs"].as_array()[0].as_object();
}

}  // namespace

std::vector<Sent> examples(const Subject& subject, bool binary) {
    std::vector<Sent> inputs;
    for (const ModelPort& port : subject.inputs) inputs.push_back({example(port), binary});
    return inputs;
}

Draft draft_of(const Subject& subject, const std::vector<Sent>& inputs) {
    Draft draft;
    json::Array list;
    bool any_binary = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        json::Object input = input_of(subject.inputs[i]);
        if (inputs[i].binary) {
            const Bytes bytes = tensor_to_binary(inputs[i].tensor);
            input["parameters"] = json::Object{{"binary_data_size", bytes.size()}};
            draft.binary.insert(draft.binary.end(), bytes.begin(), bytes.end());
            any_binary = true;
        } else {
            input["data"] = data_of(inputs[i].tensor);
        }
        list.push_back(std::move(input));
    }
    draft.object["inputs"] = std::move(list);
    draft.headers.set("Content-Type", any_binary ? "application/octet-stream" : "application/json");
    if (any_binary) {
        draft.json_length = [](std::size_t json, std::size_t) { return fmt::format("{}", json); };
    }
    return draft;
}

json::Array list_of(json::Value value) {
    json::Array list;
    list.push_back(std::move(value));
    return list;
}

Result<std::string> fill_places(const Subject& subject, std::string_view text) {
    std::string filled;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t open = std::min(text.find('{', at), text.size());
        filled += text.substr(at, open - at);
        if (open == text.size()) break;
        const std::size_t close = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz", open + 1);
        if (close == std::string_view::npos || text[close] != '}') {
            filled += '{';
            at = open + 1;
            continue;
        }
        filled += HF_TRY(place_value(subject, text.substr(open + 1, close - open - 1)));
        at = close + 1;
    }
    return filled;
}

Result<std::string> write_request(const Subject& subject, const Draft& draft) {
    std::string body = json::write(draft.object);
    if (draft.rewrite) body = draft.rewrite(std::move(body));
    const std::size_t json_bytes = body.size();
    body += as_text(draft.binary);
    std::string head = HF_TRY(
        fill_places(subject, fmt::format("POST {{base}}{} HTTP/1.1\r\n{{host}}", draft.path)));
    for (const auto& [name, value] : draft.headers.all()) {
        head += fmt::format("{}: {}\r\n", name, value);
    }
    if (draft.json_length) {
        head +=
            fmt::format("{}: {}\r\n", kLengthHeader, draft.json_length(json_bytes, body.size()));
    }
    return head + fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
}

Ask raw(std::string text) {
    return raw_each({std::move(text)});
}

Ask raw_each(std::vector<std::string> texts) {
    return [texts = std::move(texts)](const Subject& subject) -> Result<Turns> {
        Turns turns;
        for (const std::string& text : texts) {
            http::WireTurn turn;
            turn.bytes = HF_TRY(fill_places(subject, text));
            turns.push_back(std::move(turn));
        }
        return turns;
    };
}

Ask get(std::string path) {
    return raw(fmt::format("GET {{base}}{} HTTP/1.1\r\n{{host}}\r\n", path));
}

Ask request(std::string method, std::string path, std::string body) {
    const std::string about = body.empty() ? "" : fmt::format("Content-Type: application/json\r\n");
    Ask ask = raw(fmt::format("{} {{base}}{} HTTP/1.1\r\n{{host}}{}Content-Length: {}\r\n\r\n{}",
                              method, path, about, body.size(), body));
    if (method != "HEAD") return ask;
    return with_turn(std::move(ask), [](http::WireTurn& turn) { turn.for_head = true; });
}

Ask infer(Edit edit) {
    return infer_from(json_draft, std::move(edit));
}

Ask infer_binary(Edit edit) {
    Edit checked = [edit = std::move(edit)](const Subject& subject, Draft& draft) -> Status {
        if (draft.binary.empty()) return failed_precondition("the inputs have no elements");
        return edit ? edit(subject, draft) : Status();
    };
    return when_announced(kBinaryExtension, infer_from(binary_draft, std::move(checked)));
}

Ask infer_in_sequence(json::Object parameters) {
    return [parameters = std::move(parameters)](const Subject& subject) -> Result<Turns> {
        if (!subject.trouble.empty() && !subject.keeps_state) {
            return failed_precondition("{}", subject.trouble);
        }
        Draft draft = json_draft(subject);
        draft.object["parameters"] = parameters;
        return one_turn(HF_TRY(write_request(subject, draft)));
    };
}

Ask infer_text(std::string body) {
    return infer_rewritten([body = std::move(body)](const std::string&) { return body; });
}

Ask infer_rewritten(std::function<std::string(std::string json)> rewrite) {
    return infer([rewrite = std::move(rewrite)](const Subject&, Draft& draft) -> Status {
        draft.rewrite = rewrite;
        return {};
    });
}

Ask in_turn(std::vector<Ask> asks) {
    return [asks = std::move(asks)](const Subject& subject) -> Result<Turns> {
        Turns turns;
        for (const Ask& each : asks) {
            for (http::WireTurn& turn : HF_TRY(each(subject))) {
                turn.fresh = true;
                turns.push_back(std::move(turn));
            }
        }
        return turns;
    };
}

Ask after_plain_twice(Ask ask) {
    return in_turn({infer(), infer(), std::move(ask)});
}

Ask then_live(Ask ask) {
    return [ask = std::move(ask)](const Subject& subject) -> Result<Turns> {
        Turns turns = HF_TRY(ask(subject));
        for (http::WireTurn& turn : HF_TRY(get("/v2/health/live")(subject))) {
            turn.fresh = true;
            turns.push_back(std::move(turn));
        }
        return turns;
    };
}

Ask with_turn(Ask ask, std::function<void(http::WireTurn& turn)> change) {
    return [ask = std::move(ask),
            change = std::move(change)](const Subject& subject) -> Result<Turns> {
        Turns turns = HF_TRY(ask(subject));
        change(turns.back());
        return turns;
    };
}

Ask when_announced(std::string extension, Ask ask) {
    return [extension = std::move(extension),
            ask = std::move(ask)](const Subject& subject) -> Result<Turns> {
        if (!subject.announces(extension)) {
            return failed_precondition("the server does not announce {}", extension);
        }
        return ask(subject);
    };
}

Edit all(std::vector<Edit> edits) {
    return [edits = std::move(edits)](const Subject& subject, Draft& draft) -> Status {
        for (const Edit& edit : edits) HF_TRY(edit(subject, draft));
        return {};
    };
}

Edit set(std::string key, json::Value value) {
    return
        [key = std::move(key), value = std::move(value)](const Subject&, Draft& draft) -> Status {
            draft.object[key] = value;
            return {};
        };
}

Edit leave_out(std::string key) {
    return [key = std::move(key)](const Subject&, Draft& draft) -> Status {
        draft.object.erase(key);
        return {};
    };
}

Edit set_input(std::string key, json::Value value) {
    return
        [key = std::move(key), value = std::move(value)](const Subject&, Draft& draft) -> Status {
            first_input(draft)[key] = value;
            return {};
        };
}

Edit leave_out_of_input(std::string key) {
    return [key = std::move(key)](const Subject&, Draft& draft) -> Status {
        first_input(draft).erase(key);
        return {};
    };
}

Edit rename_input(std::string name) {
    return set_input("name", json::Value(std::move(name)));
}

Edit set_outputs(bool backwards, std::optional<json::Object> parameters) {
    return [backwards, parameters = std::move(parameters)](const Subject& subject,
                                                           Draft& draft) -> Status {
        json::Array outputs;
        for (const ModelPort& port : subject.outputs) {
            json::Object output{{"name", port.name}};
            if (parameters) output["parameters"] = *parameters;
            outputs.push_back(std::move(output));
        }
        if (backwards) std::reverse(outputs.begin(), outputs.end());
        draft.object["outputs"] = std::move(outputs);
        return {};
    };
}

Edit set_header(std::string name, std::string value) {
    return
        [name = std::move(name), value = std::move(value)](const Subject&, Draft& draft) -> Status {
            draft.headers.set(name, value);
            return {};
        };
}

Edit change_data(std::function<json::Value(const json::Array& flat)> change) {
    return [change = std::move(change)](const Subject& subject, Draft& draft) -> Status {
        const json::Array flat = data_of(example(subject.inputs.front()));
        if (flat.empty()) return failed_precondition("the first input has no elements");
        first_input(draft)["data"] = change(flat);
        return {};
    };
}

Edit change_shape(std::function<json::Array(const Shape& extents)> change) {
    return [change = std::move(change)](const Subject& subject, Draft& draft) -> Status {
        first_input(draft)["shape"] = change(subject.inputs.front().extents);
        return {};
    };
}

json::Value nested(const json::Array& flat, const Shape& shape) {
    json::Array level = flat;
    for (std::size_t axis = shape.rank(); axis-- > 1;) {
        const auto extent = static_cast<std::size_t>(shape[axis]);
        json::Array above;
        for (std::size_t at = 0; extent > 0 && at + extent <= level.size(); at += extent) {
            const auto from = level.begin() + static_cast<std::ptrdiff_t>(at);
            above.emplace_back(json::Array(from, from + static_cast<std::ptrdiff_t>(extent)));
        }
        level = std::move(above);
    }
    return level;
}

Edit nest_data() {
    return [](const Subject& subject, Draft& draft) -> Status {
        json::Array& inputs = draft.object["inputs"].as_array();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const ModelPort& port = subject.inputs[i];
            inputs[i].as_object()["data"] = nested(data_of(example(port)), port.extents);
        }
        return {};
    };
}

}  // namespace hf::serve::conform
