#include "serve/conform/subject.h"

#include <algorithm>

namespace hf::serve::conform {
namespace {

std::vector<std::string> texts_of(const json::Value& value, std::string_view key) {
    std::vector<std::string> texts;
    const json::Array* array = json::find_array(value, key);
    for (const json::Value& text : array ? *array : json::Array()) {
        if (text.is_string()) texts.emplace_back(json::as_view(text.get_string()));
    }
    return texts;
}

Result<Shape> read_shape(const json::Value& entry) {
    const json::Array* array = json::find_array(entry, "shape");
    if (!array) return invalid_argument("shape is no array");
    std::vector<std::int64_t> extents;
    for (const json::Value& extent : *array) {
        if (!extent.is_int64() || extent.get_int64() < Shape::kUnknown) {
            return invalid_argument("shape has an extent that is neither a size nor -1");
        }
        extents.push_back(extent.get_int64());
    }
    if (extents.size() > Shape::kMaxRank) {
        return invalid_argument("shape has more than {} extents", Shape::kMaxRank);
    }
    return Shape(std::move(extents));
}

Result<std::vector<ModelPort>> read_ports(const json::Value& root, std::string_view key) {
    const json::Array* array = json::find_array(root, key);
    if (!array) return invalid_argument("{} is no array", key);
    std::vector<ModelPort> ports;
    for (const json::Value& entry : *array) {
        ModelPort port;
        port.name = json::get_string(entry, "name");
        if (port.name.empty()) return invalid_argument("{} has one without a name", key);
        port.dtype =
            HF_TRY(parse_oip_dtype(json::get_string(entry, "datatype")).context("{}", port.name));
        port.shape = HF_TRY(read_shape(entry).context("{}", port.name));
        port.extents = port.shape;
        ports.push_back(std::move(port));
    }
    return ports;
}

Status read_signature(const json::Value& root, Subject& subject) {
    subject.inputs = HF_TRY(read_ports(root, "inputs"));
    subject.outputs = HF_TRY(read_ports(root, "outputs"));
    if (subject.inputs.empty()) return invalid_argument("inputs is empty");
    if (!fill_open_extents(subject, kExtentsTried[0])) {
        subject.inputs.clear();
        return invalid_argument("the inputs have more than {} elements", kElementsMax);
    }
    return {};
}

template <typename T, typename Value>
void fill(Tensor& tensor, Value value) {
    std::int64_t i = 0;
    for (T& element : tensor.mutable_values<T>()) element = static_cast<T>(value(i++));
}

float quarters(std::int64_t i) {
    return static_cast<float>(i % 4) * 0.25F;
}

std::int64_t bits(std::int64_t i) {
    return (i + 1) % 2;
}

}  // namespace

bool Subject::announces(std::string_view extension) const {
    return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

const ModelPort* Subject::output(std::string_view name) const {
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [name](const ModelPort& port) { return port.name == name; });
    return found == outputs.end() ? nullptr : &*found;
}

Result<Subject> subject_at(const std::string& url) {
    const http::Url parsed = HF_TRY(http::parse_url(url));
    Subject subject;
    subject.origin = parsed.origin();
    subject.authority = parsed.authority();
    subject.base = parsed.target.substr(0, parsed.target.find('?'));
    while (subject.base.ends_with('/')) subject.base.pop_back();
    if (subject.base.ends_with("/v2")) subject.base.resize(subject.base.size() - 3);
    return subject;
}

void read_server(std::string_view body, Subject& subject) {
    const Result<json::Value> root = json::parse(body);
    if (root.ok()) subject.extensions = texts_of(*root, "extensions");
}

void read_model(std::string_view body, Subject& subject) {
    const Result<json::Value> root = json::parse(body);
    Status status = root.status();
    if (root.ok()) {
        subject.versions = texts_of(*root, "versions");
        status = read_signature(*root, subject);
    }
    if (!status.ok()) {
        subject.trouble =
            fmt::format("no request can be made from the model's metadata: {}", status.message());
    }
}

bool fill_open_extents(Subject& subject, std::int64_t extent) {
    std::int64_t elements = 0;
    for (ModelPort& port : subject.inputs) {
        port.extents = port.shape;
        for (std::size_t i = 0; i < port.extents.rank(); ++i) {
            if (port.extents[i] == Shape::kUnknown) port.extents[i] = extent;
        }
        if (!port.extents.check().ok()) return false;
        elements += port.extents.elements();
        if (elements > kElementsMax) return false;
    }
    return true;
}

bool has_open_extents(const Subject& subject) {
    return std::any_of(subject.inputs.begin(), subject.inputs.end(),
                       [](const ModelPort& port) { return !port.shape.is_known(); });
}

Tensor example(const ModelPort& port) {
    Tensor tensor(port.dtype, port.extents);
    switch (port.dtype) {
        case DType::kF32: fill<float>(tensor, quarters); break;
        case DType::kF64: fill<double>(tensor, quarters); break;
        case DType::kF16:
            fill<std::uint16_t>(tensor, [](std::int64_t i) { return float_to_half(quarters(i)); });
            break;
        case DType::kBF16:
            fill<std::uint16_t>(tensor,
                                [](std::int64_t i) { return float_to_bfloat(quarters(i)); });
            break;
        case DType::kI8:
        case DType::kU8:
        case DType::kBool: fill<std::uint8_t>(tensor, bits); break;
        case DType::kI16:
        case DType::kU16: fill<std::uint16_t>(tensor, bits); break;
        case DType::kI32:
        case DType::kU32: fill<std::uint32_t>(tensor, bits); break;
        case DType::kI64:
        case DType::kU64: fill<std::uint64_t>(tensor, bits); break;
        case DType::kString: {
            std::int64_t i = 0;
            for (std::string& text : tensor.mutable_strings()) text = fmt::format("{}", bits(i++));
            break;
        }
        case DType::kC64:
        case DType::kC128: break;  // no datatype of the protocol
    }
    return tensor;
}

}  // namespace hf::serve::conform
