// ONNX by the structure of its protobuf: a walk over the table of messages, then the rules that tie
// fields together: how many bytes a tensor must have, where external data may lie, which operator
// domains there are.

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "trust/oms.h"
#include "trust/scan/findings.h"
#include "trust/scan/onnx_schema.h"
#include "trust/scan/protobuf.h"

namespace hf::trust::scan {
namespace {

constexpr std::uint64_t kMaxProtobufBytes = std::uint64_t{1} << 31;  // protobuf's own limit
constexpr std::size_t kMaxRank = 64;
constexpr std::size_t kMaxShownBytes = 80;  // of a name in a message

std::string shown(std::string_view name) {
    std::string text(name.substr(0, kMaxShownBytes));
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return is_utf8(text) ? text : "(not UTF-8)";
}

// Where the walk is, as a chain up to the model: written out only for a finding.
struct Place {
    const Place* up = nullptr;
    Message message = Message::kModel;
    ByteView bytes;

    std::string to_string() const {
        if (!up) return {};
        const std::string outer = up->to_string();
        std::string own(message_name(message));
        const std::string_view name = own_name();
        if (!name.empty()) own += " '" + shown(name) + "'";
        return outer.empty() ? own : outer + ", " + own;
    }

    std::string_view own_name() const {
        std::uint64_t number = 0;
        for (const FieldRule& rule : rules_of(message)) {
            if (rule.name == "name" || rule.name == "key") number = rule.number;
        }
        FieldReader reader(bytes);
        while (const std::optional<Field> field = reader.next()) {
            if (field->number == number && field->wire == Wire::kBytes)
                return as_text(field->bytes);
        }
        return {};
    }
};

// What a TensorProto says of itself.
struct TensorFields {
    std::vector<std::int64_t> dims;
    std::int64_t data_type = 0;
    std::string_view name;
    std::optional<ByteView> raw;
    std::uint64_t typed_bytes = 0;
    std::uint64_t typed_values = 0;
    bool external = false;
    std::vector<std::pair<std::string_view, std::string_view>> external_data;
};

// Bytes of an element; 0 for strings, 4-bit types and what is unknown.
std::uint64_t element_width(std::int64_t type) {
    switch (type) {
        case 2:              // UINT8
        case 3:              // INT8
        case 9: return 1;    // BOOL
        case 4:              // UINT16
        case 5:              // INT16
        case 10:             // FLOAT16
        case 16: return 2;   // BFLOAT16
        case 1:              // FLOAT
        case 6:              // INT32
        case 12: return 4;   // UINT32
        case 7:              // INT64
        case 11:             // DOUBLE
        case 13:             // UINT64
        case 14: return 8;   // COMPLEX64
        case 15: return 16;  // COMPLEX128
        case 17:             // FLOAT8E4M3FN
        case 18:             // FLOAT8E4M3FNUZ
        case 19:             // FLOAT8E5M2
        case 20: return 1;   // FLOAT8E5M2FNUZ
        default: return 0;
    }
}

void read_dims(const Field& field, std::vector<std::int64_t>& dims) {
    if (field.wire == Wire::kVarint) {
        if (dims.size() <= kMaxRank) dims.push_back(static_cast<std::int64_t>(field.value));
        return;
    }
    std::int64_t value = 0;
    int shift = 0;
    for (const std::uint8_t byte : field.bytes) {
        if (shift < 63) value |= std::int64_t{byte & 0x7f} << shift;
        if (shift == 63 && (byte & 1)) value |= std::numeric_limits<std::int64_t>::min();
        shift += 7;
        if (byte >= 0x80) continue;
        if (dims.size() <= kMaxRank) dims.push_back(value);
        value = 0;
        shift = 0;
    }
}

std::pair<std::string_view, std::string_view> read_entry(ByteView bytes) {
    std::pair<std::string_view, std::string_view> entry;
    FieldReader reader(bytes);
    while (const std::optional<Field> field = reader.next()) {
        if (field->wire != Wire::kBytes) continue;
        if (field->number == 1) entry.first = as_text(field->bytes);
        if (field->number == 2) entry.second = as_text(field->bytes);
    }
    return entry;
}

void read_values(const Field& field, TensorFields& tensor) {
    tensor.typed_bytes += field.wire == Wire::kBytes ? field.bytes.size() : 8;
    const bool varints = field.number == 5 || field.number == 7 || field.number == 11;
    if (field.wire != Wire::kBytes || field.number == 6) {
        ++tensor.typed_values;
    } else if (varints) {
        tensor.typed_values +=
            static_cast<std::uint64_t>(std::max<std::int64_t>(count_varints(field.bytes), 0));
    } else {
        tensor.typed_values += field.bytes.size() / (field.number == 10 ? 8 : 4);
    }
}

TensorFields read_tensor(ByteView bytes) {
    TensorFields tensor;
    FieldReader reader(bytes);
    while (const std::optional<Field> field = reader.next()) {
        switch (field->number) {
            case 1: read_dims(*field, tensor.dims); break;
            case 2: tensor.data_type = static_cast<std::int64_t>(field->value); break;
            case 4:
            case 5:
            case 6:
            case 7:
            case 10:
            case 11: read_values(*field, tensor); break;
            case 8: tensor.name = as_text(field->bytes); break;
            case 9: tensor.raw = field->bytes; break;
            case 13: tensor.external_data.push_back(read_entry(field->bytes)); break;
            case 14: tensor.external = field->value == 1; break;
            default: break;
        }
    }
    return tensor;
}

// Values that one element takes in the typed fields: complex numbers two, 4-bit types a half.
bool enough_values(const TensorFields& tensor, std::uint64_t elements) {
    const bool complex = tensor.data_type == 14 || tensor.data_type == 15;
    const bool packed = tensor.data_type >= 21;  // 4-bit types, two to a value
    if (complex) return tensor.typed_values / 2 >= elements;
    if (packed) return tensor.typed_values >= elements - elements / 2;
    return tensor.typed_values >= elements;
}

struct OperatorUse {
    std::string domain;
    std::string name;
    std::string place;
};

class OnnxScan final {
public:
    OnnxScan(Findings& findings, std::vector<ExternalRange>& external)
        : findings_(findings), external_(external) {}

    void run(ByteView bytes) {
        walk({nullptr, Message::kModel, bytes}, 0);
        check_domains();
        check_loops();
    }

private:
    void walk(const Place& place, int depth) {
        if (findings_.full()) return;
        if (depth > findings_.limits().depth_max) {
            return findings_.refuse("nesting", "", "messages are nested deeper than the limit");
        }
        if (++messages_ > findings_.limits().parts_max) {
            if (messages_ == findings_.limits().parts_max + 1) {
                findings_.refuse("too-many-parts", "", "more messages than the limit");
            }
            return;
        }
        FieldReader reader(place.bytes);
        std::uint64_t seen = 0;
        while (const std::optional<Field> field = reader.next()) {
            check_field(place, *field, seen, depth);
            if (findings_.full()) return;
        }
        if (reader.malformed()) {
            return findings_.refuse(
                "onnx-malformed", place.to_string(),
                fmt::format("no protobuf at byte {} of {}: truncated or damaged", reader.offset(),
                            place.bytes.size()));
        }
        if (place.message == Message::kTensor) check_tensor(place);
        if (place.message == Message::kNode) check_node(place);
        if (place.message == Message::kFunction) note_function(place);
    }

    void check_field(const Place& place, const Field& field, std::uint64_t& seen, int depth) {
        const std::span<const FieldRule> rules = rules_of(place.message);
        const auto rule = std::find_if(rules.begin(), rules.end(), [&](const FieldRule& candidate) {
            return candidate.number == field.number;
        });
        if (rule == rules.end()) {
            return findings_.refuse("onnx-unknown-field", place.to_string(),
                                    fmt::format("field {} is not part of ONNX", field.number));
        }
        if (!has_right_wire(*rule, field)) {
            return findings_.refuse("onnx-malformed", place.to_string(),
                                    fmt::format("'{}' has the wrong wire type", rule->name));
        }
        const std::uint64_t bit = std::uint64_t{1} << field.number;  // numbers are below 64
        if (!rule->repeated && (seen & bit)) {
            findings_.refuse("onnx-duplicate-field", place.to_string(),
                             fmt::format("'{}' is given twice: readers differ in which one they "
                                         "take",
                                         rule->name));
        }
        seen |= bit;
        if (rule->kind == FieldKind::kText &&
            field.bytes.size() > findings_.limits().name_bytes_max) {
            findings_.refuse("name-length", place.to_string(),
                             fmt::format("'{}' has {} bytes", rule->name, field.bytes.size()));
        }
        if (rule->kind == FieldKind::kMessage) {
            walk({&place, rule->child, field.bytes}, depth + 1);
        }
    }

    static bool has_right_wire(const FieldRule& rule, const Field& field) {
        const bool packed = rule.repeated && field.wire == Wire::kBytes;
        switch (rule.kind) {
            case FieldKind::kVarint:
                if (packed) return count_varints(field.bytes) >= 0;
                return field.wire == Wire::kVarint;
            case FieldKind::kFixed32:
                return packed ? field.bytes.size() % 4 == 0 : field.wire == Wire::kFixed32;
            case FieldKind::kFixed64:
                return packed ? field.bytes.size() % 8 == 0 : field.wire == Wire::kFixed64;
            default: return field.wire == Wire::kBytes;
        }
    }

    void check_tensor(const Place& place) {
        const TensorFields tensor = read_tensor(place.bytes);
        if (tensor.dims.size() > kMaxRank) {
            return findings_.refuse("tensor-size", place.to_string(), "too many dimensions");
        }
        const std::optional<std::uint64_t> elements = byte_count(tensor.dims, 1);
        const std::uint64_t width = element_width(tensor.data_type);
        const std::optional<std::uint64_t> bytes =
            byte_count(tensor.dims, std::max(width, std::uint64_t{1}));
        if (!elements || !bytes) {
            return findings_.refuse("tensor-size", place.to_string(),
                                    "its dimensions are negative or overflow");
        }
        if (tensor.external || !tensor.external_data.empty()) {
            return check_external(place, tensor, width == 0 ? 0 : *bytes);
        }
        if (tensor.raw) {
            const bool wrong = width > 0 && tensor.raw->size() != *bytes;
            if (!wrong && (width > 0 || tensor.raw->size() >= *elements / 2)) {
                return note_scalar(tensor);
            }
            return findings_.refuse("tensor-size", place.to_string(),
                                    fmt::format("its dimensions need {} bytes, {} are there",
                                                *bytes, tensor.raw->size()));
        }
        if (!enough_values(tensor, *elements)) {
            findings_.refuse("tensor-size", place.to_string(),
                             fmt::format("its dimensions need {} values, {} are there", *elements,
                                         tensor.typed_values));
        }
    }

    void check_external(const Place& place, const TensorFields& tensor, std::uint64_t bytes) {
        if (!tensor.external || tensor.raw || tensor.typed_values > 0) {
            findings_.refuse("external-data", place.to_string(),
                             "it has data both inside and outside the model");
        }
        ExternalRange range;
        range.tensor = shown(tensor.name);
        std::optional<std::uint64_t> length;
        std::set<std::string_view> keys;
        for (const auto& [key, value] : tensor.external_data) {
            if (!keys.insert(key).second) {
                findings_.refuse("external-data", place.to_string(),
                                 "'" + shown(key) + "' is given twice");
            }
            if (key == "location") {
                range.path = value;
            } else if (key == "offset" || key == "length") {
                const Result<std::int64_t> number = parse_int(value);
                if (!number.ok() || *number < 0) {
                    findings_.refuse("external-data", place.to_string(),
                                     fmt::format("'{}' is '{}'", key, shown(value)));
                    return;
                }
                if (key == "offset") range.offset = static_cast<std::uint64_t>(*number);
                if (key == "length") length = static_cast<std::uint64_t>(*number);
            } else if (key != "checksum") {
                findings_.refuse("external-data", place.to_string(),
                                 "'" + shown(key) + "' is no attribute that ONNX knows");
            }
        }
        if (bytes > 0 && length && *length != bytes) {
            findings_.refuse(
                "tensor-size", place.to_string(),
                fmt::format("its dimensions need {} bytes, 'length' is {}", bytes, *length));
        }
        range.length = length.value_or(bytes);
        check_location(place, range);
    }

    void check_location(const Place& place, const ExternalRange& range) {
        if (range.path.find("_ORT_MEM_ADDR_") != std::string::npos) {
            return findings_.refuse("external-data-address", place.to_string(),
                                    "it names an address in memory instead of a file");
        }
        if (!is_resource_path(range.path) || range.path.find('\\') != std::string::npos ||
            range.path.find('\0') != std::string::npos) {
            return findings_.refuse(
                "external-data-path", place.to_string(),
                "'" + shown(range.path) + "' is not a path below the model's folder");
        }
        external_.push_back(range);
    }

    // Remembers the value of a one-element int64 tensor: it may be how often a Loop runs.
    void note_scalar(const TensorFields& tensor) {
        if (tensor.data_type != 7 || tensor.raw->size() != 8 || scalars_.size() > 100'000) return;
        last_scalar_ = load_le<std::int64_t>(tensor.raw->data());
        scalars_[std::string(tensor.name)] = *last_scalar_;
    }

    void check_node(const Place& place) {
        std::string_view domain;
        std::string_view op;
        std::string_view first_input;
        std::string_view first_output;
        FieldReader reader(place.bytes);
        while (const std::optional<Field> field = reader.next()) {
            if (field->number == 1 && first_input.empty()) first_input = as_text(field->bytes);
            if (field->number == 2 && first_output.empty()) first_output = as_text(field->bytes);
            if (field->number == 4) op = as_text(field->bytes);
            if (field->number == 7) domain = as_text(field->bytes);
        }
        const bool standard = domain.empty() || domain == "ai.onnx" || domain == "ai.onnx.ml" ||
                              domain == "ai.onnx.preview.training";
        if (!standard && uses_.size() < kMaxFindings) {
            uses_.push_back({std::string(domain), std::string(op), place.to_string()});
        }
        // The attribute of a Constant was walked just before.
        if (op == "Constant" && last_scalar_) scalars_[std::string(first_output)] = *last_scalar_;
        last_scalar_.reset();
        if (op == "Loop" && loops_.size() < kMaxFindings) {
            loops_.emplace_back(std::string(first_input), place.to_string());
        }
    }

    void note_function(const Place& place) {
        std::string_view domain;
        std::string_view name;
        FieldReader reader(place.bytes);
        while (const std::optional<Field> field = reader.next()) {
            if (field->number == 1) name = as_text(field->bytes);
            if (field->number == 10) domain = as_text(field->bytes);
        }
        functions_.insert({std::string(domain), std::string(name)});
    }

    void check_domains() {
        for (const OperatorUse& use : uses_) {
            if (functions_.contains({use.domain, use.name})) continue;
            findings_.refuse(
                "custom-operator", use.place,
                fmt::format("operator '{}' of domain '{}' is not part of ONNX; what it "
                            "does cannot be known",
                            shown(use.name), shown(use.domain)));
        }
    }

    void check_loops() {
        for (const auto& [input, place] : loops_) {
            const auto trips = scalars_.find(input);
            if (trips == scalars_.end() || trips->second <= findings_.limits().loop_trips_max) {
                continue;
            }
            findings_.report("loop-trips", place,
                             fmt::format("it may run {} times; only its condition ends it earlier",
                                         trips->second));
        }
    }

    Findings& findings_;
    std::vector<ExternalRange>& external_;
    std::size_t messages_ = 0;
    std::vector<OperatorUse> uses_;
    std::set<std::pair<std::string, std::string>> functions_;
    std::vector<std::pair<std::string, std::string>> loops_;  // first input, place
    std::map<std::string, std::int64_t> scalars_;
    std::optional<std::int64_t> last_scalar_;
};

}  // namespace

bool looks_like_onnx(ByteView bytes) {
    // As every serialiser writes it: field 1, the version, comes first.
    const bool begins = bytes.size() > 4 && bytes[0] == 0x08 && bytes[1] >= 1 && bytes[1] < 0x20;
    bool graph = false;
    bool version = false;
    FieldReader reader(bytes);
    while (const std::optional<Field> field = reader.next()) {
        graph = graph || (field->number == 7 && field->wire == Wire::kBytes);
        version = version || (field->number == 1 && field->wire == Wire::kVarint);
    }
    if (reader.malformed()) return begins;
    return graph && version;
}

void scan_onnx(ByteView bytes, Findings& findings, std::vector<ExternalRange>& external) {
    if (bytes.size() > kMaxProtobufBytes) {
        return findings.refuse("too-large", "",
                               "a protobuf holds at most 2 GiB; keep the weights "
                               "in external data");
    }
    OnnxScan(findings, external).run(bytes);
}

}  // namespace hf::trust::scan
