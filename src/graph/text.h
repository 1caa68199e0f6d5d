// Graphs as text, for tests and for people. What print() writes, parse() reads back to an equal
// graph (values may be numbered in another order; they keep their names). The grammar:
//
//   graph     = "graph" name "{" { statement } "}"
//   statement = "metadata" string "=" string
//             | "input" value | "capture" value | "output" reference
//             | "const" value "=" tensor
//             | [ value { "," value } ] "=" operator "(" [ reference { "," reference } ] ")"
//               [ "@" opset ] [ string, the node's name ] [ "{" { name "=" attribute } "}" ]
//   value     = "_" | "%" name [ ":" type ] [ "quant" "(" scales zeros axis ")" ]
//   reference = "_" | "%" name
//   operator  = [ domain "::" ] name
//   type      = [ "sequence" | "optional" [ "sequence" ] | "map" ] ( dtype | "?" ) "[" shape "]"
//   shape     = "*" (rank unknown) | empty (scalar) | extent { "x" extent }; "?" is unknown
//   tensor    = "{" elements "}" | "hex" string | "fill" "(" element ")" | "random" "(" seed ")"
//   attribute = int | float (has a point, an exponent, or is inf or nan) | string
//             | "[" ints, floats or strings "]" | "ints[]" | "floats[]" | "strings[]"
//             | "bits" "(" hex ")" (a float that decimals cannot tell, as NaN)
//             | "tensor" type "=" tensor | graph
//
// "_" is an omitted value. A name or operator that is not of letters, digits and "_./-" is quoted,
// with \" \\ \n and \xHH inside. "#" starts a comment. Where "@" is missing, the opset is 17 for
// ai.onnx and 0 elsewhere; where the node's name is missing, it is "Op_N" with N its position.
// `random` is read but never written: it makes seeded values for tests.
//
// Pure. parse() is bounded (kMaxTextBytes, kMaxBodyDepth) and verifies; INVALID_ARGUMENT names the
// line.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph {

inline constexpr std::size_t kMaxTextBytes = 256u << 20;

struct PrintOptions {
    bool shortened = false;  // for people: large constants become "...", which parse() refuses
};

std::string print(const Graph& graph, const PrintOptions& options = {});

Result<Graph> parse(std::string_view text);

}  // namespace hf::graph
