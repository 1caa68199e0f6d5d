// The example plug-in with one fault, which HF_TEST_FAULT names.

#define EXAMPLE_DEVICE_WITHOUT_ENTRY
#include "../../examples/device-plugin/example_device.c"

static int has_fault(const char* name) {
    const char* fault = getenv("HF_TEST_FAULT");
    return fault && strcmp(fault, name) == 0;
}

static int broken_open(hf_device** device, hf_device_message* why) {
    if (has_fault("open")) return answer(HF_DEVICE_UNAVAILABLE, why, "the card\nis in use");
    if (has_fault("open-null")) return HF_DEVICE_OK;
    return example_open(device, why);
}

static int broken_supports(hf_device* device, const hf_device_graph* graph, size_t node,
                           hf_device_message* why) {
    if (has_fault("supports")) return answer(77, why, "");
    if (has_fault("endless-text")) {
        memset(why->text, 'x', sizeof why->text);
        return HF_DEVICE_FAILED;
    }
    return example_supports(device, graph, node, why);
}

static int broken_compile(hf_device* device, const hf_device_graph* part,
                          hf_device_program** program, hf_device_message* why) {
    if (has_fault("compile-null")) return HF_DEVICE_OK;
    if (has_fault("compile")) return answer(HF_DEVICE_NO_MEMORY, why, "4 MiB are too few");
    if (has_fault("declines")) return answer(HF_DEVICE_UNSUPPORTED, why, "too long a program");
    return example_compile(device, part, program, why);
}

static int broken_output_type(const hf_device_program* program, size_t output,
                              hf_device_type* type, hf_device_message* why) {
    const int code = example_output_type(program, output, type, why);
    if (has_fault("shape")) type->extents[0] += 1;
    if (has_fault("rank")) type->rank = 4000;
    if (has_fault("dtype")) type->dtype = 4000;
    return code;
}

static int broken_new_session(hf_device_program* program, hf_device_session** session,
                              hf_device_message* why) {
    if (has_fault("session-null")) return HF_DEVICE_OK;
    return example_new_session(program, session, why);
}

static int broken_run(hf_device_session* session, const hf_device_buffers* buffers,
                      hf_device_message* why) {
    if (has_fault("run")) return answer(HF_DEVICE_FAILED, why, "parity error in lane 3");
    return example_run(session, buffers, why);
}

EXPORT const hf_device_api* hf_device_get_api(uint32_t abi_version) {
    static hf_device_api api;
    api = example_api;
    api.open = broken_open;
    api.supports = broken_supports;
    api.compile = broken_compile;
    api.output_type = broken_output_type;
    api.new_session = broken_new_session;
    api.run = broken_run;
    if (has_fault("no-version") || abi_version != HF_DEVICE_ABI_VERSION) return NULL;
    if (has_fault("version")) api.abi_version = 9;
    if (has_fault("size")) api.struct_bytes = 40;
    if (has_fault("function-null")) api.release_session = NULL;
    if (has_fault("name-null")) api.name = NULL;
    if (has_fault("name")) api.name = "Two Words";
    return &api;
}
