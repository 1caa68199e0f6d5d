// The wire format of Protocol Buffers, by protozero, set up for hostile input: where its assertions
// expect a wire type that the message does not have, it throws instead of ending the process. The
// one place that includes it; callers catch std::exception, or read by read_fields().

#pragma once

#include <exception>
#include <functional>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::protobuf {

struct WireTypeError final : std::exception {
    const char* what() const noexcept override { return "a field has the wrong wire type"; }
};

[[noreturn]] inline void throw_wire_type_error() {
    throw WireTypeError();
}

}  // namespace hf::protobuf

#define protozero_assert(condition) \
    ((condition) ? static_cast<void>(0) : ::hf::protobuf::throw_wire_type_error())

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace hf::protobuf {

// Calls `field` for each field of the message; it reads or skips the value. What protozero throws
// becomes INVALID_ARGUMENT.
Status read_fields(ByteView message,
                   const std::function<Status(protozero::pbf_reader& field)>& field);

// What a field of bytes, text or a message holds, where it lies.
inline ByteView view_of(protozero::pbf_reader& field) {
    const protozero::data_view view = field.get_view();
    return as_bytes(std::string_view(view.data(), view.size()));
}

// A field of bool. Not its own get_bool(), which looks at the byte behind a message that ends
// there.
inline bool bool_of(protozero::pbf_reader& field) {
    return field.get_uint64() != 0;
}

}  // namespace hf::protobuf
