#include "serve/guard/guard.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/text.h"
#include "serve/tasks/fields.h"

namespace hf::serve::guard {
namespace {

using tasks::Fields;

constexpr std::array<std::string_view, 3> kModes{"observe", "flag", "refuse"};

Result<double> needed(const Fields& fields, std::string_view key) {
    if (!fields.has(key))
        return invalid_argument("{}: is missing; want a number", fields.place(key));
    return fields.number(key, 0);
}

Result<std::string> needed_text(const Fields& fields, std::string_view key) {
    std::string text = HF_TRY(fields.text(key, ""));
    if (text.empty()) return invalid_argument("{}: is missing; want a name", fields.place(key));
    return text;
}

Result<std::size_t> needed_count(const Fields& fields, std::string_view key, std::size_t most) {
    if (!fields.has(key)) {
        return invalid_argument("{}: is missing; want an integer 1 to {}", fields.place(key), most);
    }
    const auto limit = static_cast<std::int64_t>(most);
    return static_cast<std::size_t>(HF_TRY(fields.integer(key, 1, {1, limit})));
}

// One number, or one for each place.
Result<std::vector<double>> read_bounds(const Fields& fields, std::string_view key) {
    const json::Value* const value = fields.object().if_contains(key);
    if (!value) return std::vector<double>();
    if (!value->is_array()) {
        const double bound = HF_TRY(fields.number(key, 0));
        return std::vector<double>{bound};
    }
    std::vector<double> bounds = HF_TRY(fields.numbers(key));
    if (bounds.size() < 2 || bounds.size() > kMaxBounds) {
        return invalid_argument("{}: has {} numbers; want one number, or 2 to {} in an array",
                                fields.place(key), bounds.size(), kMaxBounds);
    }
    return bounds;
}

Result<InputRule> read_input(const Fields& fields) {
    HF_TRY(fields.only({"name", "finite", "least", "most"}));
    InputRule rule;
    rule.name = HF_TRY(needed_text(fields, "name"));
    rule.finite = HF_TRY(fields.truth("finite", true));
    rule.least = HF_TRY(read_bounds(fields, "least"));
    rule.most = HF_TRY(read_bounds(fields, "most"));
    if (rule.least.empty() || rule.most.empty()) return rule;
    if (rule.least.size() != rule.most.size()) {
        return invalid_argument("{}: has {} numbers, and least has {}", fields.place("most"),
                                rule.most.size(), rule.least.size());
    }
    for (std::size_t i = 0; i < rule.least.size(); ++i) {
        if (rule.least[i] <= rule.most[i]) continue;
        return invalid_argument("{}: {} is above most, {}", fields.place("least"), rule.least[i],
                                rule.most[i]);
    }
    return rule;
}

Result<Energy> read_energy(const Fields& fields) {
    HF_TRY(fields.only({"output", "temperature", "threshold"}));
    Energy energy;
    energy.output = HF_TRY(needed_text(fields, "output"));
    energy.temperature = HF_TRY(fields.number("temperature", 1));
    if (!(energy.temperature >= 1e-3 && energy.temperature <= 1e3)) {
        return invalid_argument("{}: want 0.001 to 1000", fields.place("temperature"));
    }
    energy.threshold = HF_TRY(needed(fields, "threshold"));
    return energy;
}

Result<std::vector<float>> read_block(const Fields& fields, std::string_view key,
                                      std::size_t count) {
    const std::string text = HF_TRY(fields.text(key, ""));
    const Bytes bytes = HF_TRY(from_base64(text).context("{}", fields.place(key)));
    if (bytes.size() != count * sizeof(float)) {
        return invalid_argument("{}: has {} bytes; want {}, for {} numbers of 32 bits",
                                fields.place(key), bytes.size(), count * sizeof(float), count);
    }
    std::vector<float> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers[i] = load_le<float>(bytes.data() + i * sizeof(float));
        if (std::isfinite(numbers[i])) continue;
        return invalid_argument("{}: number {} is not finite", fields.place(key), i);
    }
    return numbers;
}

Result<Mahalanobis> read_mahalanobis(const Fields& fields) {
    HF_TRY(fields.only(
        {"layer", "reduce", "width", "classes", "mean", "whitening", "centres", "threshold"}));
    Mahalanobis part;
    part.layer = HF_TRY(needed_text(fields, "layer"));
    part.reduce = static_cast<Reduce>(HF_TRY(fields.choice("reduce", {"flatten", "mean"})));
    part.width = HF_TRY(needed_count(fields, "width", kMaxWidth));
    part.classes = HF_TRY(needed_count(fields, "classes", kMaxClasses));
    part.mean = HF_TRY(read_block(fields, "mean", part.width));
    part.whitening = HF_TRY(read_block(fields, "whitening", part.width * (part.width + 1) / 2));
    part.centres = HF_TRY(read_block(fields, "centres", part.width * part.classes));
    part.threshold = HF_TRY(needed(fields, "threshold"));
    return part;
}

Result<Squeezer> read_squeezer(const Fields& fields) {
    HF_TRY(fields.only({"kind", "bits", "least", "most", "size", "layout"}));
    if (!fields.has("kind")) {
        return invalid_argument("{}: is missing; want bit-depth or median", fields.place("kind"));
    }
    Squeezer squeezer;
    const std::size_t kind = HF_TRY(fields.choice("kind", {"bit-depth", "median"}));
    squeezer.kind = static_cast<Squeezer::Kind>(kind);
    if (squeezer.kind == Squeezer::Kind::kMedian) {
        squeezer.size = static_cast<int>(HF_TRY(fields.integer("size", 2, {2, 3})));
        squeezer.layout = static_cast<Layout>(HF_TRY(fields.choice("layout", {"NCHW", "NHWC"})));
        return squeezer;
    }
    squeezer.bits = static_cast<int>(HF_TRY(fields.integer("bits", 1, {1, 16})));
    squeezer.least = HF_TRY(fields.number("least", 0));
    squeezer.most = HF_TRY(fields.number("most", 1));
    if (squeezer.least < squeezer.most) return squeezer;
    return invalid_argument("{}: {} is not above least, {}", fields.place("most"), squeezer.most,
                            squeezer.least);
}

Result<Squeezing> read_squeezing(const Fields& fields) {
    HF_TRY(fields.only({"input", "output", "softmax", "squeezers", "threshold"}));
    Squeezing part;
    part.input = HF_TRY(needed_text(fields, "input"));
    part.output = HF_TRY(needed_text(fields, "output"));
    part.softmax = HF_TRY(fields.truth("softmax", true));
    part.threshold = HF_TRY(needed(fields, "threshold"));
    const std::vector<Fields> squeezers = HF_TRY(fields.children("squeezers"));
    if (squeezers.empty() || squeezers.size() > kMaxSqueezers) {
        return invalid_argument("{}: want 1 to {} of them, and there are {}",
                                fields.place("squeezers"), kMaxSqueezers, squeezers.size());
    }
    for (const Fields& each : squeezers) {
        part.squeezers.push_back(HF_TRY(read_squeezer(each)));
    }
    return part;
}

Status read_inputs(const Fields& fields, Guard& guard) {
    const std::vector<Fields> inputs = HF_TRY(fields.children("inputs"));
    if (inputs.size() > kMaxInputs) {
        return resource_exhausted("{}: more than {} of them", fields.place("inputs"), kMaxInputs);
    }
    for (const Fields& each : inputs) {
        InputRule rule = HF_TRY(read_input(each));
        for (const InputRule& other : guard.inputs) {
            if (other.name != rule.name) continue;
            return invalid_argument("{}: '{}' stands here twice", each.place("name"), rule.name);
        }
        guard.inputs.push_back(std::move(rule));
    }
    return {};
}

json::Value bounds_json(const std::vector<double>& bounds) {
    if (bounds.size() == 1) return json::Value(bounds[0]);
    return json::Value(json::Array(bounds.begin(), bounds.end()));
}

std::string block_text(const std::vector<float>& numbers) {
    Bytes bytes;
    bytes.reserve(numbers.size() * sizeof(float));
    for (const float number : numbers) append_le(bytes, number);
    return to_base64(bytes);
}

json::Object squeezer_json(const Squeezer& squeezer) {
    if (squeezer.kind == Squeezer::Kind::kMedian) {
        return {{"kind", "median"},
                {"size", squeezer.size},
                {"layout", squeezer.layout == Layout::kNchw ? "NCHW" : "NHWC"}};
    }
    return {{"kind", "bit-depth"},
            {"bits", squeezer.bits},
            {"least", squeezer.least},
            {"most", squeezer.most}};
}

json::Object squeezing_json(const Squeezing& part) {
    json::Array squeezers;
    for (const Squeezer& each : part.squeezers) squeezers.emplace_back(squeezer_json(each));
    return {{"input", part.input},
            {"output", part.output},
            {"softmax", part.softmax},
            {"squeezers", std::move(squeezers)},
            {"threshold", part.threshold}};
}

json::Object mahalanobis_json(const Mahalanobis& part) {
    return {{"layer", part.layer},
            {"reduce", part.reduce == Reduce::kFlatten ? "flatten" : "mean"},
            {"width", part.width},
            {"classes", part.classes},
            {"mean", block_text(part.mean)},
            {"whitening", block_text(part.whitening)},
            {"centres", block_text(part.centres)},
            {"threshold", part.threshold}};
}

// Where a port of that name stands. `place`: of the name in the guard.
Result<std::size_t> find(const std::vector<runtime::Port>& ports, const std::string& name,
                         std::string_view place) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].name == name) return i;
        names.push_back(ports[i].name);
    }
    return invalid_argument("{}: the model has no '{}'{}", place, name,
                            suggestion(name, names, "names"));
}

Result<std::size_t> find_f32(const std::vector<runtime::Port>& ports, const std::string& name,
                             std::string_view place) {
    const std::size_t index = HF_TRY(find(ports, name, place));
    if (ports[index].dtype == DType::kF32) return index;
    return invalid_argument("{}: '{}' is {}; want f32", place, name,
                            dtype_name(ports[index].dtype));
}

Status bind_input(InputRule& rule, const runtime::Signature& signature, const std::string& place) {
    rule.index = HF_TRY(find(signature.inputs, rule.name, place + "/name"));
    const runtime::Port& port = signature.inputs[rule.index];
    if (!is_float(port.dtype) && !is_integer(port.dtype)) {
        return invalid_argument("{}/name: '{}' is {}, which has no range", place, rule.name,
                                dtype_name(port.dtype));
    }
    const std::size_t places = std::max(rule.least.size(), rule.most.size());
    if (places < 2) return {};
    const std::size_t rank = port.shape.rank();
    const std::int64_t last = rank == 0 ? 1 : port.shape[rank - 1];
    if (last == static_cast<std::int64_t>(places)) return {};
    return invalid_argument("{}: bounds for {} places, and the last axis of '{}' is of shape {}",
                            place, places, rule.name, port.shape.to_string());
}

Status bind_squeezing(Squeezing& part, const runtime::Signature& signature) {
    part.input_index = HF_TRY(find_f32(signature.inputs, part.input, "/squeezing/input"));
    part.output_index = HF_TRY(find_f32(signature.outputs, part.output, "/squeezing/output"));
    const std::size_t rank = signature.inputs[part.input_index].shape.rank();
    for (std::size_t i = 0; i < part.squeezers.size(); ++i) {
        if (part.squeezers[i].kind != Squeezer::Kind::kMedian || rank == 4) continue;
        return invalid_argument(
            "/squeezing/squeezers/{}: a median is for images, and '{}' has {} "
            "axes; want 4",
            i, part.input, rank);
    }
    return {};
}

}  // namespace

std::string_view mode_name(Mode mode) {
    return kModes[static_cast<std::size_t>(mode)];
}

Result<Mode> parse_mode(std::string_view name) {
    const auto found = std::find(kModes.begin(), kModes.end(), name);
    if (found == kModes.end()) {
        return invalid_argument("'{}' is none of: observe, flag, refuse", name);
    }
    return static_cast<Mode>(found - kModes.begin());
}

Result<Guard> parse(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text, kMaxFileBytes));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    const std::string type = HF_TRY(fields.text("type", ""));
    if (type != kType) {
        return invalid_argument("/type: '{}' is not read here; want '{}'", type, kType);
    }
    HF_TRY(fields.only(
        {"type", "mode", "model", "inputs", "energy", "mahalanobis", "squeezing", "fitted"}));
    Guard guard;
    if (!fields.has("mode")) {
        return invalid_argument("/mode: is missing; want observe, flag or refuse");
    }
    guard.mode = static_cast<Mode>(HF_TRY(fields.choice("mode", {"observe", "flag", "refuse"})));
    guard.model = HF_TRY(fields.text("model", ""));
    if (!guard.model.empty()) HF_TRY(Digest::parse(guard.model).context("/model"));
    HF_TRY(read_inputs(fields, guard));
    const auto energy = HF_TRY(fields.child("energy"));
    if (energy) guard.energy = HF_TRY(read_energy(*energy));
    const auto mahalanobis = HF_TRY(fields.child("mahalanobis"));
    if (mahalanobis) guard.mahalanobis = HF_TRY(read_mahalanobis(*mahalanobis));
    const auto squeezing = HF_TRY(fields.child("squeezing"));
    if (squeezing) guard.squeezing = HF_TRY(read_squeezing(*squeezing));
    const auto fitted = HF_TRY(fields.child("fitted"));
    if (fitted) guard.fitted = fitted->object();
    return guard;
}

std::string write(const Guard& guard) {
    json::Object object{{"type", kType}, {"mode", mode_name(guard.mode)}};
    if (!guard.model.empty()) object["model"] = guard.model;
    json::Array inputs;
    for (const InputRule& rule : guard.inputs) {
        json::Object row{{"name", rule.name}, {"finite", rule.finite}};
        if (!rule.least.empty()) row["least"] = bounds_json(rule.least);
        if (!rule.most.empty()) row["most"] = bounds_json(rule.most);
        inputs.emplace_back(std::move(row));
    }
    object["inputs"] = std::move(inputs);
    if (guard.energy) {
        object["energy"] = json::Object{{"output", guard.energy->output},
                                        {"temperature", guard.energy->temperature},
                                        {"threshold", guard.energy->threshold}};
    }
    if (guard.mahalanobis) object["mahalanobis"] = mahalanobis_json(*guard.mahalanobis);
    if (guard.squeezing) object["squeezing"] = squeezing_json(*guard.squeezing);
    if (!guard.fitted.empty()) object["fitted"] = guard.fitted;
    return json::write_pretty(object);
}

Result<Guard> bind(Guard guard, const runtime::Signature& signature, std::size_t own_outputs) {
    for (std::size_t i = 0; i < guard.inputs.size(); ++i) {
        HF_TRY(bind_input(guard.inputs[i], signature, fmt::format("/inputs/{}", i)));
    }
    if (guard.energy) {
        guard.energy->index =
            HF_TRY(find_f32(signature.outputs, guard.energy->output, "/energy/output"));
    }
    if (guard.mahalanobis) {
        Mahalanobis& part = *guard.mahalanobis;
        part.index = HF_TRY(find_f32(signature.outputs, part.layer, "/mahalanobis/layer"));
        guard.hidden = part.index >= own_outputs;
    }
    if (guard.squeezing) HF_TRY(bind_squeezing(*guard.squeezing, signature));
    return guard;
}

}  // namespace hf::serve::guard
