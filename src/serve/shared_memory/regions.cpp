#include "serve/shared_memory/regions.h"

#include "base/text.h"
#include "serve/signature_check.h"
#include "serve/tensors.h"

namespace hf::serve {
namespace {

Status check_row(const Regions::Row& row) {
    if (row.name.empty() || row.name.size() > Regions::kNameBytesMax) {
        return invalid_argument("the name of a region has 1 to {} bytes, and this one {}",
                                Regions::kNameBytesMax, row.name.size());
    }
    if (row.byte_size > Regions::kRegionBytesMax) {
        return resource_exhausted("region '{}' has {} bytes; the limit is {}", row.name,
                                  row.byte_size, Regions::kRegionBytesMax);
    }
    return {};
}

Status not_here(std::string_view name) {
    return not_found(
        "no shared memory region '{}' is registered; register it "
        "(POST /v2/systemsharedmemory/region/NAME/register)",
        name);
}

// With the place of the parameter in front.
Status placed(const Status& status) {
    if (status.ok()) return status;
    return Status(status.code(), fmt::format("/parameters/{}: {}", kRegionName, status.message()));
}

Status check_size(const RegionSpan& span, DType dtype, const Shape& shape) {
    if (span.byte_size > Regions::kTensorBytesMax) {
        return resource_exhausted("/parameters/{}: {} bytes; the limit of a tensor is {}",
                                  kRegionByteSize, span.byte_size, Regions::kTensorBytesMax);
    }
    if (dtype == DType::kString) return {};
    const std::uint64_t wanted = static_cast<std::uint64_t>(shape.elements()) * dtype_size(dtype);
    if (span.byte_size == wanted) return {};
    return invalid_argument("/parameters/{}: is {}, and shape {} of {} needs {} bytes",
                            kRegionByteSize, span.byte_size, shape.to_string(), oip_name(dtype),
                            wanted);
}

}  // namespace

Status Regions::add(Row row) {
    HF_TRY(check_row(row));
    Region region;
    region.block = HF_TRY(open_(row.key).context("region '{}'", row.name));
    const std::uint64_t size = HF_TRY(region.block->size());
    if (row.offset > size || row.byte_size > size - row.offset) {
        return invalid_argument(
            "region '{}': {} bytes from {} on are not within shared memory '{}' of {} bytes",
            row.name, row.byte_size, row.offset, row.key, size);
    }
    const MutexLock lock(mutex_);
    if (regions_.contains(row.name)) {
        return already_exists("region '{}' is registered; unregister it first", row.name);
    }
    if (regions_.size() == kRegionsMax) {
        return resource_exhausted("{} regions are registered; unregister some", kRegionsMax);
    }
    std::string name = row.name;
    region.row = std::move(row);
    regions_.emplace(std::move(name), std::move(region));
    return {};
}

void Regions::remove(std::string_view name) {
    const MutexLock lock(mutex_);
    const auto found = regions_.find(name);
    if (found != regions_.end()) regions_.erase(found);
}

void Regions::remove_all() {
    const MutexLock lock(mutex_);
    regions_.clear();
}

Result<std::vector<Regions::Row>> Regions::rows(std::string_view name) const {
    std::vector<Row> rows;
    const MutexLock lock(mutex_);
    for (const auto& [known, region] : regions_) {
        if (name.empty() || name == known) rows.push_back(region.row);
    }
    if (!name.empty() && rows.empty()) return not_here(name);
    return rows;
}

Result<Regions::Place> Regions::find(const RegionSpan& span) const {
    const MutexLock lock(mutex_);
    const auto found = regions_.find(span.region);
    if (found == regions_.end()) return not_here(span.region);
    const Row& row = found->second.row;
    if (span.offset > row.byte_size || span.byte_size > row.byte_size - span.offset) {
        return invalid_argument("{} bytes from {} on are not within region '{}' of {} bytes",
                                span.byte_size, span.offset, row.name, row.byte_size);
    }
    // No overflow: both are within the block, whose size is a file's.
    return Place{found->second.block, row.offset + span.offset};
}

Status Regions::check(const RegionSpan& span) const {
    return find(span).status();
}

Result<Bytes> Regions::read(const RegionSpan& span) const {
    const Place place = HF_TRY(find(span));
    Bytes bytes(static_cast<std::size_t>(span.byte_size));
    HF_TRY(place.block->read(place.offset, bytes));
    return bytes;
}

Status Regions::write(const RegionSpan& span, ByteView bytes) const {
    const Place place = HF_TRY(find(span));
    if (bytes.size() > span.byte_size) {
        return invalid_argument("{} bytes were given, and the output has {}", span.byte_size,
                                bytes.size());
    }
    return place.block->write(place.offset, bytes);
}

Status check_region(const Regions* regions, const RegionSpan& span) {
    if (regions) return placed(regions->check(span));
    return invalid_argument(
        "/parameters/{}: shared memory is off here; send the data in the request, or start the "
        "server with --shared-memory",
        kRegionName);
}

Result<Tensor> read_region(const Regions* regions, const RegionSpan& span, DType dtype,
                           const Shape& shape) {
    HF_TRY(check_region(regions, span));
    HF_TRY(check_size(span, dtype, shape));
    const Result<Bytes> bytes = regions->read(span);
    if (!bytes.ok()) return placed(bytes.status());
    Result<Tensor> tensor = tensor_from_binary(*bytes, dtype, shape);
    if (!tensor.ok()) return placed(tensor.status());
    return tensor;
}

Status write_regions(const Regions* regions, const InferRequest& request,
                     const std::vector<Tensor>& outputs) {
    for (std::size_t i = 0; i < request.outputs.size(); ++i) {
        const InferRequest::Wanted& wanted = request.outputs[i];
        if (wanted.region.empty()) continue;
        Status status = check_region(regions, wanted.region);
        const Tensor& tensor = outputs[wanted.output];
        if (status.ok() && tensor.dtype() == DType::kString) {
            status = placed(regions->write(wanted.region, tensor_to_binary(tensor)));
        } else if (status.ok()) {
            status = placed(regions->write(wanted.region, tensor.bytes()));
        }
        if (!status.ok()) return at("outputs", i, status);
    }
    return {};
}

}  // namespace hf::serve
