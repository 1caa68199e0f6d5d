// The device ABI, version 1: how a vendor's library runs parts of a model inside Holdfast. Plain
// C11 and nothing else; docs/reference/device-abi.md explains it with an example, and
// examples/device-plugin/ is a whole plug-in.
//
// A plug-in is a shared library that exports one function, hf_device_get_api. Holdfast (the host)
// hands over graphs whose operators, attributes and constants are parsed, checked and of known
// types and shapes; the plug-in says which nodes it takes, compiles parts made of those alone, and
// runs them from and into buffers of the host.
//
// Life cycle:   open -> supports* -> compile -> output_type* -> new_session -> run*
//               -> release_session -> release_program -> close
//
// Ownership: whoever makes a thing releases it. Handles are the plug-in's, made by open, compile
// and new_session and given back to the matching function exactly once, sessions before their
// program and programs before their device. Everything the host passes is the host's and is valid
// during the call only, with one exception: `constant` data of the graph given to compile stays at
// its address, unchanged, until release_program returns.
//
// Threads: open, supports, compile and close of one device are never called at the same time.
// new_session, run and the releases may be called from any thread, for different sessions at the
// same time; one session is used by one thread at a time.
//
// Failure: every function that can fail answers an hf_device_code and, unless that is
// HF_DEVICE_OK, writes why into `why->text`, terminated, in words for the user. No function may
// throw, exit, or write outside the buffers it was given: a plug-in is trusted code in the host's
// own process.
//
// Growth: hf_device_api and hf_device_graph start with their size and grow only at the end; a
// function past the size that a plug-in states is not called. Whatever else changes makes a new
// version, and a plug-in may serve several.

#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HF_DEVICE_ABI_VERSION 1u
#define HF_DEVICE_ENTRY "hf_device_get_api"  // the name of the one exported function
#define HF_DEVICE_MESSAGE_BYTES 512          // with the terminator
#define HF_DEVICE_NAME_BYTES 32              // with the terminator
#define HF_DEVICE_RANK_MAX 16
#define HF_DEVICE_NO_VALUE UINT32_MAX  // an optional input or output that a node omits

enum hf_device_code {
    HF_DEVICE_OK = 0,
    HF_DEVICE_UNSUPPORTED = 1,  // Sound, but not for this device: the host runs it elsewhere.
    HF_DEVICE_INVALID = 2,      // The host broke the rules of this file.
    HF_DEVICE_NO_MEMORY = 3,
    HF_DEVICE_UNAVAILABLE = 4,  // The hardware is busy or gone; later may help.
    HF_DEVICE_FAILED = 5
};

enum hf_device_dtype {
    HF_DEVICE_UNKNOWN = 0,  // only of values that no offered node touches
    HF_DEVICE_F32 = 1,
    HF_DEVICE_F64 = 2,
    HF_DEVICE_F16 = 3,
    HF_DEVICE_BF16 = 4,
    HF_DEVICE_I8 = 5,
    HF_DEVICE_I16 = 6,
    HF_DEVICE_I32 = 7,
    HF_DEVICE_I64 = 8,
    HF_DEVICE_U8 = 9,
    HF_DEVICE_U16 = 10,
    HF_DEVICE_U32 = 11,
    HF_DEVICE_U64 = 12,
    HF_DEVICE_BOOL = 13,  // one byte, 0 or 1
    HF_DEVICE_C64 = 15,   // two f32: real, imaginary
    HF_DEVICE_C128 = 16
};

typedef struct hf_device_message {
    char text[HF_DEVICE_MESSAGE_BYTES];
} hf_device_message;

// Dense, row-major, outermost extent first. Rank 0 is one element.
typedef struct hf_device_type {
    uint32_t dtype;
    uint32_t rank;
    int64_t extents[HF_DEVICE_RANK_MAX];
} hf_device_type;

// real = scale * (stored - zero_point), with one entry for all or one for each index along `axis`.
typedef struct hf_device_quantization {
    size_t count;
    const float* scales;
    const int64_t* zero_points;
    size_t axis;
} hf_device_quantization;

typedef struct hf_device_value {
    const char* name;
    hf_device_type type;
    const void* constant;  // its elements; NULL where it is computed or an input
    uint64_t size_bytes;   // of all elements; 0 where the type is not known
    const hf_device_quantization* quantization;  // NULL: none
} hf_device_value;

// Text of any bytes, not terminated.
typedef struct hf_device_string {
    const char* data;
    size_t size;
} hf_device_string;

enum hf_device_attribute_kind {
    HF_DEVICE_ATTRIBUTE_INTS = 1,
    HF_DEVICE_ATTRIBUTE_FLOATS = 2,
    HF_DEVICE_ATTRIBUTE_STRINGS = 3,
    HF_DEVICE_ATTRIBUTE_TENSOR = 4
};

// A single number or text is a list of one. Fields of other kinds are NULL.
typedef struct hf_device_attribute {
    const char* name;
    uint32_t kind;
    size_t count;  // of ints, floats or strings; 1 for a tensor
    const int64_t* ints;
    const float* floats;
    const hf_device_string* strings;
    const hf_device_value* tensor;  // a constant
} hf_device_attribute;

// Operators are those of the model's file: domain "" is ONNX's own, with the opset version that
// the model imports; "tflite" has TensorFlow Lite's under their schema names, with opset 0.
typedef struct hf_device_node {
    const char* name;  // for messages; need not be unique
    const char* domain;
    const char* op;
    int64_t opset;
    size_t input_count;
    const uint32_t* inputs;  // indices of values, or HF_DEVICE_NO_VALUE
    size_t output_count;
    const uint32_t* outputs;
    size_t attribute_count;
    const hf_device_attribute* attributes;
} hf_device_node;

// Nodes stand in an order in which they can run.
typedef struct hf_device_graph {
    size_t struct_bytes;
    size_t value_count;
    const hf_device_value* values;
    size_t node_count;
    const hf_device_node* nodes;
    size_t input_count;
    const uint32_t* inputs;
    size_t output_count;
    const uint32_t* outputs;
} hf_device_graph;

typedef struct hf_device_input {
    const void* data;  // aligned to its element
    uint64_t size_bytes;
} hf_device_input;

typedef struct hf_device_output {
    void* data;  // aligned to 64 bytes
    uint64_t size_bytes;
} hf_device_output;

// Buffers in the order of the graph's inputs and outputs, sized as their types say. They do not
// overlap.
typedef struct hf_device_buffers {
    size_t input_count;
    const hf_device_input* inputs;
    size_t output_count;
    const hf_device_output* outputs;
} hf_device_buffers;

typedef struct hf_device hf_device;                  // what open made
typedef struct hf_device_program hf_device_program;  // a compiled part
typedef struct hf_device_session hf_device_session;  // the memory of one run at a time

typedef struct hf_device_api {
    size_t struct_bytes;   // sizeof(hf_device_api) as the plug-in was compiled
    uint32_t abi_version;  // HF_DEVICE_ABI_VERSION
    const char* name;      // in reports: a-z, 0-9, '-' and '_', fewer than HF_DEVICE_NAME_BYTES
    const char* version;   // of the plug-in, for people

    // Reserves the hardware. Called once in a process.
    int (*open)(hf_device** device, hf_device_message* why);
    void (*close)(hf_device* device);

    // Whether the plug-in takes node number `node` of `graph`: HF_DEVICE_OK, or
    // HF_DEVICE_UNSUPPORTED and why not. Any other answer ends the compilation.
    int (*supports)(hf_device* device, const hf_device_graph* graph, size_t node,
                    hf_device_message* why);

    // `part` has supported nodes only. HF_DEVICE_UNSUPPORTED makes the host run the part itself.
    int (*compile)(hf_device* device, const hf_device_graph* part, hf_device_program** program,
                   hf_device_message* why);
    void (*release_program)(hf_device_program* program);

    // What the program will write as that output. The host refuses one that differs from the
    // part's.
    int (*output_type)(const hf_device_program* program, size_t output, hf_device_type* type,
                       hf_device_message* why);

    int (*new_session)(hf_device_program* program, hf_device_session** session,
                       hf_device_message* why);
    void (*release_session)(hf_device_session* session);

    // Reads every input and fills every output before it returns. After a failure the session may
    // be used again.
    int (*run)(hf_device_session* session, const hf_device_buffers* buffers,
               hf_device_message* why);
} hf_device_api;

// The one exported function: the table of that version, which lives as long as the process, or
// NULL when the plug-in does not have it.
typedef const hf_device_api* (*hf_device_get_api_function)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
