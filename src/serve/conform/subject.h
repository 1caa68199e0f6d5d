// What is judged: a server, and one model of it, as they describe themselves. Everything that cases
// send is made from this.
//
// A value. What a server says is checked like any other input, and what cannot be used is a reason
// to skip cases (`trouble`), not an error: that it is wrong is for the cases of metadata to say.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "http/message.h"
#include "http/url.h"
#include "tensor/tensor.h"

namespace hf::serve::conform {

// An input or output as the model's metadata tell it.
struct ModelPort {
    std::string name;
    DType dtype = DType::kF32;
    Shape shape;    // Shape::kUnknown where any extent may come
    Shape extents;  // the same, with an extent in each such place: what requests have
};

struct Subject {
    std::string origin;     // "http://127.0.0.1:8080"
    std::string authority;  // for the Host header
    std::string base;       // what stands before "/v2": "", or "/serving"
    http::Headers headers;  // sent along with every request

    std::vector<std::string> extensions;  // as the server announces them

    std::string model;
    std::vector<std::string> versions;  // as the model announces them
    std::vector<ModelPort> inputs;
    std::vector<ModelPort> outputs;

    // Why there is no inference to build cases on; empty when there is one.
    std::string trouble;

    // That is because the model answers requests of sequences alone, and those it does answer.
    bool keeps_state = false;

    bool announces(std::string_view extension) const;
    const ModelPort* output(std::string_view name) const;
};

// Of a base URL: where the server is. INVALID_ARGUMENT as http::parse_url() says.
Result<Subject> subject_at(const std::string& url);

// From the body of GET v2; what it does not say stays empty.
void read_server(std::string_view body, Subject& subject);

// From the body of GET v2/models/NAME; sets `trouble` where no request can be made from it.
void read_model(std::string_view body, Subject& subject);

// The extents that open places may be tried with, in this order.
inline constexpr std::int64_t kExtentsTried[] = {1, 2, 3, 4, 8, 16, 32, 64, 128, 224};

inline constexpr std::int64_t kElementsMax = std::int64_t{1} << 20;  // of a request, of all inputs

// Puts `extent` into every open place of the inputs. False when they get larger than kElementsMax.
bool fill_open_extents(Subject& subject, std::int64_t extent);

// False when every extent of every input is fixed.
bool has_open_extents(const Subject& subject);

// A tensor for the input: small values that every datatype has exactly (0 and 1; quarters below 1
// for floats), the same each time.
Tensor example(const ModelPort& port);

}  // namespace hf::serve::conform
