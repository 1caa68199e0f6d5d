// ModelStatisticsResponse of the statistics extension, in Protocol Buffers. Pure.

#pragma once

#include <memory>
#include <vector>

#include "serve/model_host.h"

namespace hf::serve::grpc {

Bytes write_statistics(const std::vector<std::shared_ptr<ModelHost>>& hosts);

}  // namespace hf::serve::grpc
