// Functions local to a model (ONNX FunctionProto). A graph has no calls: the importer puts the
// function's nodes in the place of each call. Their names get a prefix of that call, so that two
// calls never meet; what the caller gave stands in for the formal inputs, outputs and attributes.
//
// Bounded: a function that calls itself, however far around, is refused, and so are calls deeper
// than kMaxCallDepth and more than the nodes and bytes below in all.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"
#include "graph/onnx/order.h"

namespace hf::graph::onnx {

inline constexpr int kMaxCallDepth = 32;
inline constexpr std::size_t kMaxInlinedNodes = 200'000;
inline constexpr std::uint64_t kMaxInlinedBytes = std::uint64_t{256} << 20;

using Opsets = std::map<std::string, std::int64_t>;

// "ai.onnx" is the domain "".
std::string canonical_domain(std::string domain);

// Adds an OperatorSetIdProto. The highest version counts where a domain is listed twice.
void read_opset(ByteView bytes, Opsets& opsets);

// UNIMPLEMENTED when ai.onnx is newer than Holdfast knows.
Status check_opsets(const Opsets& opsets);

struct Function {
    std::string name, domain, overload;
    std::vector<std::string> inputs, outputs;
    std::vector<ByteView> nodes;     // NodeProto
    std::vector<ByteView> defaults;  // AttributeProto
    Opsets opsets;
    std::uint64_t size_bytes = 0;

    std::string describe() const;  // "function 'f' (domain)"
};

// The functions of a model, and what inlining them has cost so far.
class Functions final {
public:
    // Reads a FunctionProto; INVALID_ARGUMENT when one of that name is there. Throws std::exception
    // on malformed bytes. The bytes must outlive this.
    Status add(ByteView bytes);

    // Whom a node calls; nullptr when it is an operator.
    const Function* find(const Node& node, const std::string& overload) const;

    // The number of this call among all; RESOURCE_EXHAUSTED when one more is too much.
    Result<std::size_t> charge(const Function& function);

    // The same for a copy of what a call gives as an attribute.
    Status charge(const Attribute& attribute);

private:
    using Key = std::tuple<std::string, std::string, std::string>;

    std::map<Key, Function> by_name_;
    Status check_spent() const;

    std::size_t calls_ = 0;
    std::size_t nodes_ = 0;
    std::uint64_t bytes_ = 0;
};

// One call while its function's nodes are read.
class Call final {
public:
    // `caller` is null for a call outside functions, `number` tells calls apart. INVALID_ARGUMENT
    // when the call does not fit the function or recurses.
    static Result<Call> create(const Function& function, const ParsedNode& node, const Call* caller,
                               std::size_t number);

    const Function& function() const { return *function_; }

    // What a name inside the function is outside; "" where the caller left it out.
    std::string outer_name(const std::string& name) const;
    std::string node_name(const std::string& name) const { return prefix_ + name; }

    // Outputs that another name inside the function already stands for: an input given back, or an
    // output twice. Pairs of outer names, from and to.
    const std::vector<std::pair<std::string, std::string>>& copies() const { return copies_; }

    // What the caller gave, and the defaults for what it did not.
    AttributeMap attributes;

private:
    const Function* function_ = nullptr;
    const Call* caller_ = nullptr;
    std::string prefix_;
    std::map<std::string, std::string> names_;
    std::vector<std::pair<std::string, std::string>> copies_;
};

}  // namespace hf::graph::onnx
