#include <bit>
#include <charconv>
#include <unordered_map>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/text.h"
#include "graph/text.h"
#include "graph/text_lexer.h"
#include "graph/text_words.h"
#include "graph/verify.h"

namespace hf::graph {
namespace {

// Text may not make a tensor larger than this out of a few characters.
constexpr std::int64_t kMaxFilledElements = std::int64_t{1} << 26;

struct Type {
    ValueKind kind = ValueKind::kTensor;
    std::optional<DType> dtype;
    std::optional<Shape> shape;
};

template <typename T>
Result<T> number_from(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return invalid_argument("'{}' is not a number of the type", text);
    }
    return value;
}

Result<Type> parse_type(Lexer& lexer) {
    Type type;
    if (lexer.accept_word("optional")) {
        const bool sequence = lexer.accept_word("sequence");
        type.kind = sequence ? ValueKind::kOptionalSequence : ValueKind::kOptional;
    } else if (lexer.accept_word("sequence")) {
        type.kind = ValueKind::kSequence;
    } else if (lexer.accept_word("map")) {
        type.kind = ValueKind::kMap;
    }
    if (!lexer.accept("?")) type.dtype = HF_TRY(parse_dtype(HF_TRY(lexer.word())));
    HF_TRY(lexer.expect("["));
    const std::string_view shape = trim(HF_TRY(lexer.until(']')));
    if (shape == "*") return type;
    std::vector<std::int64_t> extents;
    for (std::string_view extent : split(shape, 'x')) {
        if (shape.empty()) break;
        extents.push_back(extent == "?" ? Shape::kUnknown : HF_TRY(parse_int(extent)));
    }
    type.shape = Shape(std::move(extents));
    return type;
}

template <typename T>
Status set_element(Tensor& tensor, std::size_t i, std::string_view text) {
    tensor.mutable_values<T>()[i] = HF_TRY(number_from<T>(text));
    return {};
}

Status parse_element(Lexer& lexer, Tensor& tensor, std::size_t i) {
    if (tensor.dtype() == DType::kString) {
        tensor.mutable_strings()[i] = HF_TRY(lexer.string());
        return {};
    }
    const std::string_view text = HF_TRY(lexer.number());
    switch (tensor.dtype()) {
        case DType::kF32: return set_element<float>(tensor, i, text);
        case DType::kF64: return set_element<double>(tensor, i, text);
        case DType::kI8: return set_element<std::int8_t>(tensor, i, text);
        case DType::kI16: return set_element<std::int16_t>(tensor, i, text);
        case DType::kI32: return set_element<std::int32_t>(tensor, i, text);
        case DType::kI64: return set_element<std::int64_t>(tensor, i, text);
        case DType::kU8:
        case DType::kBool: return set_element<std::uint8_t>(tensor, i, text);
        case DType::kU16: return set_element<std::uint16_t>(tensor, i, text);
        case DType::kU32: return set_element<std::uint32_t>(tensor, i, text);
        case DType::kU64: return set_element<std::uint64_t>(tensor, i, text);
        default:
            return invalid_argument("values of type {} are written as hex",
                                    dtype_name(tensor.dtype()));
    }
}

Result<Tensor> parse_hex(Lexer& lexer, DType dtype, const Shape& shape) {
    const Bytes bytes = HF_TRY(from_hex(HF_TRY(lexer.string())));
    const auto want = static_cast<std::uint64_t>(shape.elements()) * dtype_size(dtype);
    if (dtype == DType::kString || bytes.size() != want) {
        return invalid_argument("{} bytes for a tensor of {}", bytes.size(), want);
    }
    Tensor tensor(dtype, shape);
    if (want > 0) std::memcpy(tensor.mutable_bytes().data(), bytes.data(), bytes.size());
    return tensor;
}

Result<Tensor> parse_tensor(Lexer& lexer, const Type& type) {
    if (!type.dtype || !type.shape || !type.shape->is_known()) {
        return invalid_argument("a tensor needs a type and a known shape");
    }
    HF_TRY(type.shape->check());
    if (lexer.accept_word("hex")) return parse_hex(lexer, *type.dtype, *type.shape);
    if (type.shape->elements() > kMaxFilledElements) {
        return resource_exhausted("more than {} elements", kMaxFilledElements);
    }
    const auto count = static_cast<std::size_t>(type.shape->elements());
    if (lexer.accept_word("random")) {
        HF_TRY(lexer.expect("("));
        Rng rng(static_cast<std::uint64_t>(HF_TRY(lexer.integer())));
        HF_TRY(lexer.expect(")"));
        return random_tensor(*type.dtype, *type.shape, rng);
    }
    Tensor tensor(*type.dtype, *type.shape);
    if (lexer.accept_word("fill")) {
        HF_TRY(lexer.expect("("));
        Tensor one(*type.dtype, {});
        HF_TRY(parse_element(lexer, one, 0));
        const std::size_t size = dtype_size(*type.dtype);
        if (size == 0) return invalid_argument("fill() takes numbers");
        for (std::size_t i = 0; i < count; ++i) {
            std::memcpy(tensor.mutable_bytes().data() + i * size, one.bytes().data(), size);
        }
        HF_TRY(lexer.expect(")"));
        return tensor;
    }
    HF_TRY(lexer.expect("{"));
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) HF_TRY(lexer.expect(","));
        HF_TRY(parse_element(lexer, tensor, i));
    }
    HF_TRY(lexer.expect("}"));
    return tensor;
}

Result<float> parse_float(Lexer& lexer) {
    if (lexer.accept_word("bits")) {
        HF_TRY(lexer.expect("("));
        const Bytes bytes = HF_TRY(from_hex(HF_TRY(lexer.until(')'))));
        if (bytes.size() != 4) return invalid_argument("bits() takes eight digits");
        std::uint32_t bits = 0;
        for (std::uint8_t byte : bytes) bits = bits << 8 | byte;
        return std::bit_cast<float>(bits);
    }
    return number_from<float>(HF_TRY(lexer.number()));
}

bool looks_like_float(std::string_view text) {
    return text.find_first_of(".ein") != std::string_view::npos;
}

// "[...]" with the type of its first element.
Result<Attribute> parse_list(Lexer& lexer) {
    std::vector<std::int64_t> ints;
    std::vector<float> floats;
    std::vector<std::string> strings;
    do {
        if (lexer.peek() == '"') {
            strings.push_back(HF_TRY(lexer.string()));
        } else if (lexer.peek() == 'b') {
            floats.push_back(HF_TRY(parse_float(lexer)));
        } else {
            const std::string_view text = HF_TRY(lexer.number());
            if (looks_like_float(text)) {
                floats.push_back(HF_TRY(number_from<float>(text)));
            } else {
                ints.push_back(HF_TRY(number_from<std::int64_t>(text)));
            }
        }
    } while (lexer.accept(","));
    HF_TRY(lexer.expect("]"));
    if (!ints.empty() + !floats.empty() + !strings.empty() != 1) {
        return invalid_argument("a list mixes types");
    }
    if (!ints.empty()) return Attribute(std::move(ints));
    if (!floats.empty()) return Attribute(std::move(floats));
    return Attribute(std::move(strings));
}

class GraphParser final {
public:
    GraphParser(Lexer& lexer, int depth) : lexer_(lexer), depth_(depth) {}

    Result<Graph> parse() {
        if (depth_ > kMaxBodyDepth) return resource_exhausted("bodies nest too deep");
        graph_.name = HF_TRY(lexer_.string());
        HF_TRY(lexer_.expect("{"));
        while (!lexer_.accept("}")) {
            const std::size_t line = lexer_.line();
            HF_TRY(statement().context("line {}", line));
        }
        return std::move(graph_);
    }

private:
    Status statement() {
        if (lexer_.accept_word("metadata")) {
            std::string key = HF_TRY(lexer_.string());
            HF_TRY(lexer_.expect("="));
            graph_.metadata[std::move(key)] = HF_TRY(lexer_.string());
            return {};
        }
        if (lexer_.accept_word("input")) {
            graph_.inputs.push_back(HF_TRY(define(HF_TRY(declaration()))));
            return {};
        }
        if (lexer_.accept_word("capture")) {
            graph_.captures.push_back(HF_TRY(define(HF_TRY(declaration()))));
            return {};
        }
        if (lexer_.accept_word("output")) {
            graph_.outputs.push_back(HF_TRY(reference()));
            return {};
        }
        return lexer_.accept_word("const") ? constant() : node();
    }

    Status constant() {
        Value value = HF_TRY(declaration());
        HF_TRY(lexer_.expect("="));
        value.constant = HF_TRY(parse_tensor(lexer_, {value.kind, value.dtype, value.shape})
                                    .context("constant '{}'", value.name));
        return define(std::move(value)).status();
    }

    Result<Value> declaration() {
        Value value;
        HF_TRY(lexer_.expect("%"));
        value.name = HF_TRY(lexer_.word());
        if (lexer_.accept(":")) {
            Type type = HF_TRY(parse_type(lexer_).context("value '{}'", value.name));
            value.kind = type.kind;
            value.dtype = type.dtype;
            value.shape = std::move(type.shape);
        }
        if (lexer_.accept_word("quant")) value.quantization = HF_TRY(quantization());
        return value;
    }

    Result<Quantization> quantization() {
        Quantization q;
        HF_TRY(lexer_.expect("("));
        HF_TRY(lexer_.expect("["));
        do {
            q.scales.push_back(HF_TRY(parse_float(lexer_)));
        } while (lexer_.accept(","));
        HF_TRY(lexer_.expect("]"));
        HF_TRY(lexer_.expect("["));
        do {
            q.zero_points.push_back(HF_TRY(lexer_.integer()));
        } while (lexer_.accept(","));
        HF_TRY(lexer_.expect("]"));
        q.axis = static_cast<std::size_t>(HF_TRY(lexer_.integer()));
        HF_TRY(lexer_.expect(")"));
        return q;
    }

    Result<ValueId> define(Value value) {
        const ValueId id(static_cast<std::uint32_t>(graph_.values.size()));
        if (!ids_.emplace(value.name, id).second) {
            return lexer_.error("one definition of each value").context("'{}'", value.name);
        }
        graph_.values.push_back(std::move(value));
        return id;
    }

    Result<ValueId> reference() {
        if (lexer_.accept("_")) return kNoValue;
        HF_TRY(lexer_.expect("%"));
        const std::string name = HF_TRY(lexer_.word());
        const auto found = ids_.find(name);
        if (found != ids_.end()) return found->second;
        return lexer_.error("a value that is defined above").context("'{}'", name);
    }

    Status node() {
        Node node;
        std::vector<std::optional<Value>> outputs;
        while (!lexer_.accept("=")) {
            if (!outputs.empty()) HF_TRY(lexer_.expect(","));
            if (lexer_.accept("_")) {
                outputs.emplace_back();
            } else if (lexer_.peek() == '%') {
                outputs.emplace_back(HF_TRY(declaration()));
            } else {
                return lexer_.error("a statement");
            }
        }
        node.op = HF_TRY(lexer_.word());
        if (lexer_.accept("::")) node.domain = std::exchange(node.op, HF_TRY(lexer_.word()));
        HF_TRY(lexer_.expect("("));
        while (!lexer_.accept(")")) {
            if (!node.inputs.empty()) HF_TRY(lexer_.expect(","));
            node.inputs.push_back(HF_TRY(reference()));
        }
        node.opset = lexer_.accept("@") ? HF_TRY(lexer_.integer()) : default_opset(node.domain);
        node.name = lexer_.peek() == '"' ? HF_TRY(lexer_.string())
                                         : default_node_name(node.op, graph_.nodes.size());
        if (lexer_.accept("{")) HF_TRY(attributes(node).context("{}", node.describe()));
        for (std::optional<Value>& output : outputs) {
            node.outputs.push_back(output ? HF_TRY(define(std::move(*output))) : kNoValue);
        }
        graph_.nodes.push_back(std::move(node));
        return {};
    }

    Status attributes(Node& node) {
        while (!lexer_.accept("}")) {
            if (!node.attributes.empty()) HF_TRY(lexer_.expect(","));
            std::string name = HF_TRY(lexer_.word());
            HF_TRY(lexer_.expect("="));
            Attribute value = HF_TRY(attribute().context("attribute '{}'", name));
            if (!node.attributes.emplace(std::move(name), std::move(value)).second) {
                return lexer_.error("each attribute once");
            }
        }
        return {};
    }

    Result<Attribute> attribute() {
        if (lexer_.accept("ints[]")) return Attribute(std::vector<std::int64_t>());
        if (lexer_.accept("floats[]")) return Attribute(std::vector<float>());
        if (lexer_.accept("strings[]")) return Attribute(std::vector<std::string>());
        if (lexer_.peek() == '"') return Attribute(HF_TRY(lexer_.string()));
        if (lexer_.accept("[")) return parse_list(lexer_);
        if (lexer_.accept_word("tensor")) {
            const Type type = HF_TRY(parse_type(lexer_));
            HF_TRY(lexer_.expect("="));
            return Attribute(HF_TRY(parse_tensor(lexer_, type)));
        }
        if (lexer_.accept_word("graph")) {
            Graph body = HF_TRY(GraphParser(lexer_, depth_ + 1).parse());
            return Attribute(SubgraphPtr(std::make_shared<const Graph>(std::move(body))));
        }
        if (lexer_.peek() == 'b') return Attribute(HF_TRY(parse_float(lexer_)));
        const std::string_view text = HF_TRY(lexer_.number());
        if (looks_like_float(text)) return Attribute(HF_TRY(number_from<float>(text)));
        return Attribute(HF_TRY(number_from<std::int64_t>(text)));
    }

    Lexer& lexer_;
    const int depth_;
    Graph graph_;
    std::unordered_map<std::string, ValueId> ids_;
};

}  // namespace

Result<Graph> parse(std::string_view text) {
    if (text.size() > kMaxTextBytes) {
        return resource_exhausted("the text has {} bytes, more than {}", text.size(),
                                  kMaxTextBytes);
    }
    Lexer lexer(text);
    if (!lexer.accept_word("graph")) return lexer.error("'graph'");
    Graph graph = HF_TRY(GraphParser(lexer, 0).parse());
    if (!lexer.at_end()) return lexer.error("the end of the text");
    HF_TRY(verify(graph));
    return graph;
}

}  // namespace hf::graph
