// A whole device plug-in in plain C: f32 Relu, Add and MatMul on the processor itself. Where a real
// one would talk to its hardware, this one loops.
//
// It shows everything the ABI asks for: refusing a node with a reason, compiling a part to a list of
// steps that keeps the host's constants by address, sessions with memory of their own, and errors.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plugin/device_abi.h"

#define EXPORT __attribute__((visibility("default")))

struct hf_device {
    int is_open;
};

typedef enum { RELU, ADD, MATMUL } step_kind;

typedef struct {
    step_kind kind;
    uint32_t a, b, out;                // numbers of values
    int64_t count, rows, inner, columns;  // of elements; of a product
} step;

// Where a value lies while a session runs: a constant of the host, a buffer of the host, or ours.
typedef enum { CONSTANT, INPUT, OUTPUT, SCRATCH } place;

typedef struct {
    place where;
    size_t index;  // of the input or output; the offset in scratch, in floats
    const float* constant;
} slot;

struct hf_device_program {
    step* steps;
    size_t step_count;
    slot* slots;
    size_t slot_count;
    hf_device_type* outputs;
    size_t output_count;
    size_t scratch_floats;
};

struct hf_device_session {
    const hf_device_program* program;
    float* scratch;
};

static int answer(int code, hf_device_message* why, const char* text) {
    snprintf(why->text, sizeof why->text, "%s", text);
    return code;
}

static int same_type(const hf_device_type* a, const hf_device_type* b) {
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->extents, b->extents, a->rank * sizeof a->extents[0]) == 0;
}

static int64_t count_of(const hf_device_type* type) {
    int64_t count = 1;
    for (uint32_t axis = 0; axis < type->rank; ++axis) count *= type->extents[axis];
    return count;
}

static int example_open(hf_device** device, hf_device_message* why) {
    *device = calloc(1, sizeof **device);
    if (!*device) return answer(HF_DEVICE_NO_MEMORY, why, "no memory for the device");
    (*device)->is_open = 1;
    return HF_DEVICE_OK;
}

static void example_close(hf_device* device) { free(device); }

static int example_supports(hf_device* device, const hf_device_graph* graph, size_t index,
                            hf_device_message* why) {
    (void)device;
    const hf_device_node* node = &graph->nodes[index];
    const int relu = strcmp(node->op, "Relu") == 0, add = strcmp(node->op, "Add") == 0;
    const int matmul = strcmp(node->op, "MatMul") == 0;
    if (node->domain[0] != '\0' || !(relu || add || matmul)) {
        return answer(HF_DEVICE_UNSUPPORTED, why, "it has only Relu, Add and MatMul");
    }
    const hf_device_type* out = &graph->values[node->outputs[0]].type;
    for (size_t i = 0; i < node->input_count; ++i) {
        if (graph->values[node->inputs[i]].type.dtype != HF_DEVICE_F32) {
            return answer(HF_DEVICE_UNSUPPORTED, why, "it computes in f32 only");
        }
        if (add && !same_type(&graph->values[node->inputs[i]].type, out)) {
            return answer(HF_DEVICE_UNSUPPORTED, why, "it adds equal shapes only");
        }
        if (matmul && graph->values[node->inputs[i]].type.rank != 2) {
            return answer(HF_DEVICE_UNSUPPORTED, why, "it multiplies matrices of rank 2 only");
        }
    }
    return HF_DEVICE_OK;
}

static void example_release_program(hf_device_program* program) {
    free(program->steps);
    free(program->slots);
    free(program->outputs);
    free(program);
}

// Graph inputs and outputs lie in the host's buffers, constants where the host has them, the rest
// in our scratch, one after another.
static void place_values(hf_device_program* program, const hf_device_graph* part) {
    for (size_t i = 0; i < part->value_count; ++i) {
        const hf_device_value* value = &part->values[i];
        slot* at = &program->slots[i];
        at->where = value->constant ? CONSTANT : SCRATCH;
        at->constant = value->constant;
        at->index = program->scratch_floats;
        if (!value->constant) program->scratch_floats += value->size_bytes / sizeof(float);
    }
    for (size_t i = 0; i < part->input_count; ++i) {
        program->slots[part->inputs[i]].where = INPUT;
        program->slots[part->inputs[i]].index = i;
    }
    for (size_t i = 0; i < part->output_count; ++i) {
        program->slots[part->outputs[i]].where = OUTPUT;
        program->slots[part->outputs[i]].index = i;
        program->outputs[i] = part->values[part->outputs[i]].type;
    }
}

static step make_step(const hf_device_graph* part, const hf_device_node* node) {
    const hf_device_type* first = &part->values[node->inputs[0]].type;
    const hf_device_type* out = &part->values[node->outputs[0]].type;
    step made = {RELU, node->inputs[0], node->inputs[0], node->outputs[0], count_of(out), 0, 0, 0};
    if (node->input_count > 1) made.b = node->inputs[1];
    if (strcmp(node->op, "Add") == 0) made.kind = ADD;
    if (strcmp(node->op, "MatMul") == 0) {
        made.kind = MATMUL;
        made.rows = first->extents[0];
        made.inner = first->extents[1];
        made.columns = out->extents[1];
    }
    return made;
}

static int example_compile(hf_device* device, const hf_device_graph* part,
                           hf_device_program** program, hf_device_message* why) {
    (void)device;
    hf_device_program* made = calloc(1, sizeof *made);
    if (!made) return answer(HF_DEVICE_NO_MEMORY, why, "no memory for a program");
    made->steps = calloc(part->node_count + 1, sizeof *made->steps);
    made->slots = calloc(part->value_count + 1, sizeof *made->slots);
    made->outputs = calloc(part->output_count + 1, sizeof *made->outputs);
    if (!made->steps || !made->slots || !made->outputs) {
        example_release_program(made);
        return answer(HF_DEVICE_NO_MEMORY, why, "no memory for a program");
    }
    made->step_count = part->node_count;
    made->slot_count = part->value_count;
    made->output_count = part->output_count;
    place_values(made, part);
    for (size_t i = 0; i < part->node_count; ++i) {
        made->steps[i] = make_step(part, &part->nodes[i]);
    }
    *program = made;
    return HF_DEVICE_OK;
}

static int example_output_type(const hf_device_program* program, size_t output,
                               hf_device_type* type, hf_device_message* why) {
    if (output >= program->output_count) return answer(HF_DEVICE_INVALID, why, "no such output");
    *type = program->outputs[output];
    return HF_DEVICE_OK;
}

static int example_new_session(hf_device_program* program, hf_device_session** session,
                               hf_device_message* why) {
    hf_device_session* made = calloc(1, sizeof *made);
    float* scratch = calloc(program->scratch_floats + 1, sizeof(float));
    if (!made || !scratch) {
        free(made);
        free(scratch);
        return answer(HF_DEVICE_NO_MEMORY, why, "no memory for a session");
    }
    made->program = program;
    made->scratch = scratch;
    *session = made;
    return HF_DEVICE_OK;
}

static void example_release_session(hf_device_session* session) {
    free(session->scratch);
    free(session);
}

static const float* reads(const hf_device_session* session, const hf_device_buffers* buffers,
                          uint32_t value) {
    const slot* at = &session->program->slots[value];
    switch (at->where) {
        case CONSTANT: return at->constant;
        case INPUT: return buffers->inputs[at->index].data;
        case OUTPUT: return buffers->outputs[at->index].data;
        default: return session->scratch + at->index;
    }
}

static float* writes(const hf_device_session* session, const hf_device_buffers* buffers,
                     uint32_t value) {
    const slot* at = &session->program->slots[value];
    return at->where == OUTPUT ? (float*)buffers->outputs[at->index].data
                               : session->scratch + at->index;
}

static void multiply(const step* it, const float* a, const float* b, float* out) {
    for (int64_t row = 0; row < it->rows; ++row) {
        float* to = out + row * it->columns;
        memset(to, 0, (size_t)it->columns * sizeof *to);
        for (int64_t k = 0; k < it->inner; ++k) {
            const float factor = a[row * it->inner + k];
            for (int64_t column = 0; column < it->columns; ++column) {
                to[column] += factor * b[k * it->columns + column];
            }
        }
    }
}

static int example_run(hf_device_session* session, const hf_device_buffers* buffers,
                       hf_device_message* why) {
    (void)why;
    const hf_device_program* program = session->program;
    for (size_t i = 0; i < program->step_count; ++i) {
        const step* it = &program->steps[i];
        const float* a = reads(session, buffers, it->a);
        const float* b = reads(session, buffers, it->b);
        float* out = writes(session, buffers, it->out);
        switch (it->kind) {
            case RELU:
                for (int64_t n = 0; n < it->count; ++n) out[n] = a[n] < 0 ? 0 : a[n];
                break;
            case ADD:
                for (int64_t n = 0; n < it->count; ++n) out[n] = a[n] + b[n];
                break;
            case MATMUL: multiply(it, a, b, out); break;
        }
    }
    return HF_DEVICE_OK;
}

static const hf_device_api example_api = {
    .struct_bytes = sizeof(hf_device_api),
    .abi_version = HF_DEVICE_ABI_VERSION,
    .name = "example",
    .version = "1.0",
    .open = example_open,
    .close = example_close,
    .supports = example_supports,
    .compile = example_compile,
    .release_program = example_release_program,
    .output_type = example_output_type,
    .new_session = example_new_session,
    .release_session = example_release_session,
    .run = example_run,
};

#ifndef EXAMPLE_DEVICE_WITHOUT_ENTRY
EXPORT const hf_device_api* hf_device_get_api(uint32_t abi_version) {
    return abi_version == HF_DEVICE_ABI_VERSION ? &example_api : NULL;
}
#endif
