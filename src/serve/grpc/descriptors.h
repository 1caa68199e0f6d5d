// What our services look like, as Protocol Buffers describe themselves (google.protobuf.
// FileDescriptorProto), for gRPC's server reflection. Made once from a table of text; immutable.

#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hf::serve::grpc {

struct DescribedFile {
    std::string name;                          // "grpc/health/v1/health.proto"
    std::vector<std::string> services;         // "grpc.health.v1.Health"
    std::set<std::string, std::less<>> names;  // all that it defines, in full
    std::string descriptor;                    // FileDescriptorProto
};

const std::vector<DescribedFile>& described_files();

// What a file in the table's form describes. A line is one of these; fields, values and methods
// belong to the message, enumeration or service above them.
//
//     file NAME PACKAGE
//     message NAME           "A.B": B within A, which stands above
//     TYPE NAME NUMBER       a field; "TYPE*" of many, "map<TYPE>" by text, "enum:NAME"
//     one-of NAME            the fields below it, to the next line that is no field
//     enum NAME
//     value NAME NUMBER
//     service NAME
//     rpc NAME TYPE TYPE     "TYPE*" of a stream
//
// REQUIRES: the text is of that form.
DescribedFile describe(std::string_view text);

}  // namespace hf::serve::grpc
