#include "serve/shared_memory/calls.h"

namespace hf::serve {
namespace {

Result<Regions*> regions_of(const Services& services) {
    if (services.with.regions) return services.with.regions;
    return unimplemented(
        "shared memory is off here; start the server with --shared-memory, which it takes on "
        "loopback");
}

}  // namespace

Result<std::vector<Regions::Row>> region_status(const Services& services, std::string_view name) {
    Regions* const regions = HF_TRY(regions_of(services));
    return regions->rows(name);
}

Status register_region(const Services& services, Regions::Row row) {
    Regions* const regions = HF_TRY(regions_of(services));
    return regions->add(std::move(row));
}

Status unregister_region(const Services& services, std::string_view name) {
    Regions* const regions = HF_TRY(regions_of(services));
    if (name.size() > Regions::kNameBytesMax) {
        return invalid_argument("the name of a region has at most {} bytes, and this one {}",
                                Regions::kNameBytesMax, name.size());
    }
    if (name.empty()) {
        regions->remove_all();
    } else {
        regions->remove(name);
    }
    return {};
}

Status cuda_region_status(std::string_view name) {
    if (name.empty()) return {};
    return not_found("no CUDA shared memory region '{}' is registered; none can be here", name);
}

Status register_cuda_region(std::string_view name) {
    return unimplemented(
        "region '{}': CUDA shared memory is not offered; use system shared memory, or send the "
        "data",
        name);
}

}  // namespace hf::serve
