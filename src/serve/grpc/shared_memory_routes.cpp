#include "serve/grpc/shared_memory_routes.h"

#include "serve/grpc/messages.h"
#include "serve/grpc/shared_memory_message.h"
#include "serve/shared_memory/calls.h"

namespace hf::serve::grpc {
namespace {

Status check_access(const Services& services, const Call& call, Right right) {
    const Access* const access = services.with.access;
    return access ? access->check(call.request.headers, right, "") : Status();
}

Result<Reply> system_status(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kObserve));
    const std::string name = HF_TRY(read_text_at(call.message, 1));
    const std::vector<Regions::Row> rows = HF_TRY(region_status(services, name));
    return Reply{write_regions_status(rows)};
}

Result<Reply> system_register(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kLoad));
    Regions::Row row = HF_TRY(read_region(call.message));
    HF_TRY(register_region(services, std::move(row)));
    return Reply{};
}

Result<Reply> system_unregister(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kLoad));
    const std::string name = HF_TRY(read_text_at(call.message, 1));
    HF_TRY(unregister_region(services, name));
    return Reply{};
}

Result<Reply> cuda_status(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kObserve));
    const std::string name = HF_TRY(read_text_at(call.message, 1));
    HF_TRY(cuda_region_status(name));
    return Reply{};
}

Result<Reply> cuda_register(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kLoad));
    const std::string name = HF_TRY(read_text_at(call.message, 1));
    HF_TRY(register_cuda_region(name));
    return Reply{};
}

Result<Reply> cuda_unregister(const Services& services, const Call& call) {
    HF_TRY(check_access(services, call, Right::kLoad));
    HF_TRY(read_text_at(call.message, 1).status());
    return Reply{};
}

}  // namespace

void add_shared_memory_methods(http::Router& router, const Services& services,
                               const CallOptions& options) {
    using Answer = Result<Reply> (*)(const Services&, const Call&);
    const auto add = [&](std::string_view name, Answer answer) {
        add_unary(router, fmt::format("/inference.GRPCInferenceService/{}", name), options,
                  [services, answer](const Call& call) { return answer(services, call); });
    };
    add("SystemSharedMemoryStatus", system_status);
    add("SystemSharedMemoryRegister", system_register);
    add("SystemSharedMemoryUnregister", system_unregister);
    add("CudaSharedMemoryStatus", cuda_status);
    add("CudaSharedMemoryRegister", cuda_register);
    add("CudaSharedMemoryUnregister", cuda_unregister);
}

}  // namespace hf::serve::grpc
